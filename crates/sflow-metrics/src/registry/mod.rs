mod entity;
mod evaluate;
mod events;
mod expiry;
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
use crate::flow::Flows;
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::Ledger;
use crate::ingest::source::{Identification, Numbers, Source, Watch};
use crate::slab::Slab;
use crate::timestamp::Timestamp;
use ingest::{Admission, Claim};

/// What a stream of datagrams has said so far, as numbers that can be asked for.
///
/// A plain value: datagrams go in by [`ingest`](Self::ingest), answers come out by
/// [`query`](Self::query) and [`entities`](Self::entities), and time is whatever the caller
/// says it is. Who shares it between threads decides how.
#[derive(Debug)]
pub struct Registry {
    config: Config,
    health: Health,
    agents: Slab<Agent>,
    /// Randomly keyed: what is in the keys comes from strangers.
    /// Places of agents. The key with instance 0 leads to the one that has the list of its peers,
    /// even if its own instance is another one since the first was removed.
    agent_places: HashMap<AgentKey, u32>,
    sources: Slab<Source>,
    watches: Vec<Watch>,
    next_id: u64,
    admission: Admission,
    /// Bytes of datagrams that may begin a new sequence of their agents.
    kept_bytes: usize,
    ledger: Ledger,
    /// The latest time of a datagram since the clock was last seen to step back.
    latest: Timestamp,
    /// Names of applications' metrics that are kept; all, if none are given.
    kept_customs: Option<HashSet<Box<str>>>,
    /// Which source has which UUID.
    identities: HashMap<Claim, u32>,
    events: Log,
    strangers_budget: Budget,
    alarms: Alarms,
    flows: Flows,
    /// Room for the record at hand.
    numbers: Numbers,
}

impl Registry {
    /// A registry that knows nobody yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            health: Health::default(),
            agents: Slab::new(),
            agent_places: HashMap::new(),
            sources: Slab::new(),
            watches: Vec::new(),
            next_id: 0,
            admission: Admission::default(),
            kept_bytes: 0,
            ledger: Ledger::default(),
            latest: Timestamp::ZERO,
            kept_customs: None,
            identities: HashMap::new(),
            events: Log::default(),
            strangers_budget: Budget::default(),
            alarms: Alarms::default(),
            flows: Flows::default(),
            numbers: Numbers::NONE,
        }
    }

    /// All agents that have been heard, in no particular order.
    pub fn agents(&self) -> impl Iterator<Item = AgentStatus> {
        self.agents.iter().map(|(_, agent)| AgentStatus {
            sources: agent.source_count(),
            sequences: agent.sequences(),
            odd_numbering: agent.has_odd_numbering(),
            ..agent.status
        })
    }

    /// What was taken in and what was refused.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Bytes that the agents and data sources of all senders take up, of which there are
    /// [`max_bytes`](Config::max_bytes) at most.
    pub fn bytes(&self) -> usize {
        self.ledger.total()
    }

    /// What it was made with.
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
