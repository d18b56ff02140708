//! Flows of several registries, and their merging.

use core::ops::Range;

use crate::flow::answer::{Answer, Overall};
use crate::flow::decay;
use crate::flow::definition::{Definition, Measure};
use crate::flow::distinct::{Count, Distinct, DistinctValues, Period};
use crate::flow::heavy::{Entry, Heavy, Weights};
use crate::hash_key::HashKey;
use crate::timestamp::Timestamp;

/// The contribution of one registry to the flows of several registries that ingest the datagrams of
/// different agents and watch the same definition, with the same [`Config`](crate::Config).
///
/// [`merge`](Self::merge) the partials of all registries, then read the [`answer`](Self::answer).
/// Merging is commutative and associative except for rounding, and [`Partial::empty`] is its
/// identity.
///
/// * **Bounds**: of flows without an entry, a registry that has evicted flows has only an upper
///   bound, [`Answer::unseen`]. The upper bound of a merged flow ([`Row::value`](super::Row::value))
///   is the sum of its values where it has an entry and of the bounds elsewhere; the lower bound
///   (`value - error`) is the sum of its lower bounds. While no registry evicts flows, both are the
///   value that one registry for all agents has.
/// * **Time**: partials can be from different times. Smoothed values decay to the latest of them
///   before they are added. Partials of different windows do not merge.
/// * **Distinct counts**: the values that several registries have counted are counted once. This
///   requires the same [`hash_key`](crate::Config::hash_key); otherwise merging fails. Registries
///   without a configured key have different ones.
///
/// With feature `serde`, partials can be serialised. The format has a [`VERSION`](Self::VERSION),
/// and deserialisation rejects inconsistent values. A partial does not contain the hash key, but it
/// shows whether two partials have the same one.
///
/// ```
/// use sflow_metrics::{Registry, Timestamp, flow::{Definition, Partial}};
///
/// let definition: Definition = "keys=ip.src;value=bytes[1m tumbling]".parse()?;
/// let now = Timestamp::from_secs(1_700_000_000);
///
/// let mut all = Partial::empty(&definition);
/// for mut worker in [Registry::default(), Registry::default()] {
///     let id = worker.watch_flows(definition.clone())?;
///     // Each worker ingests the datagrams of other agents.
///     all.merge(worker.flow_partial(now, id).ok_or("unknown id")?)?;
/// }
/// assert!(all.answer(now).rows.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "Written", try_from = "Written"))]
pub struct Partial {
    definition: Definition,
    /// The time to which all amounts refer.
    at: Option<Timestamp>,
    window: Option<Range<Timestamp>>,
    overall: Overall,
    flows: Flows,
}

/// Encoded keys and the values of these flows, sorted by keys.
type Sorted<V> = Vec<(Box<[u8]>, V)>;

#[derive(Clone, Debug, PartialEq)]
enum Flows {
    Sums(Sorted<Weights>),
    Counts(Counts<Sorted<Count>>),
}

/// Distinct values.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct Counts<F> {
    /// The fingerprint of the hash key.
    hash_key: Option<u64>,
    all: DistinctValues,
    flows: F,
}

/// Why two partials cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They belong to different definitions.
    #[error("cannot merge flows of `{theirs}` into flows of `{ours}`")]
    OtherDefinition {
        /// The definition of the partial that was to be extended.
        ours: String,
        /// The definition of the other partial.
        theirs: String,
    },
    /// They contain different windows.
    #[error("cannot merge flows of different windows, which begin at {} s and at {} s: request partials of all registries at the same time, and configure the same slots", .ours.start, .theirs.start)]
    OtherWindow {
        /// The window of the partial that was to be extended.
        ours: Range<Timestamp>,
        /// The window of the other partial.
        theirs: Range<Timestamp>,
    },
    /// Distinct values were hashed with different keys.
    #[error(
        "cannot merge counts of distinct values of registries with different hash keys: configure \
         the same `hash_key` for all of them"
    )]
    OtherHashKey,
    /// The result would contain too many flows.
    #[error("{flows} flows exceed the limit of {limit}: use fewer keys, or narrow the filters")]
    TooManyFlows {
        /// Number of flows.
        flows: usize,
        /// The maximum for this measure.
        limit: usize,
    },
}

impl Partial {
    /// The version of the serialised form.
    pub const VERSION: u32 = 1;
    /// Maximum number of flows; an eighth of it if the definition counts distinct values.
    pub const MAX_FLOWS: usize = 1_000_000;

    /// The contribution of a registry without samples.
    pub fn empty(definition: &Definition) -> Self {
        let flows = match definition.value {
            Measure::Distinct(_) => Flows::Counts(Counts::default()),
            _ => Flows::Sums(Vec::new()),
        };
        Self {
            definition: definition.clone(),
            at: None,
            window: None,
            overall: Overall::default(),
            flows,
        }
    }

    /// A partial without flows. Stored amounts times `factor` are the amounts at this time.
    pub(super) fn new(
        definition: &Definition,
        at: Timestamp,
        window: Option<Range<Timestamp>>,
        mut overall: Overall,
        factor: f64,
    ) -> Self {
        overall.rescale(factor);
        Self {
            at: Some(at),
            window,
            overall,
            ..Self::empty(definition)
        }
    }

    pub(super) fn with_sums(mut self, heavy: &Heavy, factor: f64) -> Self {
        let flow = |entry: &Entry| {
            let mut weights = entry.weights;
            weights.rescale(factor);
            (entry.key.clone(), weights)
        };
        self.flows = Flows::Sums(sorted(heavy.entries().iter().map(flow)));
        self
    }

    pub(super) fn with_counts(
        mut self,
        distinct: &Distinct,
        ended_periods: u64,
        hash_key: &HashKey,
    ) -> Self {
        let now = |values: &DistinctValues| {
            let mut values = values.clone();
            values.end_periods(ended_periods);
            values
        };
        let count = |(key, count): &(Box<[u8]>, Count)| {
            let values = now(&count.values);
            let samples = count.samples;
            (key.clone(), Count { samples, values })
        };
        let flows = distinct.entries().iter().map(count);
        self.flows = Flows::Counts(Counts {
            hash_key: Some(hash_key.fingerprint()),
            all: now(distinct.all()),
            flows: sorted(flows.filter(|(_, count)| !count.values.is_empty())),
        });
        self
    }

    /// The definition.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Adds the contribution of another registry.
    ///
    /// # Errors
    ///
    /// If the other partial belongs to another definition, another window or another hash key, or
    /// if the result exceeds the limit. Nothing is added then.
    pub fn merge(&mut self, mut other: Self) -> Result<(), MergeError> {
        self.check(&other)?;
        let at = self.at.max(other.at);
        self.advance(at);
        other.advance(at);
        let unseen = (self.overall.unseen, other.overall.unseen);
        self.overall.merge(&other.overall);
        self.window = self.window.take().or(other.window);
        match (&mut self.flows, other.flows) {
            (Flows::Sums(ours), Flows::Sums(theirs)) => merge_sums(ours, theirs, unseen),
            (Flows::Counts(ours), Flows::Counts(theirs)) => ours.merge(theirs),
            // Partials of the same definition are of the same kind.
            (Flows::Sums(_) | Flows::Counts(_), _) => {}
        }
        Ok(())
    }

    /// The heaviest flows of all registries at this time, with error bounds. At an earlier time than
    /// that of the partials, smoothed values are those of at most one time constant before it.
    ///
    /// With a window, the answer is that of the window of the partials, at any later time.
    pub fn answer(&self, now: Timestamp) -> Answer {
        let (definition, window) = (&self.definition, self.window.clone());
        let factor = self.decay_until(Some(now));
        let answer = Answer::new(definition, now, window, &self.overall, factor);
        match &self.flows {
            Flows::Sums(flows) => {
                let flows = flows.iter().map(|(key, weights)| (&**key, weights));
                answer.with_sums(definition, flows, &self.overall, factor)
            }
            Flows::Counts(counts) => {
                let ended = self.periods_until(Some(now));
                let flows = counts.flows.iter();
                let flows =
                    flows.map(|(key, count)| (&**key, count.samples, count.values.estimate(ended)));
                answer.with_counts(definition, flows, counts.all.estimate(ended))
            }
        }
    }

    fn check(&self, other: &Self) -> Result<(), MergeError> {
        if self.definition != other.definition {
            return Err(MergeError::OtherDefinition {
                ours: self.definition.to_string(),
                theirs: other.definition.to_string(),
            });
        }
        if let (Some(ours), Some(theirs)) = (&self.window, &other.window)
            && ours != theirs
        {
            return Err(MergeError::OtherWindow {
                ours: ours.clone(),
                theirs: theirs.clone(),
            });
        }
        let flows = match (&self.flows, &other.flows) {
            (Flows::Sums(ours), Flows::Sums(theirs)) => flows_together(ours, theirs),
            (Flows::Counts(ours), Flows::Counts(theirs)) => {
                if let (Some(ours), Some(theirs)) = (ours.hash_key, theirs.hash_key)
                    && ours != theirs
                {
                    return Err(MergeError::OtherHashKey);
                }
                flows_together(&ours.flows, &theirs.flows)
            }
            (Flows::Sums(_) | Flows::Counts(_), _) => 0,
        };
        let limit = self.limit();
        if flows > limit {
            return Err(MergeError::TooManyFlows { flows, limit });
        }
        Ok(())
    }

    fn limit(&self) -> usize {
        match self.flows {
            Flows::Sums(_) => Self::MAX_FLOWS,
            Flows::Counts(_) => Self::MAX_FLOWS / Distinct::FEWER_KEYS,
        }
    }

    /// Changes all amounts to those of another time.
    fn advance(&mut self, at: Option<Timestamp>) {
        let factor = self.decay_until(at);
        let ended = self.periods_until(at);
        self.at = at;
        self.overall.rescale(factor);
        match &mut self.flows {
            Flows::Sums(flows) => flows
                .iter_mut()
                .for_each(|(_, weights)| weights.rescale(factor)),
            Flows::Counts(counts) => {
                counts.all.end_periods(ended);
                counts.flows.retain_mut(|(_, count)| {
                    count.values.end_periods(ended);
                    !count.values.is_empty()
                });
            }
        }
    }

    fn decay_until(&self, now: Option<Timestamp>) -> f64 {
        match (self.definition.smoothing(), self.at, now) {
            (Some(constant), Some(at), Some(now)) => decay::between(at, now, constant),
            _ => 1.0,
        }
    }

    fn periods_until(&self, now: Option<Timestamp>) -> u64 {
        match (self.definition.smoothing(), self.at, now) {
            (Some(constant), Some(at), Some(now)) => {
                let period = Period::new(constant);
                period.number(now).saturating_sub(period.number(at))
            }
            _ => 0,
        }
    }
}

impl Counts<Sorted<Count>> {
    fn merge(&mut self, other: Self) {
        self.hash_key = self.hash_key.or(other.hash_key);
        self.all.merge(&other.all);
        let both = |ours: &mut Count, theirs: &Count| {
            ours.samples = ours.samples.saturating_add(theirs.samples);
            ours.values.merge(&theirs.values);
        };
        merge_sorted(&mut self.flows, other.flows, both, |_, _| {});
    }
}

/// Adds sums. Where a flow has no entry, it has at most the weight `unseen` (ours, theirs).
fn merge_sums(ours: &mut Sorted<Weights>, theirs: Sorted<Weights>, unseen: (f64, f64)) {
    let one = |weights: &mut Weights, is_ours| {
        weights.add_unseen(if is_ours { unseen.1 } else { unseen.0 });
    };
    merge_sorted(ours, theirs, Weights::merge, one);
}

/// Merges flows: `both` adds theirs to ours, `one` is called for flows in one list, with whether it
/// is ours.
fn merge_sorted<V>(
    ours: &mut Sorted<V>,
    theirs: Sorted<V>,
    both: impl Fn(&mut V, &V),
    one: impl Fn(&mut V, bool),
) {
    let mut merged = Vec::with_capacity(ours.len().max(theirs.len()));
    let mut theirs = theirs.into_iter().peekable();
    for (key, mut value) in ours.drain(..) {
        while let Some((key, mut value)) = theirs.next_if(|(their_key, _)| *their_key < key) {
            one(&mut value, false);
            merged.push((key, value));
        }
        match theirs.next_if(|(their_key, _)| *their_key == key) {
            Some((_, their_value)) => both(&mut value, &their_value),
            None => one(&mut value, true),
        }
        merged.push((key, value));
    }
    merged.extend(theirs.map(|(key, mut value)| {
        one(&mut value, false);
        (key, value)
    }));
    *ours = merged;
}

/// Number of flows in both lists together.
fn flows_together<V>(ours: &Sorted<V>, theirs: &Sorted<V>) -> usize {
    let mut their_keys = theirs.iter().map(|(key, _)| key).peekable();
    let is_common = |(key, _): &&(Box<[u8]>, V)| {
        while their_keys.next_if(|their_key| *their_key < key).is_some() {}
        their_keys.next_if_eq(&key).is_some()
    };
    ours.len() + theirs.len() - ours.iter().filter(is_common).count()
}

fn sorted<V>(flows: impl Iterator<Item = (Box<[u8]>, V)>) -> Sorted<V> {
    let mut flows: Vec<_> = flows.collect();
    flows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    flows
}

#[cfg(feature = "serde")]
mod written {
    use core::ops::Range;
    use std::collections::BTreeMap;

    use super::{Count, Counts, Flows, Overall, Partial, Sorted, Timestamp, Weights};
    use crate::flow::definition::Definition;
    use crate::flow::value::Raw;
    use crate::hex::Hex;

    /// The serialised form. Flows are identified by their encoded keys.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Written {
        version: u32,
        definition: String,
        at: Option<Timestamp>,
        window: Option<(Timestamp, Timestamp)>,
        overall: Overall,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sums: Option<BTreeMap<Hex, Weights>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counts: Option<Counts<BTreeMap<Hex, Count>>>,
    }

    /// Why a serialised partial is rejected.
    #[derive(Debug, thiserror::Error)]
    pub(super) enum Invalid {
        #[error("unsupported version {0} of a partial, expected {ours}: run the same release everywhere", ours = Partial::VERSION)]
        Version(u32),
        #[error("invalid definition in a partial: {0}")]
        Definition(#[from] crate::flow::Error),
        #[error("flow `{0}` of a partial does not have the keys of the definition")]
        Keys(Hex),
        #[error("inconsistent numbers in a partial")]
        Numbers,
        #[error("a partial exceeds the limit of {0} flows")]
        TooMuch(usize),
    }

    impl From<Partial> for Written {
        fn from(partial: Partial) -> Self {
            let (sums, counts) = match partial.flows {
                Flows::Sums(flows) => (Some(hex(flows)), None),
                Flows::Counts(counts) => {
                    let counts = Counts {
                        hash_key: counts.hash_key,
                        all: counts.all,
                        flows: hex(counts.flows),
                    };
                    (None, Some(counts))
                }
            };
            Self {
                version: Partial::VERSION,
                definition: partial.definition.to_string(),
                at: partial.at,
                window: partial.window.map(|window| (window.start, window.end)),
                overall: partial.overall,
                sums,
                counts,
            }
        }
    }

    impl TryFrom<Written> for Partial {
        type Error = Invalid;

        fn try_from(written: Written) -> Result<Self, Invalid> {
            if written.version != Self::VERSION {
                return Err(Invalid::Version(written.version));
            }
            let definition: Definition = written.definition.parse()?;
            let empty = Self::empty(&definition);
            let flows = match (&empty.flows, written.sums, written.counts) {
                (Flows::Sums(_), Some(sums), None) => {
                    check_keys(&definition, sums.keys(), empty.limit())?;
                    if !sums.values().all(is_consistent) {
                        return Err(Invalid::Numbers);
                    }
                    Flows::Sums(bytes(sums))
                }
                (Flows::Counts(_), None, Some(counts)) => {
                    check_keys(&definition, counts.flows.keys(), empty.limit())?;
                    let is_empty = counts.all.is_empty() && counts.flows.is_empty();
                    if counts.hash_key.is_none() && !is_empty {
                        return Err(Invalid::Numbers);
                    }
                    Flows::Counts(Counts {
                        hash_key: counts.hash_key,
                        all: counts.all,
                        flows: bytes(counts.flows),
                    })
                }
                _ => return Err(Invalid::Numbers),
            };
            let window = written.window;
            let is_valid = are_amounts(&written.overall)
                && window.is_none_or(|(start, end)| start <= end)
                && window.is_some() == (definition.window().is_some() && written.at.is_some())
                && (written.at.is_some() || is_empty(&written.overall, &flows));
            if !is_valid {
                return Err(Invalid::Numbers);
            }
            Ok(Self {
                definition,
                at: written.at,
                window: window.map(|(start, end)| Range { start, end }),
                overall: written.overall,
                flows,
            })
        }
    }

    fn hex<V>(flows: Sorted<V>) -> BTreeMap<Hex, V> {
        flows
            .into_iter()
            .map(|(key, value)| (Hex(key), value))
            .collect()
    }

    fn bytes<V>(flows: BTreeMap<Hex, V>) -> Sorted<V> {
        flows
            .into_iter()
            .map(|(Hex(key), value)| (key, value))
            .collect()
    }

    /// Whether all keys are encoded values of the keys of the definition.
    fn check_keys<'k>(
        definition: &Definition,
        keys: impl ExactSizeIterator<Item = &'k Hex>,
        limit: usize,
    ) -> Result<(), Invalid> {
        if keys.len() > limit {
            return Err(Invalid::TooMuch(limit));
        }
        let mut encoded = Vec::new();
        for key in keys {
            encoded.clear();
            let mut rest = &*key.0;
            // Without keys all packets have the same value.
            for _ in 0..definition.keys().len().max(1) {
                let value = Raw::decode(&mut rest).unwrap_or(Raw::Absent);
                value.encode(&mut encoded, usize::MAX);
            }
            if *encoded != *key.0 {
                return Err(Invalid::Keys(key.clone()));
            }
        }
        Ok(())
    }

    /// The sums of any number of smaller amounts, and the squares of these, are finite.
    fn is_amount(amount: f64) -> bool {
        (0.0..1e100).contains(&amount)
    }

    fn is_consistent(weights: &Weights) -> bool {
        let Weights {
            weight,
            error,
            stated,
            variance,
            ..
        } = *weights;
        [weight, error, stated].into_iter().all(is_amount)
            && (0.0..1e200).contains(&variance)
            // Numbers may be rounded when they are read.
            && error <= weight * (1.0 + 1e-9)
    }

    fn are_amounts(overall: &Overall) -> bool {
        let Overall {
            weight,
            stated,
            unreported,
            unseen,
            variance,
            ..
        } = *overall;
        [weight, stated, unreported, unseen]
            .into_iter()
            .all(is_amount)
            && (0.0..1e200).contains(&variance)
    }

    fn is_empty(overall: &Overall, flows: &Flows) -> bool {
        let has_flows = match flows {
            Flows::Sums(flows) => !flows.is_empty(),
            Flows::Counts(counts) => *counts != Counts::default(),
        };
        !has_flows && *overall == Overall::default()
    }
}

#[cfg(feature = "serde")]
use written::Written;
