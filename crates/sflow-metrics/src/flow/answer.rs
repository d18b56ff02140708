use core::fmt;

use crate::flow::key::Key;
use crate::flow::value::Value;
use crate::timestamp::Timestamp;

/// Names one flow definition that a registry watches; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Id(pub(crate) u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// There are as many flow definitions as the configuration allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{watched} flow definitions are watched already: stop watching one, or raise \
     `max_flow_definitions`"
)]
pub struct TooManyDefinitions {
    /// How many are watched.
    pub watched: usize,
}

/// The heaviest flows of a definition, and how sure that is.
///
/// All amounts are in the unit of the definition's [measure](crate::flow::Measure): per second if
/// it smooths, else since it is watched.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// What the values of each row stand for.
    pub keys: Vec<Key>,
    /// The heaviest flows, heaviest first.
    pub rows: Vec<Row>,
    /// Everything that passed the filters. Of a count of distinct values: of all flows together,
    /// which is less than their sum if they share values.
    pub total: f64,
    /// By how much `total` may be wrong because it is estimated from samples, at 95 %.
    pub total_sampling_error: f64,
    /// The part of it that is due to sampling rates, as in [`Row::rate_error`].
    pub total_rate_error: f64,
    /// What is not in any row: the rows and this add up to `total`. 0 of a count of distinct
    /// values, which do not add up.
    pub other: f64,
    /// Samples that passed the filters, since the definition is watched.
    pub samples: u64,
    /// Flows that are kept apart.
    pub tracked: usize,
    /// Times that a flow had to make room for another, since the definition is watched; of a
    /// count of distinct values, samples of flows for which there was no room.
    pub evicted: u64,
    /// A flow that is not among those kept apart is not heavier than this.
    pub unseen: f64,
    /// Dropped packets (not bytes) that were not reported, for their rate or because the
    /// notifications were lost on the way: as many of them as would pass the filters if they are
    /// like those that were reported. They are in no row and not in `total`. 0 of packet samples.
    pub unreported: f64,
}

/// One flow.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Row {
    /// Its value under each key of the definition.
    pub keys: Vec<Value>,
    /// How much of it there is. As far as samples tell it is not more than this, nor less than
    /// this without `error`.
    pub value: f64,
    /// How much of `value` may be of other flows that had to make room for this one (the bound
    /// of Space-Saving); 0 as long as there was room for all.
    pub error: f64,
    /// By how much `value` may be wrong, up or down, because it is estimated from samples: with
    /// a probability of 95 % it is not by more. Where all samples weigh the same it is the
    /// `1.96 / √samples`-th part of it. The [`rate_error`](Self::rate_error) is added.
    pub sampling_error: f64,
    /// The part of `sampling_error` by which the growth of sample pools and the stated sampling
    /// rates disagree: `value` is by pools, and this is the difference from samples × stated rate.
    /// It is systematic: of several flows of one agent the sums of values and of these differ
    /// alike.
    pub rate_error: f64,
    /// Its samples, since it is kept apart.
    pub samples: u64,
}
