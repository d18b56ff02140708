//! The state of one agent: its sequences of datagrams and its data sources.

mod jumps;
mod placed;
mod streams;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::DataSource;

use crate::agent::{AgentKey, AgentStatus};
use crate::event::Budget;
use crate::ingest::sequencing::jump::Jumps;
use crate::ingest::sequencing::stamp::Stamp;
use crate::ingest::sequencing::stream::Stream;
pub(crate) use placed::Placed;

/// An agent and its data sources.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) status: AgentStatus,
    /// Number of the first sequence. A restart begins a new session.
    pub(crate) session: u32,
    /// Indices of its data sources.
    pub(crate) sources: HashMap<DataSource, u32>,
    /// Indices of applications that are identified by name.
    pub(crate) named: HashMap<Box<[u8]>, u32>,
    /// Index of the source of its last sample.
    pub(crate) last_source: Option<u32>,
    /// The first of its hosts.
    pub(crate) host: Option<Host>,
    /// Another sender with the same agent address.
    pub(crate) rival: Rival,
    /// Limit on its events.
    pub(crate) budget: Budget,
    /// Whether a datagram contained something that can become useful.
    pub(crate) is_usable: bool,
    /// Whether its sender is [reserved](crate::Registry::reserve).
    pub(crate) is_reserved: bool,
    stream: Stream,
    /// Other sequences that continue in parallel.
    others: Vec<SessionStream>,
    next_session: u32,
    /// Datagrams that may begin a new sequence.
    jumps: Option<Box<Jumps>>,
    /// The last sequence that was replaced by another one.
    former: Option<Box<SessionStream>>,
    /// Indices of other agents with the same sender, address and sub-agent.
    pub(crate) peers: Vec<u32>,
    /// Number of parallel and possible sequences whose memory is charged.
    pub(crate) charged_streams: usize,
}

/// A sequence of datagrams and its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionStream {
    pub(crate) session: u32,
    stream: Stream,
}

/// The session of an unknown other sequence.
pub(crate) const ANY_SESSION: u32 = u32::MAX;

/// Time after which a replaced sequence is not compared any more.
const FORMER_PERIOD: Duration = Duration::from_secs(120);

/// Maximum number of parallel sequences of one agent in addition to the first. All others share one
/// more, whose numbers are ignored.
const MAX_PARALLEL: usize = 64;

/// Whether another sender used the address of an agent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// No other sender, or the conflict was reported.
    None,
    /// This sender did, unless it is silent now: then the address of the sender has changed.
    Suspected(IpAddr),
}

/// The data of a host that its containers need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) data_source: DataSource,
    pub(crate) processors: Option<f64>,
}

impl Agent {
    /// Number of data sources.
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
                rejected: 0,
                last_rejected: None,
                sources: 0,
                samples: 0,
                samples_lost: 0,
                established: false,
                silent: false,
                contested: false,
                sequences: 1,
                doubtful: false,
                odd_numbering: false,
                odd_sources: 0,
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
            is_reserved: false,
            is_usable: false,
            stream: Stream::starting_with(first),
            others: Vec::new(),
            next_session: 1,
            jumps: None,
            former: None,
            peers: Vec::new(),
            charged_streams: 0,
        }
    }
}
