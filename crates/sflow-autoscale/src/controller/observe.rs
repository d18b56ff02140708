//! The observation of a service: its signals, its hosts, and obstacles.

use std::collections::BTreeSet;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::Ownership;
use super::managed::ManagedService;
use crate::observe::{HostLoads, SampledNodes, Telemetry};
use crate::orchestrator::{Rollout, Scaling, Service, Task, TaskState};
use crate::policy::{Fast, HostLoad, Observation, Obstacle, Saturation, Signal, Subject};

/// The observation of each service that exists, with its share of the budget.
pub(super) fn observe_all(
    now: Timestamp,
    managed: &[ManagedService],
    ownership: Option<&Ownership>,
    ceilings: Vec<Option<u32>>,
    telemetry: &mut Telemetry,
) -> Vec<Option<Observation>> {
    let snapshot = telemetry.snapshot(now, managed.iter().map(|managed| &managed.query));
    let mut sampled = SampledNodes::new();
    let mut observe = |(managed, ceiling): (&ManagedService, Option<u32>)| {
        let (query, settings) = (&managed.query, managed.policy.settings());
        let service = managed.state.as_deref();
        if settings.fast {
            let nodes =
                service.map(|service| snapshot.nodes_with_tasks(query, service, settings.warm_up));
            sampled.insert(managed.name.clone(), nodes.unwrap_or_default());
        }
        let service = service?;
        let signals = snapshot.signals(query, service, settings.warm_up);
        Some(observation(service, ownership, ceiling, signals))
    };
    let pairs = managed.iter().zip(ceilings);
    let mut observations: Vec<Option<Observation>> = pairs.map(&mut observe).collect();
    drop(snapshot);
    if !sampled.is_empty() {
        let fast = managed.iter();
        let fast = fast.filter(|managed| managed.policy.settings().fast);
        let metrics = fast.flat_map(|managed| managed.query.all_parts());
        telemetry.read_samples(now, &sampled, metrics);
    }
    for (managed, observation) in managed.iter().zip(&mut observations) {
        if let (Some(service), Some(observation)) = (&managed.state, observation) {
            add_samples(now, managed, service, &mut observation.signals, telemetry);
        }
    }
    let hosts = telemetry.hosts(now);
    for (managed, observation) in managed.iter().zip(&mut observations) {
        if let (Some(service), Some(observation)) = (&managed.state, observation) {
            let limits = &managed.policy.settings().saturation;
            add_hosts(observation, service, limits, &hosts);
        }
    }
    observations
}

/// The observation of one service, after a conflict. `None` if it does not exist any more.
pub(super) fn observe_again(
    now: Timestamp,
    managed: &ManagedService,
    ownership: Option<&Ownership>,
    ceiling: Option<u32>,
    telemetry: &mut Telemetry,
) -> Option<Observation> {
    let service = managed.state.as_deref()?;
    let (query, settings) = (&managed.query, managed.policy.settings());
    let snapshot = telemetry.snapshot(now, [query]);
    let mut signals = snapshot.signals(query, service, settings.warm_up);
    drop(snapshot);
    add_samples(now, managed, service, &mut signals, telemetry);
    let mut observation = observation(service, ownership, ceiling, signals);
    let limits = &settings.saturation;
    add_hosts(&mut observation, service, limits, &telemetry.hosts(now));
    Some(observation)
}

/// The observation without its hosts.
fn observation(
    service: &Service,
    ownership: Option<&Ownership>,
    ceiling: Option<u32>,
    signals: Vec<Signal>,
) -> Observation {
    let (replicas, obstacle) = match service.scaling {
        Scaling::Replicated { replicas } => (replicas, None),
        Scaling::Global => (service.running(), Some("global")),
        Scaling::Job => (service.running(), Some("job")),
    };
    let not_scalable = |what: &str| Obstacle::NotScalable {
        what: what.to_owned(),
    };
    let obstacle = obstacle
        .map(not_scalable)
        .or_else(|| owned_by_other(service, ownership?))
        .or(match service.rollout {
            Rollout::Settled => None,
            Rollout::Running => Some(Obstacle::RolloutRunning),
            Rollout::Paused => Some(Obstacle::RolloutPaused),
        });
    let tasks = service.tasks.iter();
    let running = tasks.filter(|task| task.state == TaskState::Running);
    let late = not_starting(service);
    Observation {
        subject: Subject::service(&service.name),
        replicas,
        running: running.map(|task| task.age).collect(),
        pending: u32::try_from(late.len()).unwrap_or(u32::MAX),
        pending_error: late.iter().find_map(|task| task.error.clone()),
        obstacle,
        signals,
        ceiling,
        hosts: Vec::new(),
        elsewhere: 0,
    }
}

/// Adds the hosts that run a service, if a host of the cluster is saturated, and the number of other
/// hosts that are not.
fn add_hosts(
    observation: &mut Observation,
    service: &Service,
    limits: &Saturation,
    hosts: &HostLoads<'_>,
) {
    let is_saturated = |host: &HostLoad| host.saturated(limits).is_some();
    let all = hosts.loads();
    if !all.iter().any(is_saturated) {
        return;
    }
    let tasks = service.tasks.iter();
    let nodes: BTreeSet<&str> = tasks.filter_map(|task| task.node.as_deref()).collect();
    let load = |node: &str| {
        hosts.load(node).unwrap_or_else(|| HostLoad {
            name: node.to_owned(),
            ..HostLoad::default()
        })
    };
    let here: Vec<HostLoad> = nodes.into_iter().map(load).collect();
    let elsewhere = all
        .iter()
        .filter(|host| !is_saturated(host) && here.iter().all(|here| here.name != host.name));
    observation.elsewhere = u32::try_from(elsewhere.count()).unwrap_or(u32::MAX);
    observation.hosts = here;
}

/// Adds the rates by packet samples, if the policy uses them. Counters correct them if most containers
/// have a fresh value and no container is warming up.
fn add_samples(
    now: Timestamp,
    managed: &ManagedService,
    service: &Service,
    signals: &mut [Signal],
    telemetry: &mut Telemetry,
) {
    let running = service.running();
    if running == 0 || !managed.policy.settings().fast {
        return;
    }
    for (index, signal) in signals.iter_mut().enumerate() {
        let is_most = signal.warming == 0 && 2 * signal.contributing > running;
        let counters = signal.value.filter(|_| is_most);
        let counters = counters.map(|mean| mean * f64::from(running));
        let metrics = managed.query.parts(index);
        let sampled = telemetry.sampled_rate(now, &service.name, metrics, counters);
        signal.fast = sampled.map(|sampled| Fast {
            value: sampled.value / f64::from(running),
            error: sampled.error,
            samples: sampled.samples,
            correction: sampled.correction,
        });
    }
}

fn owned_by_other(service: &Service, ownership: &Ownership) -> Option<Obstacle> {
    let named = service.labels.get(&ownership.label)?.trim();
    (!named.is_empty() && named != ownership.owner).then(|| Obstacle::OwnedByOther {
        owner: named.to_owned(),
    })
}

/// A task that has not started after this time counts as one that does not start.
const START_TIME: Duration = Duration::from_secs(15);
/// Number of recent failures of a replica from which on it counts as crashing, even if its present task
/// runs.
const CRASHES: u32 = 3;
/// A task that has run for longer than this is not crashing.
const STEADY: Duration = Duration::from_secs(60);

/// The tasks that do not start or do not stay.
pub(super) fn not_starting(service: &Service) -> Vec<&Task> {
    let tasks = service.tasks.iter();
    tasks
        .filter(|task| is_late(task) || is_crashing(task))
        .collect()
}

fn is_late(task: &Task) -> bool {
    task.state != TaskState::Running && task.age >= START_TIME
}

fn is_crashing(task: &Task) -> bool {
    task.failures >= CRASHES && (task.state != TaskState::Running || task.age < STEADY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::managed::Origin;
    use crate::controller::settings::ServiceSettings;
    use crate::observe::readings_of_node;
    use crate::orchestrator::ServiceId;
    use crate::policy::tests::target;

    #[test]
    fn repeated_observation_includes_saturated_hosts() {
        let settings = ServiceSettings {
            name: "apache".to_owned(),
            priority: 0,
            settings: target("vir_cpu_cores", 0.5),
        };
        for (bytes_per_second, hosts) in [(122_500_000, 1), (1_000_000, 0)] {
            let (mut telemetry, now) = readings_of_node(1_000_000_000, bytes_per_second);
            let mut managed = ManagedService::new(&settings, Origin::Configuration).unwrap();
            managed.update(
                now,
                Some(Service {
                    id: ServiceId("id".to_owned()),
                    name: "apache".to_owned(),
                    scaling: Scaling::Replicated { replicas: 1 },
                    version: 2,
                    rollout: Rollout::Settled,
                    labels: std::collections::BTreeMap::new(),
                    cpu_limit: None,
                    tasks: vec![Task {
                        container: "apache.1.a".to_owned(),
                        node: Some("node1".to_owned()),
                        state: TaskState::Running,
                        ..Task::default()
                    }],
                }),
            );
            let observation = observe_again(now, &managed, None, None, &mut telemetry).unwrap();
            let limits = &managed.policy.settings().saturation;
            let saturated = observation.hosts.iter();
            let saturated = saturated.filter(|host| host.saturated(limits).is_some());
            assert_eq!(saturated.count(), hosts, "{bytes_per_second}");
            assert_eq!(observation.elsewhere, 0);
        }
    }
}
