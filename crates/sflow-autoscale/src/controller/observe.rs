//! The observation of a service: its signals, its hosts, and obstacles.

use std::collections::BTreeSet;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::Ownership;
use super::managed::ManagedService;
use crate::observe::{HostLoads, MetricQuery, SampledNodes, Telemetry};
use crate::orchestrator::{Rollout, Scaling, Service, Task, TaskState};
use crate::policy::{Fast, HostLoad, Observation, Obstacle, Saturation, Settings, Signal, Subject};

/// The readings of a service.
#[derive(Debug, Default)]
pub(super) struct ServiceReadings {
    pub(super) signals: Vec<Signal>,
    /// The hosts that run it; empty if no host is saturated.
    pub(super) hosts: Vec<HostLoad>,
    /// The number of other hosts that are not saturated.
    pub(super) elsewhere: u32,
}

/// What telemetry shows of each service, in one snapshot.
pub(super) fn read_all(
    now: Timestamp,
    managed: &[ManagedService],
    telemetry: &mut Telemetry,
) -> Vec<ServiceReadings> {
    let snapshot = telemetry.snapshot(now, managed.iter().map(|managed| &managed.query));
    let signals = managed.iter().map(|managed| match &managed.state {
        Some(service) => {
            let warm_up = managed.policy.settings().warm_up;
            snapshot.signals(&managed.query, service, warm_up)
        }
        None => Vec::new(),
    });
    let signals: Vec<Vec<Signal>> = signals.collect();
    let sampled = managed
        .iter()
        .filter(|managed| managed.policy.settings().fast);
    let sampled: SampledNodes = sampled
        .map(|managed| {
            let state = managed.state.as_ref();
            let warm_up = managed.policy.settings().warm_up;
            let nodes =
                state.map(|service| snapshot.nodes_with_tasks(&managed.query, service, warm_up));
            (managed.name.clone(), nodes.unwrap_or_default())
        })
        .collect();
    drop(snapshot);
    let hosts = telemetry.hosts(now);
    let mut readings: Vec<ServiceReadings> = managed
        .iter()
        .zip(signals)
        .map(|(managed, signals)| {
            let limits = &managed.policy.settings().saturation;
            match &managed.state {
                Some(service) => ServiceReadings::with_hosts(signals, service, limits, &hosts),
                None => ServiceReadings::default(),
            }
        })
        .collect();
    drop(hosts);
    if !sampled.is_empty() {
        telemetry.read_samples(now, &sampled);
        for (managed, readings) in managed.iter().zip(&mut readings) {
            if let Some(service) = &managed.state
                && managed.policy.settings().fast
            {
                add_fast(now, service, &mut readings.signals, telemetry);
            }
        }
    }
    readings
}

/// The readings of one service, after a conflict.
pub(super) fn read_again(
    now: Timestamp,
    query: &MetricQuery,
    service: &Service,
    settings: &Settings,
    telemetry: &mut Telemetry,
) -> ServiceReadings {
    let snapshot = telemetry.snapshot(now, [query]);
    let mut signals = snapshot.signals(query, service, settings.warm_up);
    drop(snapshot);
    if settings.fast {
        add_fast(now, service, &mut signals, telemetry);
    }
    ServiceReadings {
        signals,
        ..ServiceReadings::default()
    }
}

impl ServiceReadings {
    fn with_hosts(
        signals: Vec<Signal>,
        service: &Service,
        limits: &Saturation,
        hosts: &HostLoads<'_>,
    ) -> Self {
        let is_saturated = |host: &HostLoad| host.saturated(limits).is_some();
        let all = hosts.loads();
        if !all.iter().any(is_saturated) {
            return Self {
                signals,
                ..Self::default()
            };
        }
        let nodes: BTreeSet<&str> = service
            .tasks
            .iter()
            .filter_map(|task| task.node.as_deref())
            .collect();
        let here: Vec<HostLoad> = nodes
            .into_iter()
            .map(|node| {
                hosts.load(node).unwrap_or_else(|| HostLoad {
                    name: node.to_owned(),
                    ..HostLoad::default()
                })
            })
            .collect();
        let elsewhere = all
            .iter()
            .filter(|host| !is_saturated(host) && here.iter().all(|here| here.name != host.name));
        Self {
            signals,
            elsewhere: u32::try_from(elsewhere.count()).unwrap_or(u32::MAX),
            hosts: here,
        }
    }
}

/// Adds the rates by packet samples. Counters correct them if most containers have a fresh value and no
/// container is warming up.
fn add_fast(now: Timestamp, service: &Service, signals: &mut [Signal], telemetry: &mut Telemetry) {
    let running = service.running();
    if running == 0 {
        return;
    }
    for signal in signals {
        let is_most = signal.warming == 0 && 2 * signal.contributing > running;
        let counters = signal.value.filter(|_| is_most);
        let counters = counters.map(|mean| mean * f64::from(running));
        let sampled = telemetry.sampled_rate(now, &service.name, &signal.metric, counters);
        signal.fast = sampled.map(|sampled| Fast {
            value: sampled.value / f64::from(running),
            error: sampled.error,
            samples: sampled.samples,
            correction: sampled.correction,
        });
    }
}

/// The observation for the policy.
pub(super) fn observation(
    service: &Service,
    ownership: Option<&Ownership>,
    readings: ServiceReadings,
    ceiling: Option<u32>,
) -> Observation {
    let (replicas, obstacle) = match service.scaling {
        Scaling::Replicated { replicas } => (replicas, None),
        Scaling::Global => (service.running(), Some("global")),
        Scaling::Job => (service.running(), Some("job")),
    };
    let obstacle = obstacle
        .map(|what| Obstacle::NotScalable {
            what: what.to_owned(),
        })
        .or_else(|| owned_by_other(service, ownership?))
        .or(match service.rollout {
            Rollout::Settled => None,
            Rollout::Running => Some(Obstacle::RolloutRunning),
            Rollout::Paused => Some(Obstacle::RolloutPaused),
        });
    let in_state = |state: TaskState| service.tasks.iter().filter(move |task| task.state == state);
    let running: Vec<Duration> = in_state(TaskState::Running).map(|task| task.age).collect();
    let late = not_starting(service);
    Observation {
        subject: Subject::service(&service.name),
        replicas,
        running,
        pending: u32::try_from(late.len()).unwrap_or(u32::MAX),
        pending_error: late.iter().find_map(|task| task.error.clone()),
        obstacle,
        signals: readings.signals,
        ceiling,
        hosts: readings.hosts,
        elsewhere: readings.elsewhere,
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
