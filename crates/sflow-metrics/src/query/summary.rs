use core::time::Duration;

use super::gather::Gathering;
use super::statistic::Statistic;
use crate::entity::EntityId;
use crate::timestamp::Timestamp;

/// The answer to one expression of a [`Query`](crate::Query).
///
/// It says on how much it stands: an average over one container of five is a different thing
/// from an average over five.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Summary {
    /// The number; `None` if nobody contributed. That is not zero.
    pub value: Option<f64>,
    /// Entities whose values are in it.
    pub contributing: usize,
    /// Entities that passed the filters and are of the right kind, heard or not.
    pub matched: usize,
    /// Of those matched, how many have only begun and have no rates yet.
    pub warming: usize,
    /// Of those matched, how many have not been heard in time.
    pub stale: usize,
    /// Age of the newest value.
    pub newest: Option<Duration>,
    /// Age of the oldest value.
    pub oldest: Option<Duration>,
    /// Whose value it is, of `min`, `max` and `any`: of several, that of the smallest number.
    pub winner: Option<EntityId>,
}

impl Summary {
    /// Entities that should have a value and have none.
    pub const fn missing(&self) -> usize {
        self.matched.saturating_sub(self.contributing)
    }

    /// What was gathered, as of now.
    pub(crate) fn of<W: Clone + Ord>(
        gathering: &Gathering<W>,
        statistic: Statistic,
        now: Timestamp,
    ) -> (Self, Option<&W>) {
        let (value, winner) = gathering.finish(statistic);
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let summary = Self {
            value,
            contributing: number(gathering.count),
            matched: number(gathering.matched),
            warming: number(gathering.warming),
            stale: number(gathering.stale),
            newest: gathering.read.map(|(newest, _)| now - newest),
            oldest: gathering.read.map(|(_, oldest)| now - oldest),
            winner: None,
        };
        (summary, winner)
    }
}
