//! Flows of several registries, and their merging.

mod merge;
#[cfg(feature = "serde")]
mod written;

use core::ops::Range;

use crate::flow::answer::{Answer, Overall};
use crate::flow::decay;
use crate::flow::definition::{Definition, Measure};
use crate::flow::distinct::{Count, Distinct, DistinctValues, Period};
use crate::flow::heavy::{Entry, Heavy, Weights};
use crate::hash_key::HashKey;
use crate::timestamp::Timestamp;
use merge::{flows_together, merge_sums};
#[cfg(feature = "serde")]
use written::Written;

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

fn sorted<V>(flows: impl Iterator<Item = (Box<[u8]>, V)>) -> Sorted<V> {
    let mut flows: Vec<_> = flows.collect();
    flows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    flows
}
