use core::time::Duration;

use super::AgentKey;
use crate::timestamp::Timestamp;

/// The state of an agent and of its stream of datagrams.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AgentStatus {
    /// The agent.
    pub key: AgentKey,
    /// Datagrams used.
    pub received: u64,
    /// Datagrams lost.
    pub lost: u64,
    /// Datagrams used that arrived after a newer one.
    pub reordered: u64,
    /// Duplicates.
    pub repeated: u64,
    /// Datagrams too old to be distinguished from duplicates.
    pub late: u64,
    /// Number of restarts.
    pub restarts: u64,
    /// Datagrams with its identity that did not continue its sequence and were rejected, because its
    /// sequence continued: forged, or from a second process with the same identity. The first
    /// datagrams of a parallel sequence are included.
    pub rejected: u64,
    /// Time at which such datagrams were last rejected.
    pub last_rejected: Option<Timestamp>,
    /// Number of known data sources.
    pub sources: usize,
    /// Counters samples used.
    pub samples: u64,
    /// Counters samples lost.
    pub samples_lost: u64,
    /// Whether counters of one of its entities have advanced, or it has sent packet samples of known
    /// length in sequence. It and its data sources are not removed to admit others.
    pub established: bool,
    /// Whether the last [`expire`](crate::Registry::expire) found that it had sent no datagram for
    /// longer than it takes its slowest data source with a known polling interval to become stale.
    pub silent: bool,
    /// Whether another sender has used its address at the same time.
    pub contested: bool,
    /// Number of current sequences of datagrams with its identity. More than one belong to several
    /// processes, line cards or devices, or are forged.
    pub sequences: usize,
    /// Whether several of these sequences report the same data sources, or did so recently. The values
    /// of these data sources are unknown.
    pub doubtful: bool,
    /// Whether the numbers of its datagrams are implausible or advance by more than one. Uptimes or
    /// arrival order its datagrams, and losses are unknown.
    pub odd_numbering: bool,
    /// Times that the numbers of samples of one of its data sources were found to be implausible and
    /// are ignored.
    pub odd_sources: u64,
    /// Time of the first datagram.
    pub first_seen: Timestamp,
    /// Time of the last datagram that was used.
    pub last_seen: Timestamp,
    /// Uptime in the newest datagram.
    pub uptime: Duration,
}

impl AgentStatus {
    /// The share of lost datagrams, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        part(self.lost, self.received)
    }

    /// The share of lost counters samples, from 0 to 1; `None` before the first sample.
    pub fn sample_loss(&self) -> Option<f64> {
        part(self.samples_lost, self.samples)
    }
}

/// The share of lost items.
pub(crate) fn part(lost: u64, received: u64) -> Option<f64> {
    let all = received + lost;
    (all > 0).then(|| lost as f64 / all as f64)
}
