//! The stages of the policy one by one. Histories are tested in separate files.

mod article;
mod pace;
mod properties;
pub(crate) mod reasons;
mod settings;

use std::time::Duration;

use sflow_metrics::Timestamp;

use super::{
    Beyond, BudgetRequest, Decision, Mode, Observation, Obstacle, Pace, Parts, Policy, Reason,
    Rule, Settings, Signal, Stage, Subject, Target, Thresholds, share_budget,
};

#[test]
fn target_recommends_replicas_that_bring_the_mean_to_it() {
    for (replicas, value, result) in [
        (4, 1.0, 8),    // twice the target
        (4, 0.55, 4),   // exactly the tolerance
        (4, 0.551, 5),  // slightly above it
        (4, 0.45, 4),   // exactly the tolerance below
        (4, 0.3, 3),    // 2.4, rounded up
        (10, 0.1, 2),   // exactly 2 despite rounding errors
        (3, 0.44, 3),   // below, but not by a whole replica
        (4, 0.0, 1),    // idle: the minimum
        (4, 1e300, 20), // implausible: the maximum
    ] {
        let decision = once(settings(cpu()), &loaded(replicas, value));
        assert_eq!(decision.result, result, "{decision}");
        assert_eq!(decision.replicas, replicas);
        assert_eq!(decision.is_change(), replicas != result);
    }
}

#[test]
fn tolerances_of_both_directions_are_independent() {
    let Rule::Target { metrics, .. } = cpu() else {
        unreachable!()
    };
    let rule = Rule::Target {
        metrics,
        tolerance_up: 0.0,
        tolerance_down: 0.5,
    };
    assert_eq!(rule.band(0), Some((0.25, 0.5)));
    assert_eq!(rule.band(1), None);
    assert_eq!((rule.target_of(0), rule.target_of(1)), (Some(0.5), None));
    assert_eq!(once(settings(rule.clone()), &loaded(10, 0.51)).result, 11);
    assert_eq!(once(settings(rule.clone()), &loaded(10, 0.26)).result, 10);
    assert_eq!(once(settings(rule), &loaded(10, 0.24)).result, 5);
}

#[test]
fn largest_proposal_of_several_targets_wins() {
    let rule = targets(&[("cpu", 0.5), ("bytes", 100.0)]);
    assert_eq!(rule.metrics(), ["cpu", "bytes"]);
    for (cpu, bytes, result, reason) in [
        (1.0, 300.0, 12, "bytes is 300 per container, above 100"),
        (1.0, 0.0, 8, "cpu is 1 per container, above 0.5"),
        (0.1, 50.0, 2, "bytes is 50 per container, below 100"),
        (
            0.1,
            100.0,
            4,
            "load is within its limits: bytes is 100 per container, limits 90 and 110",
        ),
    ] {
        let signals = vec![signal("cpu", cpu, 4), signal("bytes", bytes, 4)];
        let decision = once(settings(rule.clone()), &observed(4, signals));
        assert_eq!(decision.result, result);
        assert_eq!(decision.reasons(), [reason]);
    }
}

#[test]
fn thresholds_grow_if_any_is_above_and_shrink_if_all_are_below() {
    assert_eq!(thresholds().band(0), Some((50.0, 100.0)));
    assert_eq!(thresholds().target_of(0), None);
    for (bytes, cpu, result, reason) in [
        (101.0, 0.0, 5, "bytes is 101 per container, above 100"),
        (0.0, 1.01, 5, "cpu is 1.01 per container, above 1"),
        (
            100.0,
            1.0,
            4,
            "load is within its limits: bytes is 100 per container, limits 50 and 100",
        ),
        (
            49.0,
            0.5,
            4,
            "load is within its limits: cpu is 0.5 per container, limits 0.5 and 1",
        ),
        (49.0, 0.1, 3, "bytes is 49 per container, below 50"),
        (10.0, 0.4, 3, "cpu is 0.4 per container, below 0.5"), // the one that is least below
    ] {
        let signals = vec![signal("bytes", bytes, 4), signal("cpu", cpu, 4)];
        let decision = once(settings(thresholds()), &observed(4, signals));
        assert_eq!(decision.result, result);
        assert_eq!(decision.reasons(), [reason]);
    }
}

#[test]
fn threshold_steps_are_settable() {
    let Rule::TwoThreshold { metrics, .. } = thresholds() else {
        unreachable!()
    };
    let rule = Rule::TwoThreshold {
        metrics,
        step_up: 3,
        step_down: 2,
    };
    let both = |bytes, cpu| observed(4, vec![signal("bytes", bytes, 4), signal("cpu", cpu, 4)]);
    assert_eq!(once(settings(rule.clone()), &both(101.0, 0.0)).result, 7);
    assert_eq!(once(settings(rule), &both(1.0, 0.0)).result, 2);
}

#[test]
fn containers_without_value_dampen_changes() {
    for (value, contributing, result) in [
        (1.0, 10, 20), // all known
        (1.0, 8, 16),  // the two others counted as idle
        (1.0, 5, 10),  // no more than the target then
        (0.1, 10, 2),  // all known
        (0.1, 5, 6),   // the five others counted as fully loaded
        (0.1, 1, 10),  // 0.46 is within the tolerance
    ] {
        let observation = observed(10, vec![signal("cpu", value, contributing)]);
        let decision = once(settings(cpu()), &observation);
        assert_eq!(decision.result, result, "{decision}");
        let missing = stages(&decision).contains(&Stage::MissingData);
        assert_eq!(missing, contributing < 10);
    }
}

#[test]
fn warming_containers_are_stated() {
    let mut observation = observed(4, vec![signal("cpu", 0.5, 2)]);
    observation.running[3] = Duration::from_secs(3);
    let decision = once(settings(cpu()), &observation);
    assert_eq!(
        decision.to_string(),
        "apache: stays at 4 (load is within its limits: cpu is between 0.25 and 0.5 per \
         container, limits 0.45 and 0.55 (measured: 0.5 on 2 of 4 containers); of 4 containers, \
         1 has no fresh value, 1 is younger than the warm-up of 10 s)"
    );
}

#[test]
fn starting_replicas_are_not_idle_capacity() {
    // Ten are asked for, five run at twice the target: ten are right.
    let mut observation = observed(10, vec![signal("cpu", 1.0, 5)]);
    observation.running.truncate(5);
    assert_eq!(once(settings(cpu()), &observation).result, 10);
}

#[test]
fn missing_data_keeps_size() {
    let nothing = [
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
        Some(-1.0),
    ];
    for value in nothing {
        let decision = once(settings(cpu()), &observed(4, vec![signal("cpu", value, 4)]));
        assert_eq!(decision.result, 4);
        assert_eq!(decision.steps.len(), 1);
        assert_eq!(decision.steps[0].reason, Reason::NothingKnown);
    }
    assert_eq!(
        once(settings(cpu()), &observed(4, vec![signal("cpu", 0.0, 0)])).result,
        4
    );
    assert_eq!(once(settings(cpu()), &observed(4, vec![])).result, 4);
}

#[test]
fn missing_metric_prevents_shrinking() {
    for rule in [targets(&[("bytes", 75.0), ("cpu", 0.7)]), thresholds()] {
        let missing = [
            vec![signal("bytes", None, 0), signal("cpu", 0.1, 4)],
            vec![signal("bytes", 1.0, 4), signal("cpu", f64::NAN, 4)],
            vec![signal("bytes", 1.0, 4)],
        ];
        for signals in missing {
            let decision = once(settings(rule.clone()), &observed(4, signals));
            assert_eq!(decision.result, 4, "{decision}");
            assert!(matches!(
                decision.steps.last().map(|step| &step.reason),
                Some(Reason::MetricMissing { .. })
            ));
        }
        // The other may still ask for more.
        let signals = vec![signal("bytes", None, 0), signal("cpu", 2.0, 4)];
        assert!(once(settings(rule), &observed(4, signals)).result > 4);
    }
}

#[test]
fn obstacle_prevents_any_change() {
    for (obstacle, words) in [
        (
            Obstacle::NotScalable {
                what: "global".into(),
            },
            "a global service cannot be scaled",
        ),
        (
            Obstacle::RolloutRunning,
            "a rolling update is in progress: no change until it ends",
        ),
        (
            Obstacle::RolloutPaused,
            "a rolling update is paused: resume it or roll it back first",
        ),
    ] {
        let mut observation = loaded(30, 1.0); // above the maximum, too
        observation.obstacle = Some(obstacle);
        let decision = once(settings(cpu()), &observation);
        assert_eq!(
            decision.to_string(),
            format!("apache: stays at 30 ({words})")
        );
        assert_eq!(decision.recommendation, None);
    }
}

#[test]
fn reasons_as_text() {
    let metric = || "cpu".to_owned();
    for (reason, words) in [
        (
            Reason::Above(Beyond {
                metric: metric(),
                value: 112_345.6,
                limit: 100_000.0,
                parts: Parts::default(),
            }),
            "cpu is 112,346 per container, above 100,000",
        ),
        (
            Reason::Above(Beyond {
                metric: metric(),
                value: 1e300,
                limit: 999.9,
                parts: Parts::default(),
            }),
            "cpu is 1.00e300 per container, above 1,000",
        ),
        (
            Reason::Above(Beyond {
                metric: metric(),
                value: 12.34,
                limit: 10.0,
                parts: Parts::default(),
            }),
            "cpu is 12.3 per container, above 10",
        ),
        (
            Reason::Below(Beyond {
                metric: metric(),
                value: 0.00412,
                limit: 0.005,
                parts: Parts::default(),
            }),
            "cpu is 0.0041 per container, below 0.005",
        ),
        (
            Reason::Below(Beyond {
                metric: metric(),
                value: 0.0,
                limit: 0.5,
                parts: Parts::default(),
            }),
            "cpu is 0 per container, below 0.5",
        ),
        (
            Reason::NothingKnown,
            "no data from any container: the number of replicas is kept",
        ),
        (
            Reason::MetricMissing {
                metric: metric(),
                warming: 0,
            },
            "no container reports cpu: not shrinking without it",
        ),
        (
            Reason::ContainersMissing {
                missing: 2,
                of: 4,
                warming: 0,
                starting: 0,
                warm_up: 15.0,
            },
            "of 4 containers, 2 have no fresh value",
        ),
        (
            Reason::TasksPending {
                pending: 2,
                error: None,
            },
            "2 tasks do not start",
        ),
        (
            Reason::Cooldown { left: 0.5 },
            "cooldown after the last change: 0.5 s left",
        ),
        (
            Reason::RateLimited {
                allowed: 3,
                period: 60.0,
            },
            "the rate limit of the last 60 s allows 3 replicas",
        ),
    ] {
        assert_eq!(reason.to_string(), words);
    }
}

#[test]
fn decision_serialises_to_json() {
    let mut observation = observed(4, vec![signal("cpu", 1.0, 3)]);
    observation.ceiling = Some(5);
    let decision = Policy::new(settings(cpu())).step(Timestamp::from_secs(7), &observation);
    let golden = r#"{"time":7000000000,"kind":"service","service":"apache","mode":"act","replicas":4,"running":4,"inputs":[{"metric":"cpu","unit":"","value":1.0,"least":null,"most":null,"contributing":3,"matched":3,"warming":0,"newest":1.0,"oldest":9.0}],"wish":6,"steps":[{"stage":"missing_data","from":4,"to":4,"reason":"containers_missing","missing":1,"of":4,"warming":0,"starting":0,"warm_up":10.0},{"stage":"recommend","from":4,"to":6,"reason":"above","metric":"cpu","value":0.75,"limit":0.5,"unit":"","measured":1.0,"containers":3,"of":4,"missing":1,"warming":0,"starting":0,"others":0.0},{"stage":"budget","from":6,"to":5,"reason":"budget","ceiling":5}],"result":5,"next_change":null}"#;
    assert_eq!(serde_json::to_string(&decision).unwrap(), golden);

    observation.obstacle = Some(Obstacle::NotScalable {
        what: "job".to_owned(),
    });
    observation.signals = vec![signal("cpu", f64::NAN, 0)];
    let decision = once(settings(cpu()), &observation);
    let json = serde_json::to_value(&decision).unwrap();
    let steps = serde_json::json!([{
        "stage": "observe", "from": 4, "to": 4,
        "reason": "obstacle", "obstacle": "not_scalable", "what": "job",
    }]);
    assert_eq!(json["steps"], steps);
    assert_eq!(json["inputs"][0]["value"], serde_json::Value::Null);
}

#[test]
fn budget_is_shared_by_priority() {
    let request = |priority, min, demand| BudgetRequest {
        priority,
        min,
        demand,
        limit: demand,
    };
    let roomy = |priority, min, demand| BudgetRequest {
        limit: demand + 2,
        ..request(priority, min, demand)
    };
    for (total, claims, expected) in [
        (10, vec![request(0, 1, 4), request(0, 1, 4)], vec![4, 4]),
        (5, vec![request(0, 1, 4), request(0, 1, 4)], vec![3, 2]),
        (6, vec![request(0, 1, 4), request(9, 1, 4)], vec![2, 4]),
        (4, vec![request(0, 1, 4), request(9, 1, 9)], vec![1, 3]),
        (1, vec![request(0, 2, 4), request(9, 3, 9)], vec![2, 3]),
        (9, vec![request(0, 3, 1)], vec![3]),
        // A demand of others reduces the share of the rest.
        (7, vec![roomy(9, 2, 2), roomy(0, 1, 8)], vec![2, 5]),
        (7, vec![roomy(9, 2, 5), roomy(0, 1, 8)], vec![5, 2]),
        (7, vec![roomy(0, 1, 2), roomy(9, 1, 2)], vec![3, 4]),
        (9, vec![roomy(0, 1, 2), roomy(9, 1, 2)], vec![4, 4]),
        (9, vec![], vec![]),
    ] {
        assert_eq!(share_budget(total, &claims), expected);
    }
}

fn settings(rule: Rule) -> Settings {
    Settings {
        mode: Mode::Act,
        min: 1,
        max: 20,
        rule,
        warm_up: Duration::from_secs(10),
        fast: true,
        schedules: Vec::new(),
        saturation: crate::policy::Saturation::default(),
        up: Pace::default(),
        down: Pace::default(),
    }
}

fn targets(targets: &[(&str, f64)]) -> Rule {
    let metrics = targets.iter().map(|(metric, target)| Target {
        metric: (*metric).to_owned(),
        target: *target,
    });
    Rule::Target {
        metrics: metrics.collect(),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    }
}

/// Settings with one target.
pub(crate) fn target(metric: &str, target: f64) -> Settings {
    settings(targets(&[(metric, target)]))
}

fn cpu() -> Rule {
    targets(&[("cpu", 0.5)])
}

fn thresholds() -> Rule {
    let metric = |metric: &str, lower: f64, upper: f64| Thresholds {
        metric: metric.to_owned(),
        lower,
        upper,
    };
    let metrics = vec![metric("bytes", 50.0, 100.0), metric("cpu", 0.5, 1.0)];
    Rule::TwoThreshold {
        metrics,
        step_up: 1,
        step_down: 1,
    }
}

fn signal(metric: &str, value: impl Into<Option<f64>>, contributing: u32) -> Signal {
    Signal {
        metric: metric.to_owned(),
        unit: String::new(),
        value: value.into(),
        least: None,
        most: None,
        contributing,
        matched: contributing,
        warming: 0,
        newest: Some(1.0),
        oldest: Some(9.0),
        fast: None,
    }
}

fn observed(replicas: u32, signals: Vec<Signal>) -> Observation {
    Observation {
        subject: Subject::service("apache"),
        replicas,
        running: vec![Duration::from_secs(3600); replicas as usize],
        signals,
        ..Observation::default()
    }
}

fn loaded(replicas: u32, cpu: f64) -> Observation {
    observed(replicas, vec![signal("cpu", cpu, replicas)])
}

const START: Timestamp = Timestamp::from_secs(1_000_000);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn once(settings: Settings, observation: &Observation) -> Decision {
    Policy::new(settings).step(START, observation)
}

fn stages(decision: &Decision) -> Vec<Stage> {
    decision.steps.iter().map(|step| step.stage).collect()
}
