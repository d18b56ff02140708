use std::collections::BTreeMap;
use std::time::Duration;

use sflow_metrics::entity::{Kind as EntityKind, Lifecycle};

use super::facts::{EngineFacts, Facts, LeaderFacts, NodeFacts, ServiceFacts, TelemetryFacts};
use crate::handle::Handle;
use crate::policy::Mode;
use crate::status::ServiceStatus;
use sflow_autoscale::observe::AgentFacts;

/// Age of a task from which on its container is reported, at the usual polling intervals.
const SETTLED: Duration = Duration::from_secs(45);

impl Facts {
    /// The facts that a running loop has: configuration, services and telemetry.
    pub fn of_loop(handle: &Handle) -> Self {
        let config = handle.config().lock().clone();
        let now = handle.now();
        let status = handle.status().lock();
        let services = status.services().iter().filter_map(service).collect();
        let listened = now - status.started();
        let view = status.leader_view();
        let changes = status.leader_changes();
        drop(status);
        let leader = view.election.then_some(LeaderFacts {
            view,
            uptime: Some(listened),
            changes,
            lease: config.leader.lease_settings(),
        });
        let telemetry = handle.telemetry().lock();
        let (registry, trust) = (telemetry.registry(), telemetry.trust());
        let mut containers: BTreeMap<usize, u32> = BTreeMap::new();
        let agents = AgentFacts::all(registry, now, |entity| {
            if matches!(entity.lifecycle(), Lifecycle::Live | Lifecycle::Warming)
                && let Some(node) = trust.node_of(entity)
            {
                let is_container = entity.kind() == EntityKind::Container;
                *containers.entry(node).or_default() += u32::from(is_container);
            }
        });
        let nodes = trust.nodes().iter().enumerate();
        let nodes = nodes.map(|(index, report)| NodeFacts {
            report: report.clone(),
            containers: containers.get(&index).copied(),
        });
        let facts = TelemetryFacts {
            settled_after: SETTLED,
            nodes: nodes.collect(),
            agents,
            services,
            ..TelemetryFacts::new(&telemetry, now, listened)
        };
        drop(telemetry);
        Self {
            configuration: Ok(config),
            path: String::new(),
            engines: EngineFacts::default(),
            leader,
            telemetry: Some(Ok(facts)),
        }
    }
}

/// The service as last read; `None` before it was read.
fn service(status: &ServiceStatus) -> Option<ServiceFacts> {
    let signals = status.last.as_ref().map(|last| last.inputs.clone());
    Some(ServiceFacts {
        service: status.state.clone()?,
        signals: signals.filter(|_| status.mode != Mode::Off),
    })
}
