//! Which agents report, and which data is incomplete: silent agents, nodes without an agent,
//! services without telemetry. Each message contains a recommended action.

mod gap;
mod log;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::{
    AgentKey, AgentStatus, Timestamp,
    entity::{Kind as EntityKind, Lifecycle},
};

pub use self::gap::Gap;
pub use self::log::GapLog;
pub use self::rules::foreign;
use crate::config::Collector;
use crate::handle::Handle;
use sflow_autoscale::observe::{RefusedSender, Telemetry, Trust, reporting_interval};

/// Reporting agents and incomplete data at one time.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Agents that report or have reported; silent ones first.
    pub reporters: Vec<Reporter>,
    /// Incomplete data, the most important first.
    pub missing: Vec<Gap>,
    /// Whether datagrams are received but all are refused.
    pub refuses_all: bool,
}

/// An agent and what it reports.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// State of the agent's data.
    pub status: AgentStatus,
    /// Hosts that it reports, usually one.
    pub hosts: Vec<String>,
    /// Containers that it currently reports.
    pub containers: u32,
    /// Sampling interval of its slowest host; `None` until it is known.
    pub interval: Option<Duration>,
    /// Age of its last datagram.
    pub age: Duration,
}

impl Coverage {
    /// Determines coverage from the state of this loop.
    pub fn of(handle: &Handle) -> Self {
        let collector = handle.config().lock().collector.clone();
        let port = collector.listen.port();
        let now = handle.now();
        let status = handle.status().lock();
        let services = status.services().to_vec();
        let running_for = now - status.started();
        drop(status);
        let telemetry = handle.telemetry().lock();
        let agents = AgentTelemetry::of(&telemetry, now);
        let refused = telemetry.refused_senders(now);
        drop(telemetry);
        let mut missing = Vec::new();
        if !refused.is_empty() {
            let is_all = agents.reporters.is_empty() || agents.refuses_all;
            missing.push(sender_refused(&collector, &refused, is_all));
        }
        if !agents.reporters.is_empty() {
            missing.extend(rules::find(&agents, &services, running_for));
        } else if missing.is_empty() {
            missing.push(Gap::NoAgent { port });
        }
        if collector.agents.is_empty() {
            missing.push(any_sender(&collector, agents.trust.senders()));
        }
        Self {
            refuses_all: agents.refuses_all,
            reporters: agents.reporters,
            missing,
        }
    }

    /// Number of agents that are not silent.
    pub fn reporting(&self) -> usize {
        self.reporters
            .iter()
            .filter(|reporter| !reporter.status.silent)
            .count()
    }
}

/// Maximum number of senders in one message.
const SENDERS: usize = 8;

/// The refused senders, and the configuration line that allows them.
pub(crate) fn sender_refused(
    collector: &Collector,
    refused: &[RefusedSender],
    is_all: bool,
) -> Gap {
    let refused = refused.get(..SENDERS).unwrap_or(refused);
    let shared = refused.iter().find(|sender| sender.is_shared);
    let mut senders: Vec<IpAddr> = refused.iter().map(|sender| sender.address).collect();
    senders.sort_unstable();
    Gap::SenderRefused {
        line: collector.agents_with(senders.iter().copied()),
        shared: shared.map(|sender| sender.address),
        is_all,
        senders,
    }
}

/// The configuration line that allows only these senders and those of `[collector.nodes]`.
pub(crate) fn any_sender(
    collector: &Collector,
    addresses: impl IntoIterator<Item = IpAddr>,
) -> Gap {
    let networks: BTreeSet<_> = collector.nodes.values().flatten().copied().collect();
    let addresses: Vec<IpAddr> = addresses.into_iter().collect();
    let line = match (networks.is_empty(), addresses.is_empty()) {
        (true, true) => "agents = [\"ADDRESS\", \"NETWORK/LENGTH\"]".to_owned(),
        _ => {
            let restricted = Collector {
                agents: networks.into_iter().collect(),
                ..collector.clone()
            };
            restricted.agents_with(addresses)
        }
    };
    Gap::AnySender { line }
}

/// Telemetry about agents.
struct AgentTelemetry {
    reporters: Vec<Reporter>,
    trust: Trust,
    /// Reported containers by index of the node.
    containers: BTreeMap<usize, u32>,
    flow_samples: u64,
    refuses_all: bool,
}

impl AgentTelemetry {
    fn of(telemetry: &Telemetry, now: Timestamp) -> Self {
        let registry = telemetry.registry();
        let mut reporters: BTreeMap<AgentKey, Reporter> = registry
            .agents()
            .map(|status| {
                let reporter = Reporter {
                    age: now - status.last_seen,
                    hosts: Vec::new(),
                    containers: 0,
                    interval: None,
                    status,
                };
                (reporter.status.key, reporter)
            })
            .collect();
        let trust = telemetry.trust();
        let mut containers: BTreeMap<usize, u32> = BTreeMap::new();
        for entity in registry.entities(now) {
            let is_live = matches!(entity.lifecycle(), Lifecycle::Live | Lifecycle::Warming);
            let kind = entity.kind();
            let Some(reporter) = reporters.get_mut(&entity.agent()) else {
                continue;
            };
            if kind == EntityKind::Host && !entity.name().is_empty() {
                reporter.interval = reporter.interval.max(reporting_interval(&entity));
                reporter.hosts.push(entity.name().to_owned());
            }
            let is_container = kind == EntityKind::Container && is_live;
            reporter.containers += u32::from(is_container);
            if is_live && let Some(node) = trust.node_of(&entity) {
                *containers.entry(node).or_default() += u32::from(is_container);
            }
        }
        let mut reporters: Vec<Reporter> = reporters.into_values().collect();
        // Agents of the same host are adjacent.
        reporters.sort_by(|a, b| {
            let rank = |it: &Reporter| (!it.status.silent, it.hosts.first().cloned());
            rank(a).cmp(&rank(b))
        });
        Self {
            reporters,
            trust: trust.clone(),
            containers,
            flow_samples: registry.health().flow_samples,
            refuses_all: telemetry.refuses_all(now),
        }
    }
}
