use core::time::Duration;

use crate::hash_key::HashKey;

/// Limits and assumptions of a [`Registry`](crate::Registry).
///
/// Every limit bounds memory. What exceeds a limit is refused and counted in
/// [`Health`](crate::Health). Further settings will be added, so change the default:
///
/// ```
/// use sflow_metrics::Config;
///
/// let config = Config::default().with(|config| config.max_agents = 100);
/// assert_eq!(config.max_agents, 100);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Config {
    /// Maximum number of agents. [Reserved](crate::Registry::reserve) senders share a quarter more.
    /// A quarter is set aside for senders with an
    /// [established](crate::AgentStatus::established) agent.
    pub max_agents: usize,
    /// Maximum number of data sources of all agents. Reserved senders share a quarter more. A
    /// quarter is set aside for senders with an established agent.
    pub max_sources: usize,
    /// Maximum number of data sources of one agent.
    pub max_sources_per_agent: usize,
    /// Maximum number of agents of one sender. Raise it if datagrams arrive through a relay.
    pub max_agents_per_sender: usize,
    /// Maximum number of data sources of all agents of one sender.
    pub max_sources_per_sender: usize,
    /// Maximum number of agents of all senders in one network: a /24 of IPv4, a /64 of IPv6. For a
    /// relay, raise this and [`max_agents_per_sender`](Self::max_agents_per_sender).
    pub max_agents_per_network: usize,
    /// Maximum number of data sources of all senders in one network.
    pub max_sources_per_network: usize,
    /// Maximum memory of agents and data sources of all senders, in bytes: their state, names,
    /// readings, windows, custom metrics and addresses. A quarter is set aside for established
    /// agents; [reserved](crate::Registry::reserve) senders share a quarter more. Events may use a
    /// sixteenth of this value in addition, and the states of thresholds an eighth.
    pub max_bytes: usize,
    /// Maximum memory of all agents and data sources of one sender, in bytes.
    pub max_bytes_per_sender: usize,
    /// Maximum memory of one agent and its data sources, in bytes.
    pub max_bytes_per_agent: usize,
    /// Maximum memory of one data source, in bytes.
    pub max_bytes_per_source: usize,
    /// Maximum number of custom metrics of one application.
    pub max_custom_metrics: usize,
    /// Maximum length of a name in bytes. Longer names are truncated.
    pub max_name_bytes: usize,
    /// Maximum number of events in the log. An agent can cause an eighth of them in each
    /// [assumed interval](Self::assumed_interval).
    pub max_events: usize,
    /// Maximum number of thresholds.
    pub max_thresholds: usize,
    /// Maximum number of entities beyond a threshold, for all thresholds together.
    pub max_threshold_states: usize,
    /// Maximum number of flow definitions.
    pub max_flow_definitions: usize,
    /// Maximum number of flows of one definition; an eighth of it if the definition counts distinct
    /// values.
    pub max_flow_keys: usize,
    /// Maximum memory for the flows of all definitions, in bytes. It is reserved when a definition
    /// is added. Each definition gets at most half of the rest, and keeps fewer flows if it needs
    /// more.
    pub max_flow_bytes: usize,
    /// Maximum number of data sources of all agents that sample packets or report dropped packets.
    pub max_flow_sources: usize,
    /// Maximum number of MAC and IP addresses with a known owner.
    pub max_flow_addresses: usize,
    /// Polling interval of a source until its own interval is known.
    pub assumed_interval: Duration,
    /// Number of its own polling intervals without a sample after which a source is stale.
    pub stale_after: u32,
    /// Time without a sample after which a source is gone; not before it is stale.
    pub gone_after: Duration,
    /// Time without a datagram after which an agent without sources is removed.
    pub forget_agent_after: Duration,
    /// Resolution of windows: a window consists of slots of this length.
    pub slot: Duration,
    /// Maximum number of groups in one answer.
    pub max_groups: usize,
    /// Maximum length of a watched window. Longer windows are shortened to it.
    pub max_window: Duration,
    /// The key of the hash of distinct values of flows. Registries whose counts are merged need the
    /// same secret key, see [`flow::Partial`](crate::flow::Partial). `None` (default): each registry
    /// has a random key. Not serialised.
    #[cfg_attr(feature = "serde", serde(skip_serializing))]
    pub hash_key: Option<HashKey>,
    /// Largest plausible rates of counters.
    pub ceilings: Ceilings,
}

/// The largest plausible increase of counters per second, used where the source does not report
/// its processors or line speed.
///
/// These limits distinguish a counter wrap from a restart and reject jumps of counters and sample
/// pools, as well as packet samples above the line rate. A tolerance of 10 % and of one second of
/// delay in the agent is added.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Ceilings {
    /// Number of processors of a host.
    pub processors: f64,
    /// Number of concurrent operations of a disk; their times add up.
    pub parallel_operations: f64,
    /// Bytes per second of an interface or host.
    pub bytes_per_second: f64,
    /// Packets, operations and other events per second.
    pub events_per_second: f64,
}

impl Config {
    /// Changes settings.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Ceilings {
    /// Changes limits.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Default for Config {
    /// Suits a few thousand hosts with ten times as many containers. Sources are stale after three
    /// intervals and gone after two minutes. Windows have up to ten minutes in slots of five
    /// seconds.
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
            hash_key: None,
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
