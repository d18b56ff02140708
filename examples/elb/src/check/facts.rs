//! Facts about an installation, from which findings are derived.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sflow_metrics::AgentKey;

use crate::config::{Config, ConfigError, ServiceSettings};
use crate::docker::{About, Member};
use crate::orchestrator::{Census, Labelled, NodeAddresses, Service, Task};
use crate::policy::Signal;
use sflow_autoscale::observe::{MAX_NAME_LENGTH, NodeReport, RefusedSender};

/// All facts.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The configuration, or why it is invalid; then there are no other facts.
    pub configuration: Result<Config, ConfigError>,
    /// Path of the configuration.
    pub path: String,
    /// Answers of the engines.
    pub engines: EngineFacts,
    /// Received telemetry; `None` if listening was disabled.
    pub telemetry: Option<Result<TelemetryFacts, NotListening>>,
}

/// Answers of the engines.
#[derive(Clone, Debug, Default)]
pub struct EngineFacts {
    /// Each endpoint in the order of the configuration.
    pub managers: Vec<ManagerFacts>,
    /// The nodes, or why no manager listed them; `None` if no manager was queried.
    pub members: Option<Result<Vec<Member>, String>>,
    /// Services with the label `elb.enabled`, or why they could not be read.
    pub labelled: Option<Result<Vec<Labelled>, String>>,
    /// Services that are configured or labelled, or why they could not be read.
    pub services: Option<Result<Vec<Service>, String>>,
    /// Addresses of the nodes according to the orchestrator.
    pub addresses: Vec<NodeAddresses>,
    /// Nodes and resource demands of the cluster, or why they could not be read; `None` without
    /// node pools.
    pub census: Option<Result<Census, String>>,
    /// State of each configured hook program.
    pub programs: BTreeMap<PathBuf, Program>,
}

/// State of a configured hook program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// An executable file.
    Fine,
    /// The file does not exist.
    Missing,
    /// The file is not executable.
    NotExecutable,
}

impl EngineFacts {
    /// Services to balance: those of the configuration file, then those with labels that are not in
    /// the file.
    pub fn managed_services(&self, config: &Config) -> Vec<ServiceSettings> {
        let mut managed = config.services.clone();
        for labelled in self.labelled.iter().flatten().flatten() {
            let labels = &config.discovery.labels;
            let is_known = managed.iter().any(|entry| entry.name == labelled.name);
            if !is_known && let Ok(Some(entry)) = labels.service(&labelled.name, &labelled.labels) {
                managed.push(entry);
            }
        }
        managed
    }
}

/// Result of querying one endpoint.
#[derive(Clone, Debug)]
pub struct ManagerFacts {
    /// Endpoint as configured.
    pub endpoint: String,
    /// Answer of the engine.
    pub answer: Result<About, Unreachable>,
}

/// Why an engine could not be queried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The endpoint or its certificates cannot be used as configured.
    Unusable(String),
    /// The permission is missing.
    Forbidden,
    /// The socket does not exist.
    Missing,
    /// The connection was refused.
    Refused,
    /// The time limit was exceeded.
    Silent,
    /// Another error, as reported.
    Other(String),
}

/// Why no telemetry could be received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotListening {
    /// The address that could not be opened.
    pub address: SocketAddr,
    /// Whether the address is in use by another process.
    pub is_in_use: bool,
    /// Error of the system.
    pub error: String,
}

/// Received telemetry.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryFacts {
    /// Local address.
    pub address: SocketAddr,
    /// Duration of listening.
    pub listened: Duration,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams that were discarded, by cause.
    pub refused: BTreeMap<String, u64>,
    /// Datagrams from senders that `collector.agents` does not allow, by sender; at most 64
    /// senders.
    pub turned_away: BTreeMap<IpAddr, u64>,
    /// Senders of sFlow datagrams that `collector.agents` does not allow.
    pub refused_senders: Vec<RefusedSender>,
    /// The agent of each node.
    pub reports: Vec<NodeReport>,
    /// Datagrams dropped by the kernel because the receive buffer was full, if known.
    pub dropped: Option<u64>,
    /// The agents.
    pub agents: Vec<AgentFacts>,
    /// The containers.
    pub containers: Vec<ContainerFacts>,
    /// Values of the metrics of each service's rule.
    pub signals: BTreeMap<String, Vec<Signal>>,
}

impl Default for TelemetryFacts {
    fn default() -> Self {
        Self {
            address: ([0, 0, 0, 0], 6343).into(),
            listened: Duration::ZERO,
            datagrams: 0,
            refused: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            refused_senders: Vec::new(),
            reports: Vec::new(),
            dropped: None,
            agents: Vec::new(),
            containers: Vec::new(),
            signals: BTreeMap::new(),
        }
    }
}

/// Facts about one agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentFacts {
    /// Identity of the agent.
    pub key: AgentKey,
    /// Names of the hosts that it reports; usually one.
    pub hosts: Vec<String>,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams lost, according to the sequence numbers.
    pub lost: u64,
    /// Number of restarts.
    pub restarts: u64,
    /// Whether another sender or a second sequence of datagrams has the same identity.
    pub is_contested: bool,
    /// The longest interval between two counter samples of a container (or of the host); `None`
    /// before the second sample.
    pub interval: Option<Duration>,
    /// Packet samples received.
    pub packet_samples: u64,
    /// Packet samples without a sampling rate.
    pub unscaled_samples: u64,
    /// Packet samples that name a container (`extended_entities`).
    pub named_samples: u64,
    /// Rate of the agent's uptime; `None` during the first seconds.
    pub uptime: Option<Pace>,
}

/// Rate of a clock that counts milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Seconds counted per elapsed second; 1 is correct.
    pub rate: f64,
    /// Whether it went back although the sequence numbers of datagrams increased.
    pub is_backwards: bool,
}

/// Facts about one container that an agent reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Name of the container.
    pub name: String,
    /// First half of its id.
    pub uuid: Option<[u8; 16]>,
    /// Host name according to its agent.
    pub host: Option<String>,
    /// The agent that reports it.
    pub agent: AgentKey,
    /// Whether its agent reports its MAC addresses.
    pub has_adapter: bool,
}

impl ContainerFacts {
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
}
