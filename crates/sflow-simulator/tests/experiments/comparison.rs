//! Comparison of policies: scores of traces that can be verified by hand, the ranking, equal bytes
//! for equal seeds, and no oscillation over gains and delays.

use std::time::Duration;

use proptest::prelude::{ProptestConfig, prop, prop_assert};
use proptest::proptest;
use sflow_simulator::Error;
use sflow_simulator::comparison::{Candidate, Comparison, Grid, NamedWorkload, Options};
use sflow_simulator::experiment::{Moment, Score, Settling, Trace};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Requests per second that a replica can serve.
const CAPACITY: f64 = 100.0;

/// A trace with one entry per second from parts of (seconds, load in replicas, desired, running).
fn trace(parts: &[(u32, f64, u32, u32)]) -> Trace {
    let part = |&(seconds, load, desired, running): &(u32, f64, u32, u32)| {
        let moment = Moment {
            offered: load * CAPACITY,
            desired,
            running,
        };
        (0..seconds).map(move |_| moment)
    };
    Trace {
        every: s(1),
        moments: parts.iter().flat_map(part).collect(),
    }
}

fn comparison(seed: u64, seeds: u32) -> Comparison {
    let target = 0.8;
    Comparison::run(Options {
        seed,
        seeds,
        target,
    })
    .unwrap()
}

fn score(comparison: &Comparison, workload: &str, policy: Candidate) -> Score {
    let workload = comparison
        .workloads
        .iter()
        .find(|known| known.name == workload)
        .unwrap();
    let mut results = workload.results.iter();
    results.find(|known| known.policy == policy).unwrap().score
}

#[test]
fn load_step_is_measured() {
    // Two replicas; at 10 s the load rises to that of four. Six are ordered at 15 s, run from 20 s
    // on, and are reduced to five at 100 s.
    let trace = trace(&[
        (10, 2.0, 2, 2),
        (5, 4.0, 2, 2),
        (5, 4.0, 6, 2),
        (80, 4.0, 6, 6),
        (100, 4.0, 5, 5),
    ]);
    let score = trace.score(CAPACITY, Some(s(10)), 5);
    assert_eq!(score.overload_seconds, 10.0);
    assert_eq!(score.replica_seconds, 15.0 * 2.0 + 85.0 * 6.0 + 100.0 * 5.0);
    assert_eq!(score.changes, 2.0);
    // The entry at 101 s is the first with five.
    assert_eq!(score.settling, Settling::After(91.0));
    assert_eq!(score.overshoot, 1.0);
    let changes: Vec<_> = trace.changes().collect();
    assert_eq!(changes, [(s(16), true), (s(101), false)]);
    assert_eq!(trace.reversals().collect::<Vec<_>>(), [s(101)]);
}

#[test]
fn exact_capacity_is_not_overload() {
    let score = trace(&[(50, 3.0, 3, 3), (1, 3.01, 3, 3)]).score(CAPACITY, None, 4);
    assert_eq!(score.overload_seconds, 1.0);
    assert_eq!(score.overshoot, 0.0, "fewer than needed is not negative");
    assert_eq!(score.settling, Settling::Restless);
}

#[test]
fn settling_begins_after_overload_and_may_be_absent() {
    let late = trace(&[(30, 5.0, 5, 4), (90, 5.0, 5, 5)]);
    assert_eq!(
        late.score(CAPACITY, Some(s(5)), 5).settling,
        Settling::After(25.0)
    );
    let calm = trace(&[(100, 1.0, 1, 1)]);
    assert_eq!(
        calm.score(CAPACITY, Some(s(5)), 1).settling,
        Settling::After(0.0)
    );
    let overloaded = trace(&[(100, 5.0, 4, 4)]);
    assert_eq!(
        overloaded.score(CAPACITY, Some(s(5)), 5).settling,
        Settling::Never
    );
    let restless = trace(&[(100, 1.0, 1, 1), (30, 1.0, 2, 2)]);
    assert_eq!(
        restless.score(CAPACITY, Some(s(5)), 1).settling,
        Settling::Never
    );
}

#[test]
fn scores_of_runs_are_averaged() {
    let one = trace(&[(10, 2.0, 1, 1), (90, 2.0, 2, 2)]).score(CAPACITY, Some(s(0)), 2);
    let other = trace(&[(20, 2.0, 1, 1), (80, 2.0, 4, 4)]).score(CAPACITY, Some(s(0)), 2);
    let mean = Score::mean(&[one, other]).unwrap();
    assert_eq!(mean.overload_seconds, 15.0);
    assert_eq!(mean.replica_seconds, (190.0 + 340.0) / 2.0);
    assert_eq!(mean.changes, 1.0);
    assert_eq!(mean.settling, Settling::After(16.0));
    assert_eq!(mean.overshoot, 1.0);
    let never = Score {
        settling: Settling::Never,
        ..one
    };
    let mean = Score::mean(&[one, never, other]).unwrap();
    assert_eq!(mean.settling, Settling::Never);
    assert_eq!(Score::mean(&[]), None);
}

#[test]
fn workloads_match_their_description() {
    let workloads = NamedWorkload::all(1);
    let known = |name: &str| {
        workloads
            .iter()
            .find(|workload| workload.name == name)
            .unwrap()
    };
    assert_eq!(
        (known("step").at(s(66)), known("step").at(s(67))),
        (2.0, 6.0)
    );
    assert_eq!(known("spike").peak(), 9.0);
    assert!((known("sine").mean() - 5.0).abs() < 0.01);
    assert_ne!(
        known("noise"),
        &NamedWorkload::all(2)[4],
        "noise has its own seed"
    );
    for workload in &workloads {
        let Some(rest) = workload.rest else { continue };
        let last = workload.at(workload.duration);
        assert!(workload.at(rest) == last && workload.at(rest - s(1)) != last);
    }
}

#[test]
fn comparison_without_seeds_or_target_is_an_error() {
    let options = |seeds, target| Options {
        seed: 1,
        seeds,
        target,
    };
    for options in [options(0, 0.8), options(1, 0.0), options(1, f64::NAN)] {
        let error = Comparison::run(options).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
    }
}

#[test]
fn same_seed_gives_same_bytes() {
    let (first, second) = (comparison(3, 1), comparison(3, 1));
    assert_eq!(first.to_string(), second.to_string());
    let json = |comparison: &Comparison| serde_json::to_string(comparison).unwrap();
    assert_eq!(json(&first), json(&second));
    assert_ne!(json(&first), json(&comparison(4, 1)));
}

#[test]
fn elb_is_overloaded_least_among_feedback_policies() {
    let comparison = comparison(1, 2);
    for workload in &comparison.workloads {
        let of = |policy| score(&comparison, workload.name, policy);
        let (ours, elb_js, hpa) = (
            of(Candidate::Elb),
            of(Candidate::Article),
            of(Candidate::Hpa),
        );
        assert!(
            ours.overload_seconds < elb_js.overload_seconds,
            "{comparison}"
        );
        assert!(
            ours.overload_seconds <= hpa.overload_seconds,
            "{comparison}"
        );
        assert_eq!(of(Candidate::FixedPeak).overload_seconds, 0.0);
        assert_eq!(of(Candidate::FixedPeak).changes, 0.0);
        assert!(
            !workload.why.is_empty(),
            "fixed-peak is never beaten on overload"
        );
    }
    let cost = |policy| -> f64 {
        let workloads = comparison.workloads.iter();
        workloads
            .map(|workload| score(&comparison, workload.name, policy).replica_seconds)
            .sum()
    };
    assert!(
        cost(Candidate::Elb) < 1.05 * cost(Candidate::Hpa),
        "{comparison}"
    );
    // After one spike, the replicas of the peak are removed again.
    let spike = |policy| score(&comparison, "spike", policy).replica_seconds;
    assert!(spike(Candidate::Elb) < spike(Candidate::FixedPeak));
    assert!(spike(Candidate::ElbMinute) < 0.7 * spike(Candidate::Elb));
    for policy in [Candidate::Elb, Candidate::Article, Candidate::Hpa] {
        let step = score(&comparison, "step", policy);
        assert!(
            matches!(step.settling, Settling::After(_)),
            "{policy:?} {step:?}"
        );
    }
}

#[test]
fn table_names_every_policy_and_fits_in_80_columns() {
    let comparison = comparison(1, 1);
    let table = comparison.to_string();
    for policy in Candidate::ALL {
        let name = policy.name();
        let rows = table
            .lines()
            .filter(|line| line.starts_with(&format!("  {name} ")));
        assert_eq!(rows.count(), 6, "{table}");
    }
    for workload in &comparison.workloads {
        assert!(table.contains(workload.about));
    }
    let longest = table.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "{table}");
    assert!(table.is_ascii() || table.chars().all(|c| c.is_ascii() || c == '–'));
}

/// The corners of the grid of `elb compare --grid`.
#[test]
fn no_oscillation_at_extreme_gains_and_delays() {
    let grid = Grid {
        gains: vec![Some(25.0), None],
        windows: vec![300, 0],
        polling: vec![5, 30],
        start_up: vec![1, 60],
        ..Grid::full(1, 0.8)
    };
    let result = grid.run().unwrap();
    assert_eq!(result.cells.len(), 16);
    for cell in &result.cells {
        assert!(!cell.is_sustained(), "{result}");
        // With the default window there is exactly one correction.
        assert!(cell.window == 0 || cell.turns <= 1, "{result}");
    }
    let longest = result.longest().unwrap();
    assert!(
        longest.swinging < Grid::SETTLED.as_secs_f64(),
        "{longest:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Also between the points of the grid and beyond them.
    #[test]
    fn d20_no_oscillation_at_any_gain_and_delay(
        gain in prop::option::of(10.0..300.0),
        window in 0_u64..400,
        polling in 2_u64..40,
        start_up in 1_u64..90,
        load in 250.0..900.0,
        seed in 0_u64..1_000,
    ) {
        let grid = Grid {
            gains: vec![gain],
            windows: vec![window],
            polling: vec![polling],
            start_up: vec![start_up],
            loads: vec![load],
            ..Grid::full(seed, 0.8)
        };
        let result = grid.run().unwrap();
        prop_assert!(!result.cells[0].is_sustained(), "{}", result);
    }
}

/// The report for a trace that does oscillate.
#[test]
fn sustained_oscillation_is_detected() {
    let mut parts = Vec::new();
    for _ in 0..50 {
        parts.extend([(20, 4.0, 4, 4), (20, 4.0, 6, 6)]);
    }
    let reversals: Vec<_> = trace(&parts).reversals().collect();
    assert_eq!(reversals.len(), 98);
    assert_eq!(reversals[0], s(41));
}
