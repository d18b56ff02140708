use core::fmt;
use core::ops::Range;

use crate::flow::definition::Definition;
use crate::flow::heavy::Weights;
use crate::flow::key::Key;
use crate::flow::sketch::Estimate;
use crate::flow::value::{Raw, Value};
use crate::timestamp::Timestamp;

/// Standard deviations of a normal distribution that include 95 % of cases.
const NINETY_FIVE: f64 = 1.96;

/// Flows without samples for this many time constants are not listed: their value is below a
/// millionth of what it was.
const FADED: u32 = 16;

/// Identifies a flow definition that a registry watches. Ids are not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Id(pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The registry watches as many flow definitions as its configuration allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {limit} flow definitions is reached: remove one, or raise the limit")]
#[non_exhaustive]
pub struct TooManyDefinitions {
    /// [`Config::max_flow_definitions`](crate::Config::max_flow_definitions).
    pub limit: usize,
}

/// The heaviest flows of a definition, with error bounds.
///
/// All amounts are in the [unit](crate::flow::Measure::unit) of the definition's measure: per
/// second if the definition has a smoothing time constant or a window, else totals since
/// [`watch_flows`](crate::Registry::watch_flows). With a window, all fields refer to the last complete window. The first window contains
/// only the samples received since then; before its end, answers are empty.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Answer {
    /// The time of the answer.
    pub at: Timestamp,
    /// The last complete window; `None` if the definition has no window.
    pub window: Option<Range<Timestamp>>,
    /// The keys of the definition: the columns of [`Row::keys`].
    pub keys: Vec<Key>,
    /// The heaviest flows in descending order, at most [`top`](crate::flow::Definition::top).
    pub rows: Vec<Row>,
    /// The sum over all packets that pass the filters. For a count of distinct values: the count
    /// over all flows together, which is less than the sum of their counts if they share values.
    pub total: f64,
    /// The sampling error of `total`, as in [`Row::sampling_error`].
    pub total_sampling_error: f64,
    /// The part of it that is due to sampling rates, as in [`Row::rate_error`].
    pub total_rate_error: f64,
    /// `total` minus the sum of the rows. 0 for a count of distinct values, which is not additive,
    /// and if upper bounds of merged registries add up to more than the total.
    pub other: f64,
    /// Samples that passed the filters since the definition is watched.
    pub samples: u64,
    /// Number of flows with an entry of their own.
    pub tracked: usize,
    /// Number of times that a flow was evicted for another since the definition is watched. For a
    /// count of distinct values: samples of flows that found no free entry.
    pub evicted: u64,
    /// Upper bound for the value of a flow without an entry.
    pub unseen: f64,
    /// Estimated number of dropped packets (never bytes) that were not reported, because the agent
    /// limits the rate of notifications or because notifications were lost. It assumes that as
    /// large a part of them passes the filters as of those that were reported. They are not
    /// included in `rows` and `total`. 0 for packet samples.
    pub unreported: f64,
}

/// One flow.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Row {
    /// The flow's value for each key of the definition.
    pub keys: Vec<Value>,
    /// The estimated amount: an upper bound for the sum over its samples; `value - error` is the
    /// lower bound.
    pub value: f64,
    /// The part of `value` that may belong to flows whose entry this flow took over (the error
    /// bound of Space-Saving) or, after merging, to other flows of registries that evicted this
    /// one. 0 if no flow was evicted.
    pub error: f64,
    /// The error of `value`, up or down, because it is estimated from samples, at 95 % confidence.
    /// If all samples have the same weight it is `value × 1.96 / √samples`. Includes
    /// [`rate_error`](Self::rate_error). For a count of distinct values it is the error of the
    /// estimate: 0 up to 95 values, which are counted exactly.
    pub sampling_error: f64,
    /// The difference between `value`, which uses the growth of sample pools, and samples × stated
    /// sampling rate. This part of `sampling_error` is systematic: it has the same sign for all
    /// flows of an agent.
    pub rate_error: f64,
    /// The flow's samples since it has an entry.
    pub samples: u64,
}

/// What an answer contains besides its flows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Overall {
    /// The sum over all flows.
    pub(super) weight: f64,
    /// The weight by the stated sampling rates.
    pub(super) stated: f64,
    /// The variance of `weight` due to sampling.
    pub(super) variance: f64,
    /// Estimated number of unreported drops.
    pub(super) unreported: f64,
    pub(super) samples: u64,
    pub(super) evicted: u64,
    /// Upper bound for a flow without an entry.
    pub(super) unseen: f64,
}

impl Overall {
    pub(super) fn rescale(&mut self, factor: f64) {
        self.weight *= factor;
        self.stated *= factor;
        self.variance *= factor * factor;
        self.unreported *= factor;
        self.unseen *= factor;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.weight += other.weight;
        self.stated += other.stated;
        self.variance += other.variance;
        self.unreported += other.unreported;
        self.samples = self.samples.saturating_add(other.samples);
        self.evicted = self.evicted.saturating_add(other.evicted);
        self.unseen += other.unseen;
    }
}

impl Answer {
    /// An answer without flows. Stored amounts times `factor` are the amounts of the answer.
    pub(super) fn new(
        definition: &Definition,
        at: Timestamp,
        window: Option<Range<Timestamp>>,
        overall: &Overall,
        factor: f64,
    ) -> Self {
        Self {
            at,
            window,
            keys: definition.keys.clone(),
            rows: Vec::new(),
            total: 0.0,
            total_sampling_error: 0.0,
            total_rate_error: 0.0,
            other: 0.0,
            samples: overall.samples,
            tracked: 0,
            evicted: overall.evicted,
            unseen: overall.unseen * factor,
            unreported: overall.unreported * factor,
        }
    }

    /// Adds the sums of flows.
    pub(super) fn with_sums<'e>(
        mut self,
        definition: &Definition,
        flows: impl ExactSizeIterator<Item = (&'e [u8], &'e Weights)>,
        overall: &Overall,
        factor: f64,
    ) -> Self {
        self.tracked = flows.len();
        let fades_in = definition
            .smoothing()
            .map(|constant| constant.saturating_mul(FADED));
        let is_listed = |weights: &Weights| {
            // In both directions: after a step back of the clock, the last sample is in the future.
            let between = (self.at - weights.last_seen).max(weights.last_seen - self.at);
            fades_in.is_none_or(|fades_in| between <= fades_in)
        };
        let heaviest = heaviest(
            flows.filter(|(_, weights)| is_listed(weights)).collect(),
            definition.top,
            |a, b| b.1.weight.total_cmp(&a.1.weight).then_with(|| a.0.cmp(b.0)),
        );
        let row = |(key, weights): (&[u8], &Weights)| Row {
            keys: values(definition, key),
            value: weights.weight * factor,
            error: weights.error * factor,
            sampling_error: (NINETY_FIVE * weights.variance.sqrt() + weights.rate_error()) * factor,
            rate_error: weights.rate_error() * factor,
            samples: weights.samples,
        };
        self.rows = heaviest.into_iter().map(row).collect();
        self.total = overall.weight * factor;
        let rate_error = (overall.weight - overall.stated).abs();
        self.total_rate_error = rate_error * factor;
        self.total_sampling_error = (NINETY_FIVE * overall.variance.sqrt() + rate_error) * factor;
        let listed: f64 = self.rows.iter().map(|row| row.value).sum();
        // Exactly 0 if all flows are listed, despite rounding.
        if self.rows.len() < self.tracked {
            self.other = (self.total - listed).max(0.0);
        }
        self
    }

    /// Adds the counts of flows: number of samples and estimated number of distinct values.
    pub(super) fn with_counts<'e>(
        mut self,
        definition: &Definition,
        flows: impl Iterator<Item = (&'e [u8], u64, Estimate)>,
        all: Estimate,
    ) -> Self {
        let counts: Vec<_> = flows.filter(|(.., count)| count.value > 0.0).collect();
        self.tracked = counts.len();
        let heaviest = heaviest(counts, definition.top, |a, b| {
            b.2.value.total_cmp(&a.2.value).then_with(|| a.0.cmp(b.0))
        });
        let row = |(key, samples, count): (&[u8], u64, Estimate)| Row {
            keys: values(definition, key),
            value: count.value,
            error: 0.0,
            sampling_error: NINETY_FIVE * count.error,
            rate_error: 0.0,
            samples,
        };
        self.rows = heaviest.into_iter().map(row).collect();
        self.total = all.value;
        self.total_sampling_error = NINETY_FIVE * all.error;
        self
    }
}

fn values(definition: &Definition, mut key: &[u8]) -> Vec<Value> {
    let value = |part: &Key| {
        let raw = Raw::decode(&mut key).unwrap_or(Raw::Absent);
        raw.to_value(part.kind())
    };
    definition.keys.iter().map(value).collect()
}

/// The first `top` items in this order, without sorting the others.
fn heaviest<T>(
    mut list: Vec<T>,
    top: usize,
    order: impl Fn(&T, &T) -> core::cmp::Ordering,
) -> Vec<T> {
    if top == 0 {
        return Vec::new();
    }
    if top < list.len() {
        list.select_nth_unstable_by(top - 1, &order);
        list.truncate(top);
    }
    list.sort_unstable_by(order);
    list
}
