use core::time::Duration;

use super::AgentKey;
use crate::timestamp::Timestamp;

/// How the datagrams of one agent have come so far.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AgentStatus {
    /// Which agent.
    pub key: AgentKey,
    /// Datagrams that counted.
    pub received: u64,
    /// Datagrams that are missing.
    pub lost: u64,
    /// Datagrams that came after a newer one, and counted.
    pub reordered: u64,
    /// Datagrams that came again.
    pub repeated: u64,
    /// Datagrams too late to tell.
    pub late: u64,
    /// Times that it started again.
    pub restarts: u64,
    /// Datagrams with its identity that did not continue its sequence and were not used, since
    /// its sequence went on: forged, or of a second process with the same identity. The first
    /// datagrams of a sequence that goes on beside the others are among them.
    pub rejected: u64,
    /// Time at which such datagrams were last rejected.
    pub last_rejected: Option<Timestamp>,
    /// Its data sources that are known.
    pub sources: usize,
    /// Counters samples of its data sources that were taken.
    pub samples: u64,
    /// Counters samples that are missing between those.
    pub samples_lost: u64,
    /// Whether it has reported something useful: an entity whose counters advanced, or packet
    /// samples of a known length in sequence. It and its data sources are not removed to admit
    /// others.
    pub established: bool,
    /// Whether it was not heard for longer than it takes its slowest data source to be stale, of
    /// those of which it is known how often they are heard, as the last
    /// [`expire`](crate::Registry::expire) found.
    pub silent: bool,
    /// Whether another sender has used its address while it was heard.
    pub contested: bool,
    /// Sequences of datagrams with its identity that go on at present. More than one are of
    /// several processes, line cards or devices, or of a forger.
    pub sequences: usize,
    /// Whether several of these report the same data sources, or have done so lately. The values
    /// of these data sources are unknown.
    pub doubtful: bool,
    /// Whether the numbers of its datagrams make no sense or step by more than one. Its datagrams
    /// are ordered by their uptimes or arrival, and lost ones are unknown.
    pub odd_numbering: bool,
    /// Times that the numbers of samples of one of its data sources were found to make no sense.
    /// They are not used.
    pub odd_sources: u64,
    /// When its first datagram came.
    pub first_seen: Timestamp,
    /// When its last datagram came that was used.
    pub last_seen: Timestamp,
    /// What its newest datagram said of its uptime.
    pub uptime: Duration,
}

impl AgentStatus {
    /// The part of its datagrams that is missing, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        part(self.lost, self.received)
    }

    /// The part of the counters samples of its data sources that is missing, from 0 to 1;
    /// `None` before there was one.
    pub fn sample_loss(&self) -> Option<f64> {
        part(self.samples_lost, self.samples)
    }
}

/// What part of all is lost.
pub(crate) fn part(lost: u64, received: u64) -> Option<f64> {
    let all = received + lost;
    (all > 0).then(|| lost as f64 / all as f64)
}
