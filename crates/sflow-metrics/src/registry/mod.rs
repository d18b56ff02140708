mod entity;
mod evaluate;
mod events;
mod expiry;
#[cfg(feature = "flows")]
mod flows;
mod ingest;
mod keys;
mod queries;
mod thresholds;

pub use entity::Entity;
pub use evaluate::EntityValues;

use std::collections::{HashMap, HashSet};

use crate::agent::{AgentKey, AgentStatus};
use crate::config::Config;
use crate::entity::EntityKind;
use crate::event::threshold::Alarms;
use crate::event::{Budget, Log};
#[cfg(feature = "flows")]
use crate::flow::Flows;
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::Ledger;
use crate::ingest::source::{Identification, Source, Watch};
use crate::query::Query;
use crate::slab::Slab;
use crate::timestamp::Timestamp;
use ingest::{Admission, GlobalIdentity};

/// The state of all agents and data sources that a stream of datagrams reports.
///
/// [`ingest`](Self::ingest) updates it, [`query`](Self::query) and [`entities`](Self::entities)
/// read it, and [`expire`](Self::expire) removes what is no longer reported. The caller passes the
/// time. It is a plain value without locks; it is `Send` and `Sync`.
#[derive(Debug)]
pub struct Registry {
    config: Config,
    health: Health,
    agents: Slab<Agent>,
    /// Indices of agents. The key with instance 0 refers to the agent that has the list of its
    /// peers, even if its own instance is another one since the first was removed. Randomly keyed,
    /// because senders choose the keys.
    agent_places: HashMap<AgentKey, u32>,
    /// Index of the agent of the last datagram. Agents send several datagrams at once.
    last_agent: u32,
    sources: Slab<Source>,
    /// Metrics with windows, for watched queries and thresholds.
    watches: Vec<Watch>,
    watched_queries: Vec<Query>,
    next_id: u64,
    admission: Admission,
    /// Bytes of datagrams that may begin a new sequence of their agents.
    kept_bytes: usize,
    ledger: Ledger,
    /// The latest time of a datagram since the clock was last seen to step back.
    latest: Timestamp,
    /// Names of custom metrics that are kept; `None` keeps all.
    kept_customs: Option<HashSet<Box<str>>>,
    /// The source that has a UUID.
    identities: HashMap<GlobalIdentity, u32>,
    events: Log,
    unestablished_budget: Budget,
    alarms: Alarms,
    #[cfg(feature = "flows")]
    flows: Flows,
}

impl Default for Registry {
    /// An empty registry with the default configuration.
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Registry {
    /// An empty registry.
    pub fn new(config: Config) -> Self {
        Self {
            #[cfg(feature = "flows")]
            flows: Flows::new(&config),
            config,
            health: Health::default(),
            agents: Slab::new(),
            agent_places: HashMap::new(),
            last_agent: 0,
            sources: Slab::new(),
            watches: Vec::new(),
            watched_queries: Vec::new(),
            next_id: 0,
            admission: Admission::default(),
            kept_bytes: 0,
            ledger: Ledger::default(),
            latest: Timestamp::ZERO,
            kept_customs: None,
            identities: HashMap::new(),
            events: Log::default(),
            unestablished_budget: Budget::default(),
            alarms: Alarms::default(),
        }
    }

    /// All known agents, in no particular order.
    pub fn agents(&self) -> impl Iterator<Item = AgentStatus> {
        self.agents.iter().map(|(_, agent)| AgentStatus {
            sources: agent.source_count(),
            sequences: agent.sequences(),
            odd_numbering: agent.has_odd_numbering(),
            ..agent.status
        })
    }

    /// Counts of accepted and refused input.
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// Memory of the agents and data sources of all senders in bytes, limited by
    /// [`max_bytes`](Config::max_bytes).
    pub fn bytes(&self) -> usize {
        self.ledger.total()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources
            .iter()
            .map(|(_, source)| source)
            .filter(|source| source.identification != Identification::Shadow)
    }

    pub(crate) fn parent_of(&self, source: &Source) -> Option<&Source> {
        let agent = self.agents.get(source.agent)?;
        let parent = match source.kind {
            EntityKind::Interface => agent.host.map(|host| host.data_source),
            _ if source.data_source.is_none() => agent.host.map(|host| host.data_source),
            _ => source.parent,
        };
        let place = agent.sources.get(&parent?)?;
        self.sources.get(*place)
    }
}
