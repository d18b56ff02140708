//! Leadership of this instance.

use std::collections::VecDeque;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::LoopStatus;
use crate::format::shortened;

/// The leadership as known to this instance, if several instances elect a leader. Times are those of
/// the loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderStatus {
    /// Whether this instance is the leader.
    pub is_leader: bool,
    /// Name of this instance.
    pub instance: String,
    /// Name of the leader; `None` while it is unknown and after a release.
    pub holder: Option<String>,
    /// URL of the leader's page. It was read from the store of the lease, which others can write.
    pub address: Option<String>,
    /// Number of the leadership: each takeover increases it by one.
    pub term: u64,
    /// When this instance first saw this term.
    pub since: Option<Timestamp>,
    /// When this instance last saw the lease change, or renewed it.
    pub renewed: Option<Timestamp>,
    /// Whether this instance may change the cluster now.
    pub may_write: bool,
    /// Error of the last request to the store; `None` if it answered.
    pub error: Option<String>,
}

/// Period in which changes of leadership are counted.
const PERIOD: Duration = Duration::from_secs(600);

/// The leadership and its last changes.
#[derive(Debug, Default)]
pub(super) struct Leader {
    status: Option<LeaderStatus>,
    /// Times of the last takeovers, oldest first, at most [`MAX_CHANGES`](Self::MAX_CHANGES).
    changes: VecDeque<Timestamp>,
}

impl Leader {
    const MAX_CHANGES: usize = 64;
}

impl LoopStatus {
    /// Sets the leadership of this instance. Text of the store is shortened and made printable.
    pub fn set_leader(&mut self, mut leader: LeaderStatus) {
        for (text, limit) in [
            (&mut leader.holder, 200),
            (&mut leader.address, 200),
            (&mut leader.error, 1_000),
        ] {
            *text = text.take().map(|text| shortened(&text, limit));
        }
        let now = self.present();
        let changes = &mut self.leader.changes;
        let known = self.leader.status.as_ref().map_or(0, |known| known.term);
        if known > 0 && leader.term > known {
            if changes.len() == Leader::MAX_CHANGES {
                changes.pop_front();
            }
            changes.push_back(now);
        }
        self.leader.status = Some(leader);
    }

    /// The leadership of this instance; `None` if no election is configured and it acts alone.
    pub const fn leader(&self) -> Option<&LeaderStatus> {
        self.leader.status.as_ref()
    }

    /// Number of takeovers that this instance saw in the last 10 minutes.
    pub fn leader_changes(&self) -> usize {
        let now = self.present();
        let changes = self.leader.changes.iter();
        changes.filter(|at| now - **at <= PERIOD).count()
    }
}
