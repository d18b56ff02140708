//! Leadership of this instance.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;
use utoipa::ToSchema;

use super::LoopStatus;
use crate::config;
use crate::format::{duration, shortened};

/// The leadership as known to this instance, if several instances elect a leader. Times are those of
/// the loop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeaderStatus {
    /// Whether this instance is the leader and its lease has not expired; true without an election.
    pub is_leader: bool,
    /// Name of this instance; empty without an election.
    pub instance: String,
    /// Name of the leader; `None` while it is unknown and after a release.
    pub holder: Option<String>,
    /// URL of the leader's page. It was read from the store of the lease, which others can write: check
    /// it before you send a token to it.
    pub address: Option<String>,
    /// Number of the leadership: each takeover increases it by one; 0 without an election.
    pub term: u64,
    /// When this instance first saw this term, in nanoseconds since 1970.
    #[schema(value_type = Option<u64>)]
    pub since: Option<Timestamp>,
    /// When this instance last saw the lease change, or renewed it, in nanoseconds since 1970.
    #[schema(value_type = Option<u64>)]
    pub renewed: Option<Timestamp>,
    /// Whether this instance may change the cluster now. Its mode may still prevent it.
    pub may_write: bool,
    /// Error of the last request to the store of the lease; `None` if it answered.
    pub error: Option<String>,
}

/// The leadership for API, page and metrics.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct LeaderView {
    /// Whether several instances elect a leader. If not, this instance acts alone.
    pub election: bool,
    /// Seconds since `renewed`.
    pub renewed_age: Option<f64>,
    /// The leadership as known to this instance.
    #[serde(flatten)]
    pub status: LeaderStatus,
}

impl LeaderView {
    /// Whether this instance refuses changes, because another one leads or none.
    pub const fn is_standby(&self) -> bool {
        self.election && !self.status.is_leader
    }

    /// The address, if a page may link to it: an http or https URL without user information.
    pub fn link(&self) -> Option<&str> {
        let address = self.status.address.as_deref();
        address.filter(|address| config::Leader::check_address(address).is_ok())
    }

    /// The leader's name and address.
    pub fn leader(&self) -> Option<String> {
        let holder = self.status.holder.as_deref()?;
        Some(match &self.status.address {
            Some(address) => format!("{holder} ({address})"),
            None => holder.to_owned(),
        })
    }

    /// The leader or the lack of one, as a sentence.
    pub fn sentence(&self) -> String {
        let LeaderStatus {
            is_leader,
            term,
            may_write,
            ..
        } = self.status;
        let age = duration(self.renewed_age.unwrap_or(0.0));
        match (is_leader, self.leader()) {
            (true, _) if may_write => format!("This instance leads, term {term}."),
            (true, _) => format!(
                "This instance leads, term {term}, but changes nothing: the lease was renewed {age} ago."
            ),
            (false, Some(leader)) => format!("Standby: {leader} leads, term {term}."),
            (false, None) => format!("Standby: no instance is known to lead, last term {term}."),
        }
    }
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

    /// The leadership for API, page and metrics.
    pub fn leader_view(&self) -> LeaderView {
        let election = self.leader.status.is_some();
        let alone = || LeaderStatus {
            is_leader: true,
            may_write: true,
            ..LeaderStatus::default()
        };
        let status = self.leader.status.clone().unwrap_or_else(alone);
        let now = self.present();
        LeaderView {
            election,
            renewed_age: status.renewed.map(|at| (now - at).as_secs_f64()),
            status,
        }
    }
}
