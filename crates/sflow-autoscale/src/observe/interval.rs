//! Intervals of entities.

use std::time::Duration;

use sflow_metrics::entity::Entity;

/// The mean time between reports of an entity; `None` until it has been measured.
pub fn reporting_interval(entity: &Entity<'_>) -> Option<Duration> {
    /// From this number of samples on the registry knows the interval and ignores pauses.
    const LEARNED: u64 = 5;
    let samples = entity.samples();
    if samples >= LEARNED {
        return Some(entity.interval());
    }
    let intervals = (samples + entity.samples_lost()).checked_sub(1)?;
    let intervals = u32::try_from(intervals).ok().filter(|count| *count > 0)?;
    Some((entity.last_seen() - entity.first_seen()) / intervals)
}
