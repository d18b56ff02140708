//! The whole simulator, seen from outside: by its datagrams and as an orchestrator.

mod article;
mod faults;
mod telemetry;

use std::collections::hash_map::DefaultHasher;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sflow_metrics::Timestamp;
use sflow_v5::{CounterRecord, CountersSample, Datagram, Sample};

use super::*;
use crate::orchestrator::{Orchestrator, OrchestratorError, Scaling, Service, TaskState};
use crate::shared::Shared;

const START: Timestamp = Timestamp::from_secs(1_474_675_030);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn simulation(scenario: &Scenario) -> Simulation {
    Simulation::new(scenario, 1, START).unwrap()
}

fn article() -> Scenario {
    Scenario::named("article").unwrap()
}

/// The article's service under a steady load, with so many replicas.
fn steady(replicas: u32, load: f64) -> Scenario {
    let mut scenario = article();
    scenario.services[0].load = Load::Constant(load);
    scenario.services[0].replicas = replicas;
    scenario
}

/// What arrives until then.
fn run(simulation: &mut Simulation, until: Duration) -> Vec<(Timestamp, Vec<u8>)> {
    let mut arrived = Vec::new();
    simulation.advance(simulation.start() + until, |delivery| {
        arrived.push((delivery.at, delivery.bytes.to_vec()));
    });
    arrived
}

/// Every counters sample of a datagram.
fn counters(bytes: &[u8]) -> Vec<CountersSample<'_>> {
    let samples = Datagram::parse(bytes).unwrap().samples();
    samples
        .filter_map(|sample| match sample {
            Sample::Counters(sample) => Some(sample),
            _ => None,
        })
        .collect()
}

/// The answer of a future that does not wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the simulator never waits"),
    }
}

fn apache(simulation: &mut impl Orchestrator) -> Service {
    let mut services = ready(simulation.services(&["apache".to_owned()])).unwrap();
    assert_eq!(services.len(), 1);
    services.remove(0)
}

fn states(service: &Service, state: TaskState) -> usize {
    service
        .tasks
        .iter()
        .filter(|task| task.state == state)
        .count()
}

fn fingerprint(scenario: &Scenario, seed: u64, step: Duration) -> u64 {
    let mut simulation = Simulation::new(scenario, seed, START).unwrap();
    let mut hasher = DefaultHasher::new();
    let end = START + scenario.duration;
    while simulation.now() < end {
        let to = (simulation.now() + step).min(end);
        simulation.advance(to, |delivery| {
            (delivery.at, delivery.source, delivery.bytes).hash(&mut hasher);
        });
    }
    simulation.sent().datagrams.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn the_same_seed_gives_the_same_bytes_however_time_is_sliced() {
    for (name, _) in Scenario::NAMES {
        let scenario = Scenario::named(name).unwrap();
        let once = fingerprint(&scenario, 7, scenario.duration);
        assert_eq!(once, fingerprint(&scenario, 7, scenario.duration), "{name}");
        assert_eq!(
            once,
            fingerprint(&scenario, 7, Duration::from_millis(137)),
            "{name}"
        );
        assert_ne!(once, fingerprint(&scenario, 8, scenario.duration), "{name}");
    }
}

#[test]
fn time_goes_on_from_one_event_to_the_next_and_nothing_comes_between() {
    let scenario = Scenario::named("bad-network").unwrap();
    let mut simulation = simulation(&scenario);
    let mut last = START;
    let mut events = 0;
    while simulation.now() < START + scenario.duration {
        let due = simulation.next_due();
        assert!(events == 0 || due > last, "no progress at {due}");
        simulation.advance(due - Duration::from_nanos(1), |_| {
            panic!("before it is due")
        });
        simulation.advance(due, |delivery| assert_eq!(delivery.at, due));
        assert_eq!(simulation.now(), due.max(last));
        (last, events) = (due, events + 1);
    }
    // Ticks are not the only thing that happens, and there is no storm of events either.
    assert!((1_300..20_000).contains(&events), "{events}");
}

#[test]
fn load_is_shared_equally_and_moves_when_tasks_come_and_go() {
    let mut simulation = simulation(&steady(4, 400.0));
    run(&mut simulation, s(5));
    let truth = simulation.truth("apache").unwrap();
    assert_eq!((truth.wanted, truth.running), (4, 4));
    assert_eq!(truth.bytes_per_task, Some(100_000.0));
    assert!((truth.cores_per_task.unwrap() - (100.0 * 80e-6 + 0.0002)).abs() < 1e-12);
    assert_eq!((truth.overload, truth.unserved), (0.0, 0.0));

    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 8)).unwrap();
    let truth = simulation.truth("apache").unwrap();
    assert_eq!((truth.wanted, truth.running), (8, 4), "starting takes time");
    run(&mut simulation, s(10));
    assert_eq!(
        simulation.truth("apache").unwrap().bytes_per_task,
        Some(50_000.0)
    );

    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 0)).unwrap();
    run(&mut simulation, s(20));
    let truth = simulation.truth("apache").unwrap();
    assert_eq!((truth.running, truth.bytes_per_task), (0, None));
    assert!(
        (truth.unserved - 4_000.0).abs() < 1e-6,
        "{}",
        truth.unserved
    );
    assert_eq!(simulation.truth("nobody"), None);
}

#[test]
fn a_task_that_is_asked_more_than_it_can_do_serves_what_it_can() {
    let mut scenario = steady(2, 1_000.0);
    scenario.services[0].cpu_limit = Some(0.02);
    let mut simulation = simulation(&scenario);
    run(&mut simulation, s(10));
    let truth = simulation.truth("apache").unwrap();
    // Each is asked for 500 × 80 µs = 4 % of a core, and may have 2 %.
    assert_eq!(truth.cores_per_task, Some(0.02));
    assert!((truth.overload - 20.0).abs() < 1e-6, "{}", truth.overload);
    assert!((495.0..500.0).contains(&truth.served), "{}", truth.served);
    assert!((truth.unserved - 10.0 * (1_000.0 - truth.served)).abs() < 1e-3);
}

#[test]
fn a_host_has_no_more_than_its_cores() {
    let mut scenario = steady(4, 100_000.0);
    scenario.hosts.truncate(1);
    let mut simulation = simulation(&scenario);
    run(&mut simulation, s(10));
    let host = &simulation.cluster.hosts[0];
    assert!((host.cores_used - 2.0).abs() < 1e-9);
    assert!((host.saturated - 10.0).abs() < 1e-9);
    let truth = simulation.truth("apache").unwrap();
    assert!((truth.overload - 40.0).abs() < 1e-6);
    assert!(
        (truth.served - 1.99 / 80e-6).abs() < 20.0,
        "{}",
        truth.served
    );
}

#[test]
fn it_is_scaled_like_docker() {
    let mut simulation = simulation(&article());
    assert_eq!(
        ready(simulation.services(&["nobody".to_owned()])),
        Ok(Vec::new())
    );

    let before = apache(&mut simulation);
    assert_eq!(before.scaling, Scaling::Replicated { replicas: 1 });
    assert_eq!((before.running(), before.tasks.len()), (1, 1));
    assert!(before.tasks[0].age >= s(300));

    ready(simulation.scale(&before, 4)).unwrap();
    let ordered = apache(&mut simulation);
    assert!(ordered.version > before.version);
    assert_eq!(
        (
            states(&ordered, TaskState::Running),
            states(&ordered, TaskState::Pending)
        ),
        (1, 3)
    );
    assert_eq!(
        ready(simulation.scale(&before, 5)),
        Err(OrchestratorError::Conflict)
    );

    run(&mut simulation, s(2));
    let there = apache(&mut simulation);
    assert_eq!(there.running(), 4);
    assert_eq!(there.version, ordered.version);
    let mut nodes: Vec<_> = there
        .tasks
        .iter()
        .filter_map(|task| task.node.clone())
        .collect();
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes, ["node1", "node2", "node3"], "tasks are spread");
    for task in &there.tasks {
        let parts: Vec<_> = task.container.split('.').collect();
        assert!(matches!(parts[..], ["apache", "1" | "2" | "3" | "4", id] if id.len() == 25));
    }

    ready(simulation.scale(&there, 2)).unwrap();
    let fewer = apache(&mut simulation);
    assert_eq!(fewer.tasks.len(), 2, "what is told to stop is not listed");
    assert_ne!(
        fewer.tasks[0].node, fewer.tasks[1].node,
        "those on a crowded host go first"
    );

    let gone = Service {
        id: crate::orchestrator::ServiceId("x".to_owned()),
        ..fewer.clone()
    };
    assert_eq!(
        ready(simulation.scale(&gone, 1)),
        Err(OrchestratorError::NotFound("apache".to_owned()))
    );
    assert!(matches!(
        ready(simulation.scale(&fewer, 1_001)),
        Err(OrchestratorError::Refused(_))
    ));
}

#[test]
fn what_is_shared_is_one_simulation() {
    fn can_move_to_another_thread<T: Send>(_: &T) {}
    let mut controller = Shared::new(simulation(&article()));
    can_move_to_another_thread(&controller);
    let driver = controller.clone();
    let service = apache(&mut controller);
    ready(controller.scale(&service, 3)).unwrap();
    driver.lock().advance(START + s(3), |_| {});
    assert_eq!(apache(&mut controller).running(), 3);
}

#[test]
fn a_task_that_has_not_started_goes_first() {
    let mut simulation = simulation(&steady(2, 0.0));
    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 6)).unwrap();
    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 3)).unwrap();
    let service = apache(&mut simulation);
    assert_eq!(
        (
            states(&service, TaskState::Running),
            states(&service, TaskState::Pending)
        ),
        (2, 1)
    );
}
