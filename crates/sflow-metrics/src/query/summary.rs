use core::fmt;
use core::time::Duration;

use super::gather::Gathering;
use super::statistic::Statistic;
use crate::display::padded;
use crate::entity::EntityId;
use crate::timestamp::Timestamp;

/// The answer to one expression of a [`Query`](super::Query).
///
/// It contains the number of entities that contributed: an average over one of five containers is
/// less reliable than an average over five.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Summary {
    /// The value; `None` if no entity contributed, which is different from zero.
    pub value: Option<f64>,
    /// Maximum error of a median, quartile or percentile as a fraction of the exact value: 0 up to
    /// 10,000 values, above 0.01. For `iqr` it is the error of each of the two quartiles.
    pub relative_error: f64,
    /// Number of entities with a current value.
    pub contributing: usize,
    /// Number of entities of the right kind that pass the filters, with or without a current value.
    pub matched: usize,
    /// Number of matching entities without rates, because they have started recently.
    pub warming: usize,
    /// Number of matching entities that are stale.
    pub stale: usize,
    /// Number of matching entities without a value because the registry does not keep the window of
    /// the query: pass the query to [`Registry::watch`](crate::Registry::watch) first.
    pub unwatched: usize,
    /// Age of the newest value.
    pub newest: Option<Duration>,
    /// Age of the oldest value.
    pub oldest: Option<Duration>,
    /// The entity with this value, for `min`, `max` and `any`. If several have it, the one with the
    /// smallest id.
    pub winner: Option<EntityId>,
}

/// The value, the number of contributing entities and that of matching ones: `0.5 (3 of 4)`, or
/// `no value (0 of 4)`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        match self.value {
            Some(value) => value.fmt(f)?,
            None => f.write_str("no value")?,
        }
        write!(f, " ({} of {})", self.contributing, self.matched)
    }
}

impl Summary {
    /// Number of matching entities without a current value.
    pub const fn missing(&self) -> usize {
        self.matched.saturating_sub(self.contributing)
    }

    /// Finishes a gathering.
    pub(crate) fn of<W: Clone + Ord>(
        gathering: &Gathering<W>,
        statistic: Statistic,
        now: Timestamp,
    ) -> (Self, Option<&W>) {
        let (value, winner) = gathering.finish(statistic);
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let summary = Self {
            value,
            relative_error: gathering.values.relative_error(),
            contributing: number(gathering.count),
            matched: number(gathering.matched),
            warming: number(gathering.warming),
            stale: number(gathering.stale),
            unwatched: number(gathering.unwatched),
            newest: gathering.read.map(|(newest, _)| now - newest),
            oldest: gathering.read.map(|(_, oldest)| now - oldest),
            winner: None,
        };
        (summary, winner)
    }
}
