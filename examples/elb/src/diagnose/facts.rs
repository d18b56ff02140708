//! Facts about an installation, from which findings are derived.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sflow_metrics::Timestamp;

use crate::config::{Config, ConfigError, ServiceSettings};
use crate::docker::{About, Member};
use crate::orchestrator::{Census, Labelled, NodeAddresses, Service};
use crate::policy::Signal;
use crate::status::LeaderView;
use sflow_autoscale::leader::LeaseSettings;
use sflow_autoscale::observe::{
    AgentFacts, ContainerFacts, NodeReport, RefusedSender, Reporter, SENDER_NOT_ALLOWED, Telemetry,
};
use sflow_v5::Address;

/// All facts.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The configuration, or why it is invalid; then there are no other facts.
    pub configuration: Result<Config, ConfigError>,
    /// Path of the configuration.
    pub path: String,
    /// Answers of the engines.
    pub engines: EngineFacts,
    /// The leadership; `None` if no election is configured.
    pub leader: Option<LeaderFacts>,
    /// Received telemetry; `None` if listening was disabled.
    pub telemetry: Option<Result<TelemetryFacts, NotListening>>,
}

/// The election of a leader as one instance knows it.
#[derive(Clone, Debug, Default)]
pub struct LeaderFacts {
    /// The leadership.
    pub view: LeaderView,
    /// Time since the instance started; `None` for `elb check`, which reads the lease once.
    pub uptime: Option<Duration>,
    /// Takeovers in the last 10 minutes.
    pub changes: usize,
    /// Durations of the lease.
    pub lease: LeaseSettings,
}

impl Facts {
    /// The received telemetry, if any could be received.
    pub fn received(&self) -> Option<&TelemetryFacts> {
        self.telemetry.as_ref()?.as_ref().ok()
    }

    /// Expected data that was not received: ready nodes without an agent, services of which a
    /// running container lacks a value, and packet samples. `None` before the engines have listed a
    /// ready node.
    pub fn awaited(&self) -> Option<Vec<String>> {
        let received = self.received()?;
        let members = self.engines.members.as_ref()?.as_ref().ok()?;
        let is_reported = |name: &str| {
            let mut nodes = received.nodes.iter();
            nodes.any(|node| node.report.name == name && node.containers.is_some())
        };
        let ready = members.iter().filter(|member| member.state == "ready");
        ready.clone().next()?;
        let nodes = ready.filter(|member| !is_reported(&member.name));
        let nodes = nodes.map(|member| format!("node {}", member.name));
        let services = received.services.iter().filter(|facts| {
            let signals = facts.signals.iter().flatten();
            let known = signals.map(|signal| signal.contributing).min();
            known.unwrap_or(0) < facts.service.running()
        });
        let services = services.map(|facts| format!("service {}", facts.service.name));
        let samples = (received.packet_samples == 0).then(|| "packet samples".to_owned());
        Some(nodes.chain(services).chain(samples).collect())
    }
}

/// Answers of the engines; of a running loop, none.
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
#[derive(Clone, Debug, Default)]
pub struct TelemetryFacts {
    /// Duration of listening.
    pub listened: Duration,
    /// Duration of listening, and age of a task, from which on missing data is a finding; zero for
    /// `elb check`, which listens for as long as the user has chosen.
    pub settled_after: Duration,
    /// Datagrams received from allowed senders.
    pub datagrams: u64,
    /// Packet samples received.
    pub packet_samples: u64,
    /// Datagrams that were discarded, by cause.
    pub discarded: BTreeMap<String, u64>,
    /// Datagrams from senders that `collector.agents` does not allow, by sender; at most 64
    /// senders.
    pub not_allowed: BTreeMap<IpAddr, u64>,
    /// Senders of sFlow datagrams that `collector.agents` does not allow.
    pub refused_senders: Vec<RefusedSender>,
    /// Whether sFlow datagrams are received but those of all agents are refused.
    pub refuses_all: bool,
    /// Datagrams dropped by the kernel because the receive buffer was full, if known.
    pub dropped: Option<u64>,
    /// The nodes of the cluster.
    pub nodes: Vec<NodeFacts>,
    /// The agents; silent ones first.
    pub agents: Vec<AgentFacts>,
    /// The containers; `None` if [`ServiceFacts::signals`] count only those on their own nodes.
    pub containers: Option<Vec<ContainerFacts>>,
    /// The services.
    pub services: Vec<ServiceFacts>,
}

impl TelemetryFacts {
    /// What was received by now, without nodes, agents and services.
    pub(super) fn new(telemetry: &Telemetry, now: Timestamp, listened: Duration) -> Self {
        let mut intake = telemetry.ingest_stats();
        let not_allowed = intake.refused.remove(SENDER_NOT_ALLOWED).unwrap_or(0);
        Self {
            listened,
            datagrams: intake.datagrams - not_allowed,
            packet_samples: telemetry.registry().health().flow_samples,
            discarded: intake.refused,
            refused_senders: telemetry.refused_senders(now),
            refuses_all: telemetry.refuses_all(now),
            ..Self::default()
        }
    }

    /// Whether agents have had enough time to report, so that missing data is a finding.
    pub fn is_settled(&self) -> bool {
        self.listened >= self.settled_after
    }

    /// Number of agents that are not silent.
    pub fn reporting(&self) -> usize {
        let reporting = self.agents.iter().filter(|agent| !agent.status.silent);
        reporting.count()
    }
}

/// Telemetry of one node of the cluster.
#[derive(Clone, Debug, Default)]
pub struct NodeFacts {
    /// The node and the agent that reports for it.
    pub report: NodeReport,
    /// Number of containers that are reported for it; `None` if no agent reports for it.
    pub containers: Option<u32>,
}

impl NodeFacts {
    /// Sender and address of the agent that reports for it.
    pub(super) fn reporter(&self) -> Option<(IpAddr, Address)> {
        match &self.report.reporter {
            Reporter::Agent(agent) | Reporter::Probation(agent) => {
                Some((agent.sender, agent.address))
            }
            Reporter::None | Reporter::Contested(_) => None,
        }
    }
}

/// Telemetry of one service.
#[derive(Clone, Debug)]
pub struct ServiceFacts {
    /// The service and its tasks.
    pub service: Arc<Service>,
    /// Values of the metrics of its rule; `None` if its telemetry is not needed.
    pub signals: Option<Vec<Signal>>,
}
