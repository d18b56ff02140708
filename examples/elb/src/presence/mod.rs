//! Who reports, and what is missing: agents that fell silent, nodes without an agent, services
//! without telemetry. Each in plain words, with what to do about it.

mod log;
mod missing;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::{
    AgentKey, AgentStatus, Timestamp,
    entity::{Kind as EntityKind, Lifecycle},
};

pub use self::log::MissingLog;
pub use self::missing::Missing;
pub use self::rules::foreign;
use crate::config::Collector;
use crate::handle::Handle;
use sflow_autoscale::observe::{RefusedSender, Telemetry, Trust, reporting_interval};

/// Who reports and what is missing, at one moment.
#[derive(Debug, Default)]
pub struct Presence {
    /// Those that report or have reported, those first that do not any more.
    pub reporters: Vec<Reporter>,
    /// What is missing, the most important first.
    pub missing: Vec<Missing>,
    /// Whether datagrams arrive and none of them counts.
    pub refuses_all: bool,
}

/// An agent, and what it reports.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// How well it is heard.
    pub status: AgentStatus,
    /// The hosts that it speaks for, usually one.
    pub hosts: Vec<String>,
    /// Containers that it reports now.
    pub containers: u32,
    /// How often the slowest of its hosts is heard; `None` until that can be told.
    pub interval: Option<Duration>,
    /// How long ago it was heard.
    pub age: Duration,
}

impl Presence {
    /// Looks at who reports to this loop.
    pub fn look(handle: &Handle) -> Self {
        let collector = handle.config().lock().collector.clone();
        let port = collector.listen.port();
        let now = handle.now();
        let board = handle.board().lock();
        let standings = board.standings().to_vec();
        let running_for = now - board.started();
        drop(board);
        let telemetry = handle.telemetry().lock();
        let heard = Heard::of(&telemetry, now);
        let refused = telemetry.refused_senders(now);
        drop(telemetry);
        let mut missing = Vec::new();
        if !refused.is_empty() {
            let is_all = heard.reporters.is_empty() || heard.refuses_all;
            missing.push(sender_refused(&collector, &refused, is_all));
        }
        if !heard.reporters.is_empty() {
            missing.extend(rules::find(&heard, &standings, running_for));
        } else if missing.is_empty() {
            missing.push(Missing::NoAgent { port });
        }
        if collector.agents.is_empty() {
            missing.push(any_sender(&collector, heard.trust.senders()));
        }
        Self {
            refuses_all: heard.refuses_all,
            reporters: heard.reporters,
            missing,
        }
    }

    /// Those that are heard in time.
    pub fn heard(&self) -> usize {
        let heard = self.reporters.iter();
        heard.filter(|reporter| !reporter.status.silent).count()
    }
}

/// Senders in one message.
const SENDERS: usize = 8;

/// The senders that were refused, and the line of the configuration that allows them.
pub(crate) fn sender_refused(
    collector: &Collector,
    refused: &[RefusedSender],
    is_all: bool,
) -> Missing {
    let refused = refused.get(..SENDERS).unwrap_or(refused);
    let shared = refused.iter().find(|sender| sender.is_shared);
    let mut senders: Vec<IpAddr> = refused.iter().map(|sender| sender.address).collect();
    senders.sort_unstable();
    Missing::SenderRefused {
        line: collector.agents_with(senders.iter().copied()),
        shared: shared.map(|sender| sender.address),
        is_all,
        senders,
    }
}

/// The line of the configuration that allows only these senders and those of
/// `[collector.nodes]`.
pub(crate) fn any_sender(
    collector: &Collector,
    addresses: impl IntoIterator<Item = IpAddr>,
) -> Missing {
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
    Missing::AnySender { line }
}

/// What telemetry knows of those who report.
struct Heard {
    reporters: Vec<Reporter>,
    trust: Trust,
    /// Containers that agents report, by the place of the node that they report for.
    containers: BTreeMap<usize, u32>,
    flow_samples: u64,
    refuses_all: bool,
}

impl Heard {
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
            let is_heard = matches!(entity.lifecycle(), Lifecycle::Live | Lifecycle::Warming);
            let kind = entity.kind();
            let Some(reporter) = reporters.get_mut(&entity.agent()) else {
                continue;
            };
            if kind == EntityKind::Host && !entity.name().is_empty() {
                reporter.interval = reporter.interval.max(reporting_interval(&entity));
                reporter.hosts.push(entity.name().to_owned());
            }
            let is_container = kind == EntityKind::Container && is_heard;
            reporter.containers += u32::from(is_container);
            if is_heard && let Some(node) = trust.node_of(&entity) {
                *containers.entry(node).or_default() += u32::from(is_container);
            }
        }
        let mut reporters: Vec<Reporter> = reporters.into_values().collect();
        // Those with the same host stand together.
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
