use core::fmt;

use crate::flow::key::Key;
use crate::flow::value::Value;
use crate::timestamp::Timestamp;

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
/// second if the definition has a smoothing time constant, else totals since it is watched.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Answer {
    /// The time of the answer.
    pub at: Timestamp,
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
    /// `total` minus the sum of the rows. 0 for a count of distinct values, which is not additive.
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
    /// bound of Space-Saving). 0 if no flow was evicted for this one.
    pub error: f64,
    /// The error of `value`, up or down, because it is estimated from samples, at 95 % confidence.
    /// If all samples have the same weight it is `value × 1.96 / √samples`. Includes
    /// [`rate_error`](Self::rate_error).
    pub sampling_error: f64,
    /// The difference between `value`, which uses the growth of sample pools, and samples × stated
    /// sampling rate. This part of `sampling_error` is systematic: it has the same sign for all
    /// flows of an agent.
    pub rate_error: f64,
    /// The flow's samples since it has an entry.
    pub samples: u64,
}
