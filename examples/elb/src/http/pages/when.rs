//! Formatting of times: time of day if the loop runs by the wall clock, otherwise time since its
//! start.

use sflow_metrics::Timestamp;

use crate::format::{clock, date, duration};
use crate::view::Snapshot;

/// Formats times.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) began: Option<i64>,
    /// Seconds since the start of the loop.
    elapsed: f64,
    started: Timestamp,
}

impl When {
    pub(super) fn of(snapshot: &Snapshot, started: Timestamp) -> Self {
        Self {
            started,
            began: snapshot.began,
            elapsed: snapshot.elapsed,
        }
    }

    /// Time of a decision.
    pub(super) fn decided(&self, time: Timestamp) -> String {
        self.time((time - self.started).as_secs_f64(), time)
    }

    /// A time, given as seconds since the start and as a timestamp.
    pub(super) fn time(&self, at: f64, time: Timestamp) -> String {
        let ago = duration(self.elapsed - at);
        let Some(_) = self.began else {
            return format!("<time>{}</time>", duration(at));
        };
        let unix = i64::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(0);
        let (day, hour) = (date(unix), clock(unix));
        format!(
            "<time datetime=\"{day}T{hour}Z\" title=\"{day} {hour} UTC, {ago} ago\">{hour}</time>"
        )
    }
}
