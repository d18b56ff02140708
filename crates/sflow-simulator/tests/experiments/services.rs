//! Simulation of the rule and workload of `elb.js`: sizes change as in its published log, and equal
//! seeds give equal runs.

use std::time::Duration;

use sflow_autoscale::policy::{Mode, Rule};
use sflow_simulator::Event;
use sflow_simulator::experiment::{Change, Experiment, Outcome, Point, Scenario, two_thresholds};

fn simulate(seed: u64, scenario: &Scenario, mode: Mode) -> Outcome {
    let services = scenario.services(&two_thresholds());
    let mut experiment = Experiment::new(scenario.clone(), services);
    experiment.control.mode = mode;
    experiment.run(seed).unwrap()
}

/// Runs 40 seeds, which determine start-up times and polling phases. The time to eight replicas
/// depends on these phases: its median is at most the 42 s of `elb.js`.
#[test]
fn elb_js_grows_from_one_to_eight_under_load_and_shrinks_after_it() {
    let scenario = Scenario::named("article").unwrap();
    let (begin, end) = (
        Experiment::START + Duration::from_secs(10),
        Experiment::START + Duration::from_secs(70),
    );
    let mut times = Vec::new();
    for seed in 1..=40 {
        let outcome = simulate(seed, &scenario, Mode::Act);
        let sizes: Vec<u32> = outcome
            .changes
            .iter()
            .map(|change| change.replicas)
            .collect();
        assert_eq!(
            sizes,
            [2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1],
            "seed {seed}"
        );
        let time = outcome.changes[6].at - begin;
        assert!(time <= Duration::from_secs(50), "seed {seed}: {time:?}");
        times.push(time);
        assert!(
            outcome.changes[7].at > end,
            "seed {seed}: shrinks under load"
        );
        assert_eq!(outcome.services[0].truth.replicas, 1);
    }
    times.sort_unstable();
    assert!(
        times[times.len() / 2] <= Duration::from_secs(42),
        "{times:?}"
    );
}

#[test]
fn equal_seeds_give_equal_runs() {
    let scenario = Scenario::named("sine").unwrap();
    let first = simulate(7, &scenario, Mode::Act);
    let second = simulate(7, &scenario, Mode::Act);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    let other = simulate(8, &scenario, Mode::Act);
    assert_ne!(format!("{first:?}"), format!("{other:?}"));
}

#[test]
fn without_changes_size_stays_and_container_is_overloaded() {
    let scenario = Scenario::named("article").unwrap();
    let outcome = simulate(1, &scenario, Mode::Advise);
    assert_eq!(outcome.changes, []);
    let most = outcome.services[0]
        .past
        .iter()
        .filter_map(|point| point.load)
        .fold(0.0, f64::max);
    assert!(most > 600_000.0, "{most}");
}

/// `elb.js` stopped scaling when one task did not run.
#[test]
fn crash_looping_task_does_not_stop_scaling() {
    let scenario = Scenario::named("crash-loop").unwrap();
    let outcome = simulate(1, &scenario, Mode::Act);
    let most = outcome.changes.iter().map(|change| change.replicas).max();
    assert!(most >= Some(7), "{:?}", outcome.changes);
    assert_eq!(
        outcome.services[0].truth.replicas, 1,
        "does not shrink again"
    );
}

#[test]
fn missing_telemetry_is_not_low_load() {
    let mut scenario = Scenario::named("step").unwrap();
    let hosts: Vec<String> = scenario
        .cluster
        .hosts
        .iter()
        .map(|host| host.name.clone())
        .collect();
    for host in hosts {
        let duration = Duration::from_secs(200);
        scenario = scenario.with_event(
            Duration::from_secs(100),
            Event::Disconnect { host, duration },
        );
    }
    let outcome = simulate(1, &scenario, Mode::Act);
    let stale = Experiment::START + Duration::from_secs(135);
    let after: Vec<_> = outcome
        .changes
        .iter()
        .filter(|change| change.at > stale)
        .collect();
    assert_eq!(after, Vec::<&Change>::new());
    assert!(outcome.services[0].truth.replicas > 3);
}

#[test]
fn peak_of_high_priority_borrows_replicas_of_low_priority() {
    let scenario = Scenario::named("balance").unwrap();
    let budget = scenario.budget.unwrap();
    let mut settings = two_thresholds();
    settings.rule = Rule::target("vir_bytes_in+vir_bytes_out", 90_000.0);
    settings.warm_up = Duration::from_secs(15);
    settings.up.cooldown = Duration::ZERO;
    settings.down.cooldown = Duration::ZERO;
    settings.down.stabilise = Duration::from_secs(30);
    let services = scenario.services(&settings);
    let experiment = Experiment::new(scenario, services);
    for seed in 1..=6 {
        let outcome = experiment.run(seed).unwrap();
        let [shop, batch] = &outcome.services[..] else {
            panic!("two services");
        };
        let together = shop.past.iter().zip(&batch.past);
        let most = together
            .map(|(shop, batch)| shop.desired + batch.desired)
            .max();
        assert!(most <= Some(budget), "seed {seed}: {most:?} in total");
        let most = |past: &[Point]| past.iter().map(|point| point.desired).max();
        let least = batch.past.iter().map(|point| point.desired).min();
        // Eight replicas are needed; nine after a high reading.
        assert!(most(&shop.past) >= Some(8), "seed {seed}");
        assert!(
            least <= Some(4),
            "seed {seed}: batch had at least {least:?}"
        );
        // Batch gets its replicas back.
        assert_eq!(shop.truth.replicas, 2, "seed {seed}");
        assert!(
            batch.truth.replicas >= 9,
            "seed {seed}: {}",
            batch.truth.replicas
        );
    }
}
