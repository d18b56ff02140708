//! The agents as their datagrams show them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::entity::{Entity, Kind as EntityKind, Lifecycle};
use sflow_metrics::{AgentKey, AgentStatus, Registry, Timestamp};
use sflow_v5::counter::HostAdapters;
use sflow_v5::flow::ExtendedEntities;
use sflow_v5::{Address, DataSource, Datagram, Header, Sample};

use super::{MAX_NAME_LENGTH, reporting_interval, short_name};
use crate::orchestrator::Task;

/// Facts about one agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentFacts {
    /// State of its datagrams.
    pub status: AgentStatus,
    /// Names of the hosts that it reports; usually one.
    pub hosts: Vec<String>,
    /// Number of containers that it currently reports.
    pub containers: u32,
    /// The longest interval between two counter samples of a host or container; `None` before the
    /// second sample.
    pub interval: Option<Duration>,
    /// Age of its last datagram.
    pub age: Duration,
    /// Contents of its datagrams; `None` if only decisions are made from them.
    pub samples: Option<AgentSamples>,
}

impl AgentFacts {
    /// The agents of a registry: silent ones first, then by host. `visit` is called with each
    /// entity of an agent, so that further facts about it need no second pass.
    pub fn all(
        registry: &Registry,
        now: Timestamp,
        mut visit: impl FnMut(&Entity<'_>),
    ) -> Vec<Self> {
        let facts = registry.agents().map(|status| {
            let agent = Self {
                age: now - status.last_seen,
                status,
                hosts: Vec::new(),
                containers: 0,
                interval: None,
                samples: None,
            };
            (status.key, agent)
        });
        let mut agents: HashMap<AgentKey, Self> = facts.collect();
        for entity in registry.entities(now) {
            let Some(agent) = agents.get_mut(&entity.agent()) else {
                continue;
            };
            visit(&entity);
            match entity.kind() {
                EntityKind::Host if !entity.name().is_empty() => {
                    agent.hosts.push(entity.name().to_owned());
                }
                EntityKind::Host => {}
                EntityKind::Container => agent.containers += u32::from(is_live(&entity)),
                _ => continue,
            }
            agent.interval = agent.interval.max(reporting_interval(&entity));
        }
        let mut agents: Vec<Self> = agents.into_values().collect();
        for agent in &mut agents {
            agent.hosts.sort_unstable();
            agent.hosts.dedup();
        }
        // Agents of the same host are adjacent.
        agents.sort_by(|a, b| {
            let rank = |it: &Self| (!it.status.silent, it.hosts.first().cloned(), it.status.key);
            rank(a).cmp(&rank(b))
        });
        agents
    }

    /// Its sender and address.
    pub const fn origin(&self) -> (IpAddr, Address) {
        (self.status.key.sender, self.status.key.address)
    }

    /// Whether another sender or a second sequence of datagrams has its identity.
    pub const fn is_contested(&self) -> bool {
        self.status.contested || self.status.doubtful
    }
}

/// Whether an entity is reported at present.
fn is_live(entity: &Entity<'_>) -> bool {
    matches!(entity.lifecycle(), Lifecycle::Live | Lifecycle::Warming)
}

/// The packet samples that one agent has sent, and the rate of its uptime.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AgentSamples {
    /// Packet samples received.
    pub packets: u64,
    /// Packet samples without a sampling rate.
    pub unscaled: u64,
    /// Packet samples that name a container (`extended_entities`).
    pub named: u64,
    /// Containers whose MAC addresses are not reported.
    pub without_adapter: u32,
    /// Rate of the agent's uptime; `None` during the first seconds.
    pub uptime: Option<ClockRate>,
}

/// Rate of a clock that counts milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockRate {
    /// Seconds counted per elapsed second; 1 is correct.
    pub rate: f64,
    /// Whether it went back although the sequence numbers of datagrams increased.
    pub is_backwards: bool,
}

/// A container that an agent reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Name of the container.
    pub name: String,
    /// UUID of the container: first half of its id.
    pub uuid: Option<[u8; 16]>,
    /// Host name according to its agent.
    pub host: Option<String>,
}

impl ContainerFacts {
    /// The containers of a registry.
    pub fn all(registry: &Registry, now: Timestamp) -> Vec<Self> {
        let entities = registry.entities(now);
        let containers = entities.filter(|entity| entity.kind() == EntityKind::Container);
        let facts = containers.map(|entity| {
            let host = entity.parent().map(|host| host.name().to_owned());
            Self {
                name: entity.name().to_owned(),
                uuid: entity.uuid().map(|uuid| uuid.0),
                host: host.filter(|host| !host.is_empty()),
            }
        });
        facts.collect()
    }

    /// Whether it is the container of a task. A truncated name is not compared if the id is known.
    pub fn is_of(&self, task: &Task) -> bool {
        match (task.container.get(..MAX_NAME_LENGTH), task.uuid) {
            (None, _) => self.name == task.container,
            (Some(_), uuid @ Some(_)) if task.container.len() > MAX_NAME_LENGTH => {
                self.uuid == uuid
            }
            (Some(cut), _) => self.name == cut,
        }
    }

    /// Whether its host is the node of a task, as far as both are known.
    pub fn is_on_node_of(&self, task: &Task) -> bool {
        match (&self.host, &task.node) {
            (Some(host), Some(node)) => short_name(host) == short_name(node),
            _ => true,
        }
    }
}

/// Maximum number of agents and of data sources. Further ones are not diagnosed.
const MOST_AGENTS: usize = 4_096;
const MOST_SOURCES: usize = 65_536;

/// Minimum observation time before an agent's clock is rated.
const LEAST: Duration = Duration::from_secs(4);

/// Observes clocks, packet samples and MAC addresses of at most 4,096 agents: faults of an agent that
/// decisions tolerate, but that an operator should know.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
///
/// use sflow_autoscale::observe::AgentMonitor;
/// use sflow_metrics::{AgentKey, Timestamp};
/// use sflow_v5::{Datagram, Encoder, Header};
///
/// let sender = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// let mut monitor = AgentMonitor::default();
/// for second in [0, 10] {
///     // Uptime is in milliseconds; this agent reports seconds.
///     let header = Header { sequence_number: second, uptime: second, ..Header::default() };
///     let mut buffer = [0; 64];
///     let datagram = Encoder::new(&mut buffer, &header)?.finish();
///     let at = Timestamp::from_secs(second.into());
///     monitor.observe(at, sender, &Datagram::parse(datagram)?);
/// }
/// let address = Header::default().agent_address;
/// let key = AgentKey { sender, address, sub_agent: 0, instance: 0 };
/// assert_eq!(monitor.samples(key).uptime.unwrap().rate, 0.001);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct AgentMonitor {
    agents: HashMap<AgentKey, Seen>,
    with_adapter: HashSet<(AgentKey, DataSource)>,
}

/// Observations of one agent.
#[derive(Clone, Copy, Debug)]
struct Seen {
    begun: (Timestamp, Header),
    newest: (Timestamp, Header),
    is_backwards: bool,
    samples: AgentSamples,
}

impl AgentMonitor {
    /// Observes a datagram that was received from `sender` at this time.
    pub fn observe(&mut self, at: Timestamp, sender: IpAddr, datagram: &Datagram<'_>) {
        let key = AgentKey {
            sender,
            address: datagram.header.agent_address,
            sub_agent: datagram.header.sub_agent_id,
            instance: 0,
        };
        if !self.agents.contains_key(&key) && self.agents.len() >= MOST_AGENTS {
            return;
        }
        let seen = self
            .agents
            .entry(key)
            .or_insert_with(|| Seen::first(at, datagram.header));
        seen.go_on(at, datagram.header);
        for sample in datagram.samples() {
            match sample {
                Sample::Flow(flow) => {
                    seen.samples.packets += 1;
                    seen.samples.unscaled += u64::from(flow.sampling_rate == 0);
                    seen.samples.named += u64::from(flow.find::<ExtendedEntities>().is_some());
                }
                Sample::Counters(counters) if self.with_adapter.len() < MOST_SOURCES => {
                    let adapters = counters.find::<HostAdapters<'_>>();
                    let mut adapters = adapters.iter().flat_map(|record| record.adapters.iter());
                    if adapters.any(|adapter| adapter.mac_address.iter().next().is_some()) {
                        self.with_adapter.insert((key, counters.source_id));
                    }
                }
                _ => {}
            }
        }
    }

    /// Contents of the datagrams of an agent, without its containers. Agents that differ only in
    /// their instance number share one entry.
    pub fn samples(&self, key: AgentKey) -> AgentSamples {
        let seen = self.agents.get(&AgentKey { instance: 0, ..key });
        seen.map_or_else(AgentSamples::default, |seen| AgentSamples {
            uptime: seen.uptime(),
            ..seen.samples
        })
    }

    /// The agents of a registry with the contents of their datagrams, like [`AgentFacts::all`].
    pub fn agents(&self, registry: &Registry, now: Timestamp) -> Vec<AgentFacts> {
        let mut without_adapter: HashMap<AgentKey, u32> = HashMap::new();
        let mut agents = AgentFacts::all(registry, now, |entity| {
            let source = entity.data_source();
            let has_adapter = source.is_some_and(|it| self.has_adapter(entity.agent(), it));
            if entity.kind() == EntityKind::Container && !has_adapter {
                *without_adapter.entry(entity.agent()).or_default() += 1;
            }
        });
        for agent in &mut agents {
            let key = agent.status.key;
            agent.samples = Some(AgentSamples {
                without_adapter: without_adapter.get(&key).copied().unwrap_or(0),
                ..self.samples(key)
            });
        }
        agents
    }

    fn has_adapter(&self, key: AgentKey, source: DataSource) -> bool {
        let key = AgentKey { instance: 0, ..key };
        self.with_adapter.contains(&(key, source))
    }
}

impl Seen {
    fn first(at: Timestamp, header: Header) -> Self {
        Self {
            begun: (at, header),
            newest: (at, header),
            is_backwards: false,
            samples: AgentSamples::default(),
        }
    }

    /// Compares a header with the previous one. A lower sequence number means that the datagram was
    /// overtaken or that the agent has restarted; its uptime then cannot be compared with the
    /// previous one.
    fn go_on(&mut self, at: Timestamp, header: Header) {
        const FAR: u32 = 10_000;
        let (_, newest) = self.newest;
        match header.sequence_number.wrapping_sub(newest.sequence_number) {
            0 => {}
            1..FAR => {
                let step = header.uptime.wrapping_sub(newest.uptime);
                self.is_backwards |= step > u32::MAX / 2;
                self.newest = (at, header);
            }
            overtaken if overtaken > u32::MAX - 64 => {}
            _ => {
                self.begun = (at, header);
                self.newest = (at, header);
            }
        }
    }

    /// Rate of the agent's clock; `None` before the minimum observation time.
    fn uptime(&self) -> Option<ClockRate> {
        let ((begun, first), (newest, last)) = (self.begun, self.newest);
        let passed = newest.checked_since(begun)?;
        let counted = last.uptime.wrapping_sub(first.uptime);
        (passed >= LEAST).then(|| ClockRate {
            rate: f64::from(counted) / 1e3 / passed.as_secs_f64(),
            is_backwards: self.is_backwards,
        })
    }
}
