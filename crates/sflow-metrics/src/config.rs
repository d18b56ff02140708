use core::time::Duration;

/// What a [`Registry`](crate::Registry) keeps, for how long, and what it believes.
///
/// Every bound is one on memory: what comes beyond it is refused and counted in
/// [`Health`](crate::Health).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Agents at most, and a quarter more of [reserved](crate::Registry::reserve) senders. A
    /// quarter is kept back for senders with an agent that is
    /// [established](crate::AgentStatus::established).
    pub max_agents: usize,
    /// Data sources at most, of all agents together, and a quarter more of reserved senders. A
    /// quarter is kept back for established senders.
    pub max_sources: usize,
    /// Data sources at most of one agent, so that one cannot crowd out the others.
    pub max_sources_per_agent: usize,
    /// Agents at most of one sender, so that one that makes agents up leaves room for others.
    /// More than that is needed where datagrams come through a relay.
    pub max_agents_per_sender: usize,
    /// Data sources at most of all agents of one sender.
    pub max_sources_per_sender: usize,
    /// Agents at most of all senders of one network: a /24 of IPv4, a /64 of IPv6. For a relay
    /// with more agents, raise this and
    /// [`max_agents_per_sender`](Self::max_agents_per_sender).
    pub max_agents_per_network: usize,
    /// Data sources at most of all senders of one network.
    pub max_sources_per_network: usize,
    /// Bytes at most that the agents and data sources of all senders take up: their state, names,
    /// readings, windows, applications' metrics and addresses. A quarter of them is kept back
    /// for established agents, and [reserved](crate::Registry::reserve) senders have a quarter in
    /// addition. Events have a sixteenth of as many in addition, and states of
    /// thresholds an eighth.
    pub max_bytes: usize,
    /// Bytes at most of all agents and data sources of one sender.
    pub max_bytes_per_sender: usize,
    /// Bytes at most of one agent with its data sources.
    pub max_bytes_per_agent: usize,
    /// Bytes at most of one data source.
    pub max_bytes_per_source: usize,
    /// Metrics at most that an application may have under names of its own.
    pub max_custom_metrics: usize,
    /// Bytes of a name that are kept; what is longer is cut.
    pub max_name_bytes: usize,
    /// Events that are kept for readers, the newest; an agent can cause an eighth of them in an
    /// assumed interval.
    pub max_events: usize,
    /// Thresholds at most.
    pub max_thresholds: usize,
    /// Entities at most that are beyond a threshold, of all thresholds together.
    pub max_threshold_states: usize,
    /// Flow definitions at most.
    pub max_flow_definitions: usize,
    /// Flows at most that are kept apart of each definition; of one that counts distinct values
    /// an eighth of that.
    pub max_flow_keys: usize,
    /// Bytes at most of the flows of all definitions, allocated when a definition is added. A
    /// definition that exceeds the rest keeps fewer flows.
    pub max_flow_bytes: usize,
    /// Data sources at most that sample packets or notice drops, of all agents together.
    pub max_flow_sources: usize,
    /// MAC and IP addresses at most of which it is known whose they are.
    pub max_flow_addresses: usize,
    /// The polling interval that a source is believed to have until it has shown its own.
    pub assumed_interval: Duration,
    /// A source without a sample for so many of its own intervals is stale.
    pub stale_after: u32,
    /// A source without a sample for so long is gone (never before it is stale).
    pub gone_after: Duration,
    /// An agent without a datagram for so long, and without sources, is forgotten.
    pub forget_agent_after: Duration,
    /// The grain of windows: a window is so many slots of this length.
    pub slot: Duration,
    /// Groups at most in one answer.
    pub max_groups: usize,
    /// The longest window that can be watched; a longer one is cut.
    pub max_window: Duration,
    /// What cannot be, and so is no rate but a fault.
    pub ceilings: Ceilings,
}

/// The most that a counter can go up in a second, where its source does not say itself.
///
/// Limits that distinguish a counter wrap from a restart and reject jumps, also of sample
/// pools, and packet samples above the line rate. A tenth, and a second of delay in the agent,
/// are allowed on top.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Ceilings {
    /// Processors of a host that has not said how many it has.
    pub processors: f64,
    /// Operations of a disk that can wait at the same time; their times add up.
    pub parallel_operations: f64,
    /// Bytes per second of an interface or host that has not said its speed.
    pub bytes_per_second: f64,
    /// Packets, operations and whatever else is counted by one, per second.
    pub events_per_second: f64,
}

impl Default for Config {
    /// A few thousand hosts with ten times as many containers; stale after three intervals,
    /// gone after two minutes; windows of up to ten minutes in slots of five seconds.
    fn default() -> Self {
        Self {
            max_agents: 10_000,
            max_sources: 100_000,
            max_sources_per_agent: 10_000,
            max_agents_per_sender: 5_000,
            max_sources_per_sender: 50_000,
            max_agents_per_network: 5_000,
            max_sources_per_network: 50_000,
            max_bytes: 256 << 20,
            max_bytes_per_sender: 128 << 20,
            max_bytes_per_agent: 32 << 20,
            max_bytes_per_source: 256 << 10,
            max_custom_metrics: 64,
            max_name_bytes: 255,
            max_events: 10_000,
            max_thresholds: 1_000,
            max_threshold_states: 100_000,
            max_flow_definitions: 64,
            max_flow_keys: 10_000,
            max_flow_bytes: 128 << 20,
            max_flow_sources: 100_000,
            max_flow_addresses: 200_000,
            assumed_interval: Duration::from_secs(30),
            stale_after: 3,
            gone_after: Duration::from_secs(120),
            forget_agent_after: Duration::from_secs(3600),
            slot: Duration::from_secs(5),
            max_groups: 10_000,
            max_window: Duration::from_secs(600),
            ceilings: Ceilings::default(),
        }
    }
}

impl Default for Ceilings {
    /// 1024 processors, 1024 operations, 400 Gbit/s, 150 million packets per second.
    fn default() -> Self {
        Self {
            processors: 1024.0,
            parallel_operations: 1024.0,
            bytes_per_second: 50e9,
            events_per_second: 150e6,
        }
    }
}
