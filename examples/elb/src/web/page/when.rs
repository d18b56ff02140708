//! Moments as a reader wants them: by the clock where the loop's time is the clock's, else since
//! its beginning.

use sflow_metrics::Timestamp;

use crate::view::Snapshot;
use crate::words::{clock, date, duration};

/// How moments are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) began: Option<i64>,
    /// Seconds since the loop began.
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

    /// The moment of a decision.
    pub(super) fn decided(&self, time: Timestamp) -> String {
        self.told((time - self.started).as_secs_f64(), time)
    }

    /// A moment, given in both ways.
    pub(super) fn told(&self, at: f64, time: Timestamp) -> String {
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
