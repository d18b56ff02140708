//! Scenarios with a pool of machines.

use std::time::Duration;

use sflow_autoscale::node_pools::{
    DrainReason, Indicator, MachineState, MachineStep, PeerState, PoolEventKind,
};
use sflow_autoscale::policy::{Mode, Rule};
use sflow_simulator::experiment::{Experiment, Outcome, PoolOutcome, Scenario, two_thresholds};
use sflow_simulator::{Delay, Event, Workload};

/// Each container at 90 kB/s.
fn run_in_mode(scenario: &Scenario, seed: u64, mode: Mode) -> Outcome {
    let mut settings = two_thresholds();
    settings.rule = Rule::target("vir_bytes_in+vir_bytes_out", 90_000.0);
    settings.down.stabilise = Duration::from_secs(30);
    let mut experiment = Experiment::new(scenario.clone(), scenario.services(&settings));
    experiment.control.mode = mode;
    experiment.run(seed).unwrap()
}

fn steps(pool: &PoolOutcome) -> Vec<&MachineStep> {
    let steps = pool.events.iter().filter_map(|event| match &event.what {
        PoolEventKind::Step(step) => Some(step),
        _ => None,
    });
    steps.collect()
}

#[test]
fn peak_beyond_capacity_adds_machines_and_removes_them_afterwards() {
    let scenario = Scenario::named("machines").unwrap();
    for seed in 1..=3 {
        let outcome = run_in_mode(&scenario, seed, Mode::Act);
        let alone = run_in_mode(&scenario, seed, Mode::Advise);
        let pool = outcome.pool.unwrap();
        let most = pool.past.iter().map(|point| point.running).max();
        assert!((5..=6).contains(&most.unwrap()), "seed {seed}: {most:?}");
        // Two machines at the start and at the end.
        let first = pool.past.first().unwrap();
        let ends = pool.status.serving;
        assert_eq!((first.running, ends), (2, 2), "seed {seed}");
        // Additional machines serve more of the peak.
        let (with, without) = (&outcome.services[0].truth, &alone.services[0].truth);
        assert!(
            with.unserved_requests < 0.6 * without.unserved_requests,
            "seed {seed}: {with:?} {without:?}"
        );
        assert!(
            alone.pool.unwrap().events.is_empty(),
            "advice changes nothing"
        );
        // Machines leave one at a time and empty; no task fails because of that.
        let mut leaving = 0;
        for step in steps(&pool) {
            match step {
                MachineStep::Drain { .. } => leaving += 1,
                MachineStep::Remove { .. } => leaving -= 1,
                _ => {}
            }
            assert!((0..=1).contains(&leaving), "seed {seed}");
        }
    }
}

#[test]
fn host_with_stolen_cpu_is_replaced_once() {
    let scenario = Scenario::named("thief").unwrap();
    for seed in 1..=3 {
        let pool = run_in_mode(&scenario, seed, Mode::Act).pool.unwrap();
        let drained: Vec<_> = steps(&pool)
            .into_iter()
            .filter_map(|step| match step {
                MachineStep::Drain { machine, why } => Some((machine.as_str(), *why)),
                _ => None,
            })
            .filter(|(_, why)| *why == DrainReason::PoorPerformer)
            .collect();
        assert_eq!(
            drained,
            [("node3", DrainReason::PoorPerformer)],
            "seed {seed}"
        );
        // The replacement was ordered before the poor performer was drained.
        let order = steps(&pool)
            .into_iter()
            .position(|it| matches!(it, MachineStep::Add { .. }));
        let drain = steps(&pool)
            .into_iter()
            .position(|it| matches!(it, MachineStep::Drain { .. }));
        assert!(order < drain, "seed {seed}");
        assert!(pool.status.machines.iter().all(|it| it.name != "node3"));
        assert_eq!(pool.status.serving, 5, "seed {seed}");
        assert_eq!(pool.status.replacements_left, 0);
        // A machine whose agent does not report steal is unknown, and is not replaced.
        let unreported = pool
            .status
            .machines
            .iter()
            .find(|it| it.name == "node6")
            .unwrap();
        assert!(
            matches!(unreported.peer, Some(PeerState::Unknown { .. })),
            "{unreported:?}"
        );
        assert_eq!(unreported.state, MachineState::Serving);
    }
}

#[test]
fn outlier_is_only_reported_without_permission_to_replace() {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.machines.as_mut().unwrap().replace = false;
    let pool = run_in_mode(&scenario, 1, Mode::Act).pool.unwrap();
    let poor: Vec<_> = pool.status.poor().map(|it| it.name.as_str()).collect();
    assert_eq!(poor, ["node3"]);
    assert!(pool.status.machines.iter().any(|it| it.name == "node3"));
    let reported = |words: &str| pool.events.iter().any(|event| event.words.contains(words));
    assert!(reported("node3: suspect") && reported("node3: outlier"));
    // In mode `advise`, the replacement is advised.
    let scenario = Scenario::named("thief").unwrap();
    let pool = run_in_mode(&scenario, 1, Mode::Advise).pool.unwrap();
    let advised = &pool.status.advised;
    assert!(
        matches!(&advised[..], [MachineStep::Add { .. }]),
        "{advised:?}"
    );
    assert!(steps(&pool).is_empty() && pool.status.orders.is_empty());
    assert_eq!(pool.status.replacements_left, 1, "advice does not count");
}

#[test]
fn degradation_of_all_hosts_replaces_none() {
    let scenario = Scenario::named("bad-day").unwrap();
    for seed in 1..=3 {
        let pool = run_in_mode(&scenario, seed, Mode::Act).pool.unwrap();
        let drains = |it: &&MachineStep| {
            matches!(
                it,
                MachineStep::Drain {
                    why: DrainReason::PoorPerformer,
                    ..
                }
            )
        };
        assert_eq!(steps(&pool).into_iter().find(drains), None, "seed {seed}");
        assert_eq!(pool.status.poor().count(), 0);
        assert_eq!(pool.status.replacements_left, 1);
    }
    // Some hosts degrade, but too many for the hosts to be the cause.
    let mut some = scenario;
    some.cluster.events.clear();
    for number in 7..=9 {
        let mut host = some.cluster.hosts[1].clone();
        host.name = format!("node{number}");
        host.address = [10, 0, 0, number].into();
        some.cluster.hosts.push(host);
    }
    let machines = some.machines.as_mut().unwrap();
    (machines.min, machines.max) = (8, 9);
    for host in ["node2", "node4", "node7"] {
        let host = host.to_owned();
        let at = Duration::from_secs(240);
        some = some.with_event(
            at,
            Event::CpuSteal {
                host,
                fraction: 0.35,
            },
        );
    }
    let pool = run_in_mode(&some, 1, Mode::Act).pool.unwrap();
    assert_eq!(pool.status.poor().count(), 0);
    let unknown = pool
        .events
        .iter()
        .find(|event| event.words.contains("too many hosts differ"));
    assert!(unknown.is_some(), "{:?}", pool.events);
}

#[test]
fn low_work_per_cpu_second_is_detected_from_container_metrics() {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.machines.as_mut().unwrap().replace = false;
    scenario.cluster.events.clear();
    let host = "node4".to_owned();
    let at = Duration::from_secs(240);
    let scenario = scenario.with_event(at, Event::Slowdown { host, factor: 1.8 });
    let pool = run_in_mode(&scenario, 1, Mode::Act).pool.unwrap();
    let mut poor = pool.status.poor();
    let found = poor
        .next()
        .unwrap_or_else(|| panic!("{:?}", pool.status.machines));
    assert_eq!(found.name, "node4");
    let evidence = found.peer.unwrap().evidence().unwrap();
    assert_eq!(evidence.sign, Indicator::Work);
    assert!((0.45..0.7).contains(&evidence.value), "{evidence:?}");
    assert!(poor.next().is_none(), "more than one poor performer");
}

/// Machines join late and readings arrive later still: the pool must not oscillate.
#[test]
fn steady_load_settles_the_pool() {
    for load in [800.0, 1_400.0] {
        for seconds in [30, 240] {
            let mut scenario = Scenario::named("machines").unwrap();
            scenario.cluster.services[0].workload = Workload::Constant(load);
            scenario.duration = Duration::from_secs(3_600);
            let machines = scenario.machines.as_mut().unwrap();
            machines.join = Delay::millis(1_000 * seconds, 1_000 * seconds);
            let pool = run_in_mode(&scenario, 1, Mode::Act).pool.unwrap();
            let rest = Experiment::START + Duration::from_secs(2_400);
            let late: Vec<_> = pool
                .events
                .iter()
                .filter(|event| event.at > rest && matches!(event.what, PoolEventKind::Step(_)))
                .collect();
            assert!(late.is_empty(), "{load} requests/s, {seconds} s: {late:?}");
        }
    }
}

#[test]
fn equal_seeds_give_equal_pool_runs() {
    let scenario = Scenario::named("thief").unwrap();
    let first = run_in_mode(&scenario, 3, Mode::Act);
    let second = run_in_mode(&scenario, 3, Mode::Act);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}
