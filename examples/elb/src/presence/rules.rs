//! The rules that find what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::{Heard, Missing};
use crate::board::Standing;
use crate::orchestrator::{Task, TaskState};
use crate::policy::Mode;
use sflow_autoscale::observe::{NodeReport, Reporter};

/// Problems of one kind that are listed one by one.
const TOLD: usize = 20;
/// A task younger than this cannot have been reported twice yet.
const NEW: Duration = Duration::from_secs(45);
/// The part of its datagrams that an agent may lose without being reported.
const LOSS: f64 = 0.02;

/// All that is missing.
pub(super) fn find(heard: &Heard, standings: &[Standing], running_for: Duration) -> Vec<Missing> {
    let mut missing = Vec::new();
    let silent = heard.reporters.iter().filter(|it| it.status.silent);
    add(
        &mut missing,
        silent.map(|reporter| Missing::SilentAgent {
            agent: reporter.status.key.to_string(),
            host: reporter.hosts.first().cloned(),
            age: reporter.age.as_secs_f64(),
        }),
    );
    if running_for >= NEW || heard.refuses_all {
        add(&mut missing, of_nodes(heard, standings).into_iter());
    }
    if running_for >= NEW {
        let on = standings.iter().filter(|it| it.mode != Mode::Off);
        add(&mut missing, on.flat_map(of_service));
    }
    let is_contested = |it: &&super::Reporter| it.status.contested || it.status.doubtful;
    let contested = heard.reporters.iter().filter(is_contested);
    let contested = contested.map(|reporter| Missing::AgentContested {
        agent: reporter.status.key.to_string(),
    });
    add(&mut missing, contested);
    let lossy = heard.reporters.iter().filter_map(|reporter| {
        let loss = reporter.status.loss()?;
        let agent = reporter.status.key.to_string();
        (loss >= LOSS).then_some(Missing::AgentLossy { agent, loss })
    });
    add(&mut missing, lossy);
    let by_packets = |standing: &Standing| {
        let mut metrics = standing.signals.iter().map(|band| band.metric.as_str());
        metrics.any(|metric| metric.contains("vir_bytes_") || metric.contains("vir_pkts_"))
    };
    if heard.flow_samples == 0 && running_for >= NEW && standings.iter().any(by_packets) {
        missing.push(Missing::NoPacketSamples);
    }
    missing
}

/// The first of these, and how many more there are.
fn add(missing: &mut Vec<Missing>, mut found: impl Iterator<Item = Missing>) {
    missing.extend(found.by_ref().take(TOLD));
    let count = found.count();
    if count > 0 {
        missing.push(Missing::More { count });
    }
}

fn of_nodes(heard: &Heard, standings: &[Standing]) -> Vec<Missing> {
    let trust = &heard.trust;
    let mut tasks: BTreeMap<usize, u32> = BTreeMap::new();
    let states = standings.iter().filter_map(|it| it.state.as_ref());
    for task in states.flat_map(|state| &state.tasks) {
        let is_known = task.state == TaskState::Running && task.age >= NEW;
        if let Some(node) = task.node.as_ref().filter(|_| is_known) {
            for place in trust.named(node) {
                *tasks.entry(*place).or_default() += 1;
            }
        }
    }
    let silent: BTreeSet<usize> = heard
        .reporters
        .iter()
        .filter(|reporter| reporter.status.silent)
        .flat_map(|reporter| &reporter.hosts)
        .flat_map(|host| trust.named(host).iter().copied())
        .collect();
    let mut missing = foreign(trust.nodes(), |place| heard.containers.contains_key(&place));
    for (place, node) in trust.nodes().iter().enumerate() {
        let name = node.name.clone();
        let tasks = tasks.get(&place).copied().unwrap_or(0);
        if let Reporter::Contested(claimants) = &node.reporter {
            let senders = claimants.iter().map(ToString::to_string).collect();
            missing.push(Missing::NodeContested {
                node: name,
                senders,
            });
            continue;
        }
        let containers = heard.containers.get(&place);
        match containers {
            // Silence and foreign senders have been reported already.
            None if silent.contains(&place) || !node.foreign.is_empty() => {}
            None => missing.push(Missing::NodeWithoutAgent { node: name, tasks }),
            Some(0) if tasks > 0 => {
                missing.push(Missing::HostWithoutContainers { host: name, tasks });
            }
            Some(_) => {}
        }
    }
    missing
}

/// Senders that report nodes and may not.
pub fn foreign(nodes: &[NodeReport], is_reported: impl Fn(usize) -> bool) -> Vec<Missing> {
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
        (!senders.is_empty()).then(|| Missing::ForeignSender {
            node: node.name.clone(),
            senders: senders.iter().map(IpAddr::to_string).collect(),
            addresses: node.addresses.clone(),
            is_reported,
        })
    });
    let each: Vec<Missing> = each.collect();
    let shared = unreported.into_iter();
    let shared = shared.map(|(sender, nodes)| Missing::SharedSender { sender, nodes });
    shared.chain(each).collect()
}

fn of_service(standing: &Standing) -> Vec<Missing> {
    let (Some(state), Some(last)) = (&standing.state, &standing.last) else {
        return Vec::new();
    };
    let is_known = |task: &&Task| task.state == TaskState::Running && task.age >= NEW;
    let running = state.tasks.iter().filter(is_known).count();
    let running = u32::try_from(running).unwrap_or(u32::MAX);
    let seen = last.inputs.iter().map(|input| input.matched).max();
    let seen = seen.unwrap_or(0);
    if seen < running {
        return vec![Missing::ServiceUnseen {
            service: standing.name.clone(),
            seen,
            running,
        }];
    }
    let unknown = last.inputs.iter().filter(|input| input.contributing == 0);
    unknown
        .filter(|_| running > 0)
        .map(|input| Missing::MetricUnknown {
            service: standing.name.clone(),
            metric: input.metric.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_the_first_are_told_and_the_others_counted() {
        let mut missing = Vec::new();
        let found = (0..TOLD + 5).map(|_| Missing::NoPacketSamples);
        add(&mut missing, found);
        assert_eq!(missing.len(), TOLD + 1);
        assert_eq!(missing.last(), Some(&Missing::More { count: 5 }));
    }
}
