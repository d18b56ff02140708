//! Rules that detect incomplete data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::{AgentTelemetry, Gap};
use crate::orchestrator::{Task, TaskState};
use crate::policy::Mode;
use crate::status::ServiceStatus;
use sflow_autoscale::observe::{NodeReport, Reporter};

/// Maximum number of problems of one kind that are listed individually.
const LISTED: usize = 20;
/// Minimum age of a task: younger ones cannot have been reported twice.
const NEW: Duration = Duration::from_secs(45);
/// Fraction of lost datagrams that is tolerated.
const LOSS: f64 = 0.02;

/// Detects all incomplete data.
pub(super) fn find(
    agents: &AgentTelemetry,
    services: &[ServiceStatus],
    running_for: Duration,
) -> Vec<Gap> {
    let mut missing = Vec::new();
    let silent = agents.reporters.iter().filter(|it| it.status.silent);
    add(
        &mut missing,
        silent.map(|reporter| Gap::SilentAgent {
            agent: reporter.status.key.to_string(),
            host: reporter.hosts.first().cloned(),
            age: reporter.age.as_secs_f64(),
        }),
    );
    if running_for >= NEW || agents.refuses_all {
        add(&mut missing, of_nodes(agents, services).into_iter());
    }
    if running_for >= NEW {
        let on = services.iter().filter(|it| it.mode != Mode::Off);
        add(&mut missing, on.flat_map(of_service));
    }
    let is_contested = |it: &&super::Reporter| it.status.contested || it.status.doubtful;
    let contested = agents.reporters.iter().filter(is_contested);
    let contested = contested.map(|reporter| Gap::AgentContested {
        agent: reporter.status.key.to_string(),
    });
    add(&mut missing, contested);
    let lossy = agents.reporters.iter().filter_map(|reporter| {
        let loss = reporter.status.loss()?;
        let agent = reporter.status.key.to_string();
        (loss >= LOSS).then_some(Gap::AgentLossy { agent, loss })
    });
    add(&mut missing, lossy);
    let by_packets = |service: &ServiceStatus| {
        let mut metrics = service.signals.iter().map(|band| band.metric.as_str());
        metrics.any(|metric| metric.contains("vir_bytes_") || metric.contains("vir_pkts_"))
    };
    if agents.flow_samples == 0 && running_for >= NEW && services.iter().any(by_packets) {
        missing.push(Gap::NoPacketSamples);
    }
    missing
}

/// Adds the first problems of one kind, and the number of further ones.
fn add(missing: &mut Vec<Gap>, mut found: impl Iterator<Item = Gap>) {
    missing.extend(found.by_ref().take(LISTED));
    let count = found.count();
    if count > 0 {
        missing.push(Gap::More { count });
    }
}

fn of_nodes(agents: &AgentTelemetry, services: &[ServiceStatus]) -> Vec<Gap> {
    let trust = &agents.trust;
    let mut tasks: BTreeMap<usize, u32> = BTreeMap::new();
    let states = services.iter().filter_map(|it| it.state.as_ref());
    for task in states.flat_map(|state| &state.tasks) {
        let is_known = task.state == TaskState::Running && task.age >= NEW;
        if let Some(node) = task.node.as_ref().filter(|_| is_known) {
            for place in trust.named(node) {
                *tasks.entry(*place).or_default() += 1;
            }
        }
    }
    let silent: BTreeSet<usize> = agents
        .reporters
        .iter()
        .filter(|reporter| reporter.status.silent)
        .flat_map(|reporter| &reporter.hosts)
        .flat_map(|host| trust.named(host).iter().copied())
        .collect();
    let mut missing = foreign(trust.nodes(), |place| {
        agents.containers.contains_key(&place)
    });
    for (place, node) in trust.nodes().iter().enumerate() {
        let name = node.name.clone();
        let tasks = tasks.get(&place).copied().unwrap_or(0);
        if let Reporter::Contested(claimants) = &node.reporter {
            let senders = claimants.iter().map(ToString::to_string).collect();
            missing.push(Gap::NodeContested {
                node: name,
                senders,
            });
            continue;
        }
        let containers = agents.containers.get(&place);
        match containers {
            // Silent agents and foreign senders have been added already.
            None if silent.contains(&place) || !node.foreign.is_empty() => {}
            None => missing.push(Gap::NodeWithoutAgent { node: name, tasks }),
            Some(0) if tasks > 0 => {
                missing.push(Gap::HostWithoutContainers { host: name, tasks });
            }
            Some(_) => {}
        }
    }
    missing
}

/// Senders that report nodes without permission.
pub fn foreign(nodes: &[NodeReport], is_reported: impl Fn(usize) -> bool) -> Vec<Gap> {
    let mut unreported: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        let senders: BTreeSet<IpAddr> = node.foreign.iter().map(|it| it.sender).collect();
        for sender in senders.into_iter().filter(|_| !is_reported(place)) {
            unreported
                .entry(sender)
                .or_default()
                .push(node.name.clone());
        }
    }
    unreported.retain(|_, nodes| nodes.len() > 1);
    let each = nodes.iter().enumerate().filter_map(|(place, node)| {
        let senders = node.foreign.iter().map(|it| it.sender);
        let is_reported = is_reported(place);
        let senders: BTreeSet<IpAddr> = senders
            .filter(|sender| is_reported || !unreported.contains_key(sender))
            .collect();
        (!senders.is_empty()).then(|| Gap::ForeignSender {
            node: node.name.clone(),
            senders: senders.iter().map(IpAddr::to_string).collect(),
            addresses: node.addresses.clone(),
            is_reported,
        })
    });
    let each: Vec<Gap> = each.collect();
    let shared = unreported.into_iter();
    let shared = shared.map(|(sender, nodes)| Gap::SharedSender { sender, nodes });
    shared.chain(each).collect()
}

fn of_service(service: &ServiceStatus) -> Vec<Gap> {
    let (Some(state), Some(last)) = (&service.state, &service.last) else {
        return Vec::new();
    };
    let is_known = |task: &&Task| task.state == TaskState::Running && task.age >= NEW;
    let running = state.tasks.iter().filter(is_known).count();
    let running = u32::try_from(running).unwrap_or(u32::MAX);
    let seen = last.inputs.iter().map(|input| input.matched).max();
    let seen = seen.unwrap_or(0);
    if seen < running {
        return vec![Gap::ServiceUnseen {
            service: service.name.clone(),
            seen,
            running,
        }];
    }
    let unknown = last.inputs.iter().filter(|input| input.contributing == 0);
    unknown
        .filter(|_| running > 0)
        .map(|input| Gap::MetricUnknown {
            service: service.name.clone(),
            metric: input.metric.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_beyond_the_limit_are_counted() {
        let mut missing = Vec::new();
        let found = (0..LISTED + 5).map(|_| Gap::NoPacketSamples);
        add(&mut missing, found);
        assert_eq!(missing.len(), LISTED + 1);
        assert_eq!(missing.last(), Some(&Gap::More { count: 5 }));
    }
}
