//! What is observed of services: their signals, the hosts that they run on, what stands in the way.

use std::collections::BTreeSet;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::managed::Managed;
use crate::orchestrator::{Rollout, Scaling, Service, Task, TaskState};
use crate::policy::{Fast, HostLoad, Kind, Observation, Obstacle, Saturation, Settings, Signal};
use sflow_autoscale::observe::{HostLoads, MetricQuery, SampledNodes, Telemetry};

/// What telemetry shows of a service.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) signals: Vec<Signal>,
    /// The hosts that run it; none if there are saturated ones nowhere.
    pub(super) hosts: Vec<HostLoad>,
    /// Others that have room.
    pub(super) elsewhere: u32,
}

/// What telemetry shows of each service, in one look.
pub(super) fn see(now: Timestamp, managed: &[Managed], telemetry: &mut Telemetry) -> Vec<Seen> {
    let look = telemetry.snapshot(now, managed.iter().map(|managed| &managed.question));
    let signals = managed.iter().map(|managed| match &managed.state {
        Some(service) => {
            let warm_up = managed.policy.settings().warm_up;
            look.signals(&managed.question, service, warm_up)
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
                state.map(|service| look.nodes_with_tasks(&managed.question, service, warm_up));
            (managed.name.clone(), nodes.unwrap_or_default())
        })
        .collect();
    drop(look);
    let hosts = telemetry.hosts(now);
    let mut seen: Vec<Seen> = managed
        .iter()
        .zip(signals)
        .map(|(managed, signals)| {
            let limits = &managed.policy.settings().saturation;
            match &managed.state {
                Some(service) => Seen::with_hosts(signals, service, limits, &hosts),
                None => Seen::default(),
            }
        })
        .collect();
    drop(hosts);
    if !sampled.is_empty() {
        telemetry.read_samples(now, &sampled);
        for (managed, seen) in managed.iter().zip(&mut seen) {
            if let Some(service) = &managed.state
                && managed.policy.settings().fast
            {
                add_fast(now, service, &mut seen.signals, telemetry);
            }
        }
    }
    seen
}

/// What telemetry shows of one service, once more.
pub(super) fn see_again(
    now: Timestamp,
    question: &MetricQuery,
    service: &Service,
    settings: &Settings,
    telemetry: &mut Telemetry,
) -> Seen {
    let look = telemetry.snapshot(now, [question]);
    let mut signals = look.signals(question, service, settings.warm_up);
    drop(look);
    if settings.fast {
        add_fast(now, service, &mut signals, telemetry);
    }
    Seen {
        signals,
        ..Seen::default()
    }
}

impl Seen {
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

/// Adds what packet samples show to what counters show. Counters correct samples where most of the
/// containers have a fresh value, and none of these is left out of the mean.
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

/// What the policy is shown of a service.
pub(super) fn observation(
    service: &Service,
    owner: &str,
    seen: Seen,
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
        .or(owned_by_other(service, owner))
        .or(match service.rollout {
            Rollout::Settled => None,
            Rollout::Running => Some(Obstacle::RolloutRunning),
            Rollout::Paused => Some(Obstacle::RolloutPaused),
        });
    let in_state = |state: TaskState| service.tasks.iter().filter(move |task| task.state == state);
    let running: Vec<Duration> = in_state(TaskState::Running).map(|task| task.age).collect();
    let late = not_starting(service);
    Observation {
        kind: Kind::Service,
        service: service.name.clone(),
        replicas,
        running,
        pending: u32::try_from(late.len()).unwrap_or(u32::MAX),
        pending_error: late.iter().find_map(|task| task.error.clone()),
        obstacle,
        signals: seen.signals,
        ceiling,
        hosts: seen.hosts,
        elsewhere: seen.elsewhere,
    }
}

/// The label by which a service says which balancer it belongs to.
const OWNER: &str = "elb.owner";

fn owned_by_other(service: &Service, owner: &str) -> Option<Obstacle> {
    let named = service.labels.get(OWNER)?.trim();
    (!named.is_empty() && named != owner).then(|| Obstacle::OwnedByOther {
        owner: named.to_owned(),
    })
}

/// A task that takes longer than this to start is taken for one that does not start.
const START_TIME: Duration = Duration::from_secs(15);
/// A place in which so many tasks have failed lately is one in which tasks do not stay, even if
/// one runs there at this moment.
const CRASHES: u32 = 3;
/// Unless it has run for longer than this.
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
