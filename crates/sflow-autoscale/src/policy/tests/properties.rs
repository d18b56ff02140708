//! Properties of every policy with every history.

use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;
use sflow_metrics::Timestamp;

use super::{START, at, observed, once, settings, signal};
use crate::policy::{
    BudgetRequest, Decision, Observation, Pace, Policy, Rule, Select, Settings, Signal, Target,
    Thresholds, share_budget,
};

proptest! {
    #[test]
    fn bounds_always_hold(settings in any_settings(), history in any_history()) {
        for decision in play(&settings, &history) {
            let is_silent = decision.inputs.iter().all(|input| input.known().is_none());
            // Without data the service does not shrink, even above its maximum.
            let most = settings.max.max(if is_silent { decision.replicas } else { 0 });
            prop_assert!((settings.min..=most).contains(&decision.result), "{decision}");
        }
    }

    #[test]
    fn steps_lead_from_replicas_to_result(
        settings in any_settings(),
        history in any_history(),
    ) {
        for decision in play(&settings, &history) {
            let mut number = decision.replicas;
            for step in &decision.steps {
                prop_assert_eq!(step.from, number);
                number = step.to;
            }
            prop_assert_eq!(number, decision.result);
            prop_assert!(!decision.steps.is_empty());
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decisions(
        settings in any_settings(),
        history in any_history(),
    ) {
        // Compared as text: NaN is not equal to itself.
        let text = |decisions: &[Decision]| format!("{decisions:?}");
        prop_assert_eq!(text(&play(&settings, &history)), text(&play(&settings, &history)));
    }

    #[test]
    fn no_data_keeps_size_within_the_bounds(
        settings in any_settings(),
        history in any_history(),
    ) {
        for ((_, observation, _), decision) in history.iter().zip(play(&settings, &history)) {
            let ceiling = observation.ceiling.unwrap_or(u32::MAX).min(settings.max);
            let is_silent = !observation.signals.iter().any(is_known);
            if is_silent && (settings.min..=ceiling).contains(&observation.replicas) {
                prop_assert!(!decision.is_change(), "{decision}");
            }
        }
    }

    #[test]
    fn missing_metric_never_shrinks(
        settings in any_settings(),
        history in any_history(),
    ) {
        let wanted = settings.rule.metrics().len();
        for ((_, observation, _), decision) in history.iter().zip(play(&settings, &history)) {
            let ceiling = observation.ceiling.unwrap_or(u32::MAX).min(settings.max);
            let known = observation.signals.iter().take(wanted).filter(|one| is_known(one)).count();
            if known < wanted && observation.replicas <= ceiling {
                prop_assert!(decision.result >= decision.replicas, "{decision}");
            }
        }
    }

    #[test]
    fn missing_data_dampens_and_never_reverses(
        rule in any_rule(),
        replicas in 1u32..20,
        values in prop::collection::vec(0.0f64..30.0, 3),
        missing in 0u32..20,
    ) {
        let known = replicas.saturating_sub(missing).max(1);
        let all = whole(&rule, replicas, &values, replicas);
        let some = whole(&rule, replicas, &values, known);
        let settings = Settings { max: 100_000, ..settings(rule) };
        let (all, some) = (once(settings.clone(), &all), once(settings, &some));
        if all.result >= replicas {
            prop_assert!((replicas..=all.result).contains(&some.result), "{all} / {some}");
        } else {
            prop_assert!((all.result..=replicas).contains(&some.result), "{all} / {some}");
        }
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        settings in any_settings(),
        replicas in 1u32..30,
        known in 1u32..30,
        values in prop::collection::vec(0.0f64..30.0, 3),
        more in prop::collection::vec(0.0f64..30.0, 3),
    ) {
        let larger: Vec<f64> = values.iter().zip(&more).map(|(value, more)| value + more).collect();
        let less = once(settings.clone(), &whole(&settings.rule, replicas, &values, known));
        let more = once(settings.clone(), &whole(&settings.rule, replicas, &larger, known));
        prop_assert!(less.result <= more.result, "{less} / {more}");
    }

    #[test]
    fn rate_limits_hold_in_every_period(
        rule in any_rule(),
        tasks in 1u32..5,
        period in 1u64..60,
        loads in prop::collection::vec((0u64..30, 0.0f64..30.0), 1..40),
    ) {
        let mut settings = settings(rule);
        let period = Duration::from_secs(period);
        settings.up = Pace { tasks: Some(tasks), period, ..Pace::default() };
        settings.down = settings.up.clone();
        let mut policy = Policy::new(settings.clone());
        let (mut now, mut replicas) = (START, 10);
        let mut changes: Vec<(Timestamp, i64)> = Vec::new();
        for (pause, load) in loads {
            now = now + Duration::from_secs(pause);
            let decision = policy.step(now, &whole(&settings.rule, replicas, &[load], replicas));
            policy.record_change(now, replicas, decision.result);
            changes.push((now, i64::from(decision.result) - i64::from(replicas)));
            replicas = decision.result;
            let recent = changes.iter().filter(|(at, _)| now - *at < period).map(|(_, by)| *by);
            let added: i64 = recent.clone().filter(|by| *by > 0).sum();
            let taken: i64 = -recent.filter(|by| *by < 0).sum::<i64>();
            prop_assert!(added.max(taken) <= i64::from(tasks));
        }
    }

    #[test]
    fn shares_respect_total_and_demands(
        total in 0u32..100,
        requests in prop::collection::vec((-2i32..3, 0u32..10, 0u32..40, 0u32..3), 0..8),
    ) {
        let requests: Vec<BudgetRequest> = requests
            .into_iter()
            .map(|(priority, min, demand, more)| BudgetRequest { priority, min, demand, limit: demand + more })
            .collect();
        let given = share_budget(total, &requests);
        prop_assert_eq!(given.len(), requests.len());
        let least: u32 = requests.iter().map(|request| request.min).sum();
        prop_assert!(given.iter().sum::<u32>() <= total.max(least));
        for (share, request) in given.iter().zip(&requests) {
            prop_assert!((request.min..=request.min.max(request.limit)).contains(share));
        }
        // A service gets less than its demand only if all of lower priority have their minimum.
        for (short, request) in given.iter().zip(&requests).filter(|(share, request)| **share < request.demand) {
            for (share, other) in given.iter().zip(&requests) {
                prop_assert!(other.priority >= request.priority || *share == other.min, "{short}");
            }
        }
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let limits = (0.1f64..10.0, 1.1f64..5.0);
    prop_oneof![
        (
            prop::collection::vec(limits.clone(), 1..4),
            0.0f64..0.5,
            0.0f64..0.5
        )
            .prop_map(|(limits, tolerance_up, tolerance_down)| {
                let metrics = limits.iter().enumerate();
                let metrics = metrics.map(|(place, (target, _))| Target {
                    metric: format!("m{place}"),
                    target: *target,
                });
                Rule::Target {
                    metrics: metrics.collect(),
                    tolerance_up,
                    tolerance_down,
                }
            }),
        (prop::collection::vec(limits, 1..4), 1u32..4, 1u32..4).prop_map(
            |(limits, step_up, step_down)| {
                let metrics =
                    limits
                        .iter()
                        .enumerate()
                        .map(|(place, (lower, factor))| Thresholds {
                            metric: format!("m{place}"),
                            lower: *lower,
                            upper: lower * factor,
                        });
                Rule::TwoThreshold {
                    metrics: metrics.collect(),
                    step_up,
                    step_down,
                }
            }
        ),
    ]
}

fn any_pace() -> impl Strategy<Value = Pace> {
    (
        (0u64..60).prop_map(Duration::from_secs),
        (0u64..60).prop_map(Duration::from_secs),
        prop::option::of(1u32..5),
        prop::option::of(1.0f64..200.0),
        (0u64..90).prop_map(Duration::from_secs),
        prop_oneof![Just(Select::Max), Just(Select::Min)],
    )
        .prop_map(
            |(stabilise, cooldown, tasks, percent, period, select)| Pace {
                stabilise,
                cooldown,
                tasks,
                percent,
                period,
                select,
            },
        )
}

fn any_settings() -> impl Strategy<Value = Settings> {
    (any_rule(), 1u32..5, 0u32..40, any_pace(), any_pace()).prop_map(
        |(rule, min, more, up, down)| Settings {
            min,
            max: min + more,
            up,
            down,
            ..settings(rule)
        },
    )
}

fn any_value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (0.0f64..30.0).prop_map(Some),
        1 => Just(None),
        1 => any::<f64>().prop_map(Some),
    ]
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let signals = prop::collection::vec((any_value(), 0u32..60), 0..4);
    let ages = prop::collection::vec((0u64..100).prop_map(Duration::from_secs), 0..50);
    (0u32..50, ages, 0u32..3, prop::option::of(0u32..60), signals).prop_map(
        |(replicas, running, pending, ceiling, values)| {
            let named = values.into_iter().enumerate();
            let signals = named
                .map(|(place, (value, count))| signal(&format!("m{place}"), value, count))
                .collect();
            Observation {
                running,
                pending,
                ceiling,
                ..observed(replicas, signals)
            }
        },
    )
}

/// A history: time in seconds, observation, and whether the decision is applied.
fn any_history() -> impl Strategy<Value = Vec<(u64, Observation, bool)>> {
    prop::collection::vec((0u64..40, any_observation(), any::<bool>()), 1..20)
}

fn play(settings: &Settings, history: &[(u64, Observation, bool)]) -> Vec<Decision> {
    let mut policy = Policy::new(settings.clone());
    let mut now = 0;
    let mut decisions = Vec::new();
    for (pause, observation, act) in history {
        now += pause;
        let decision = policy.step(at(now), observation);
        if *act && decision.is_change() {
            policy.record_change(at(now), decision.replicas, decision.result);
        }
        decisions.push(decision);
    }
    decisions
}

fn is_known(signal: &Signal) -> bool {
    signal.contributing > 0
        && signal
            .value
            .is_some_and(|value| value.is_finite() && value >= 0.0)
}

/// Number of replicas, all of them running, and one signal per metric of the rule.
fn whole(rule: &Rule, replicas: u32, values: &[f64], contributing: u32) -> Observation {
    let names = rule.metrics();
    let values = values.iter().cycle();
    let signals = names
        .iter()
        .zip(values)
        .map(|(name, value)| signal(name, *value, contributing));
    observed(replicas, signals.collect())
}
