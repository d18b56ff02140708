pub(crate) mod key;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::DataSource;

use crate::discipline::datagram::{Place, Stamp, Stream};
use crate::event::budget::Budget;
use crate::timestamp::Timestamp;
pub use key::AgentKey;

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
    /// Its data sources that are known.
    pub sources: usize,
    /// Counters samples of its data sources that were taken.
    pub samples: u64,
    /// Counters samples that are missing between those.
    pub samples_lost: u64,
    /// Whether it was heard for longer than the assumed interval, or has had an entity with
    /// rates: it and what it reports keep their places when there is no room for others.
    pub established: bool,
    /// Whether it was not heard for longer than it takes its slowest data source to be stale, of
    /// those of which it is known how often they are heard, as the last
    /// [`expire`](crate::Registry::expire) found.
    pub silent: bool,
    /// Whether another sender has used its address while it was heard.
    pub contested: bool,
    /// When its first datagram came.
    pub first_seen: Timestamp,
    /// When its last datagram came.
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

/// An agent and its data sources.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) status: AgentStatus,
    /// Its lives so far.
    pub(crate) session: u32,
    /// Places in the registry.
    pub(crate) sources: HashMap<DataSource, u32>,
    /// Those without a data source, by name.
    pub(crate) named: HashMap<Box<[u8]>, u32>,
    /// The place of the source that it spoke of last.
    pub(crate) last_source: Option<u32>,
    /// The first of its hosts.
    pub(crate) host: Option<Host>,
    /// Whose address it uses.
    pub(crate) rival: Rival,
    /// The events that it may cause.
    pub(crate) budget: Budget,
    stream: Stream,
}

/// Another sender that was first to use an agent's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// There is none, or it is known.
    None,
    /// There is one, unless it has become silent: then the agent has another address now.
    Suspected(IpAddr),
}

/// What containers need to know of the host they run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) data_source: DataSource,
    pub(crate) processors: Option<f64>,
}

impl Agent {
    /// How many sources it has.
    pub(crate) fn source_count(&self) -> usize {
        self.sources.len() + self.named.len()
    }

    pub(crate) fn new(key: AgentKey, first: Stamp) -> Self {
        Self {
            status: AgentStatus {
                key,
                received: 1,
                lost: 0,
                reordered: 0,
                repeated: 0,
                late: 0,
                restarts: 0,
                sources: 0,
                samples: 0,
                samples_lost: 0,
                established: false,
                silent: false,
                contested: false,
                first_seen: first.received_at,
                last_seen: first.received_at,
                uptime: Duration::from_millis(first.uptime.into()),
            },
            session: 0,
            sources: HashMap::new(),
            named: HashMap::new(),
            last_source: None,
            host: None,
            rival: Rival::None,
            budget: Budget::default(),
            stream: Stream::starting_with(first),
        }
    }

    /// Finds the place of a datagram, and counts it.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Place {
        let place = self.stream.place(stamp);
        let status = &mut self.status;
        status.last_seen = status.last_seen.max(stamp.received_at);
        match place {
            Place::Next { missing } => {
                status.received += 1;
                status.lost += u64::from(missing);
            }
            Place::Reordered { was_missing } => {
                status.received += 1;
                status.reordered += 1;
                status.lost = status.lost.saturating_sub(u64::from(was_missing));
            }
            Place::Repeated => status.repeated += 1,
            Place::Late => status.late += 1,
            Place::Restarted => {
                status.received += 1;
                status.restarts += 1;
                self.session = self.session.wrapping_add(1);
            }
        }
        status.uptime = Duration::from_millis(self.stream.newest().uptime.into());
        place
    }
}

/// What part of all is lost.
pub(crate) fn part(lost: u64, received: u64) -> Option<f64> {
    let all = received + lost;
    (all > 0).then(|| lost as f64 / all as f64)
}
