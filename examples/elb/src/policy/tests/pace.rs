//! Stabilisation, tasks that do not start, cooldown, rate limits, budget and bounds.

use std::time::Duration;

use super::{at, cpu, loaded, observed, once, settings, signal, target};
use crate::policy::{Obstacle, Pace, Policy, Reason, Select, Stage};

#[test]
fn growing_takes_the_smallest_recommendation_of_its_window() {
    let mut settings = settings(cpu());
    settings.up.stabilise = Duration::from_secs(30);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.step(at(0), &loaded(4, 0.5)).result, 4);
    let decision = policy.step(at(10), &loaded(4, 1.0));
    assert_eq!((decision.wish, decision.result), (Some(8), 4));
    assert_eq!(decision.reasons()[0], "4 was recommended in the last 30 s");
    assert_eq!(policy.step(at(30), &loaded(4, 1.0)).result, 4);
    assert_eq!(policy.step(at(31), &loaded(4, 0.75)).result, 6);
    assert_eq!(policy.step(at(45), &loaded(4, 1.0)).result, 6);
}

#[test]
fn shrinking_watches_first_and_then_takes_the_largest_of_its_window() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(300);
    let mut policy = Policy::new(settings);
    let decision = policy.step(at(0), &loaded(10, 0.1));
    assert_eq!((decision.wish, decision.result), (Some(2), 10));
    assert_eq!(decision.reasons()[0], "has not been watched for 300 s yet");
    assert_eq!(decision.next_change, Some(at(300)));
    assert_eq!(policy.step(at(290), &loaded(10, 0.3)).result, 10);
    let decision = policy.step(at(300), &loaded(10, 0.1));
    assert_eq!(decision.result, 6);
    assert_eq!(decision.reasons()[0], "6 was recommended in the last 300 s");
    assert_eq!(policy.step(at(591), &loaded(10, 0.1)).result, 2);
}

#[test]
fn watching_does_not_delay_growing() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(300);
    assert_eq!(once(settings, &loaded(4, 1.0)).result, 8);
}

#[test]
fn a_time_without_decisions_is_no_time_of_little_load() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(60);
    let mut policy = Policy::new(settings);
    let mut rolling = loaded(8, 0.1);
    rolling.obstacle = Some(Obstacle::RolloutRunning);
    let _ = policy.step(at(0), &loaded(8, 0.5));
    for second in (10..=200).step_by(10) {
        assert_eq!(policy.step(at(second), &rolling).result, 8);
    }
    assert_eq!(policy.step(at(210), &loaded(8, 0.1)).result, 8);
    assert_eq!(policy.step(at(261), &loaded(8, 0.1)).result, 2);

    // The same holds for silence.
    for second in (270..=400).step_by(10) {
        let silent = observed(8, vec![signal("cpu", None, 0)]);
        assert_eq!(policy.step(at(second), &silent).result, 8);
    }
    assert_eq!(policy.step(at(410), &loaded(8, 0.1)).result, 8);
}

#[test]
fn tasks_that_do_not_start_stop_growing_and_nothing_else() {
    let mut observation = loaded(4, 1.0);
    observation.pending = 1;
    observation.pending_error = Some("no suitable node".to_owned());
    let decision = once(settings(cpu()), &observation);
    assert_eq!(
        decision.to_string(),
        "apache: stays at 4 (1 task does not start (no suitable node); \
         cpu is 1 per container, above 0.5)"
    );
    observation.signals = vec![signal("cpu", 0.1, 4)];
    assert_eq!(once(settings(cpu()), &observation).result, 1);
}

#[test]
fn the_cooldown_counts_from_the_last_change() {
    let mut settings = settings(cpu());
    settings.up.cooldown = Duration::from_secs(20);
    settings.down.cooldown = Duration::from_secs(60);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.step(at(0), &loaded(2, 1.0)).result, 4);
    policy.changed(at(0), 2, 4);

    let decision = policy.step(at(15), &loaded(4, 1.0));
    assert_eq!(decision.result, 4);
    assert_eq!(decision.reasons()[0], "changed only a moment ago: 5 s more");
    assert_eq!(decision.next_change, Some(at(20)));
    assert_eq!(policy.step(at(20), &loaded(4, 1.0)).result, 8);
    assert_eq!(policy.step(at(59), &loaded(4, 0.2)).result, 4);
    assert_eq!(policy.step(at(60), &loaded(4, 0.2)).result, 2);
}

#[test]
fn what_was_read_before_a_growth_counts_for_those_that_it_was_read_of() {
    for rule in [cpu(), target(&[("cpu", 0.6)])] {
        let mut policy = Policy::new(settings(rule));
        let _ = policy.step(at(0), &loaded(2, 1.0));
        policy.changed(at(0), 2, 4);
        // Nine seconds old at the most, and the mean of an interval: of when there were two.
        assert_eq!(policy.step(at(13), &loaded(4, 1.0)).result, 4);
        // From now on it is the load of four.
        assert!(policy.step(at(14), &loaded(4, 1.0)).result >= 7);
    }
    // However short the period of a rate limit is.
    let mut short = settings(cpu());
    short.up.period = Duration::from_secs(1);
    let mut policy = Policy::new(short);
    let _ = policy.step(at(0), &loaded(2, 1.0));
    policy.changed(at(0), 2, 4);
    assert_eq!(policy.step(at(4), &loaded(4, 1.0)).result, 4);
    assert_eq!(policy.step(at(8), &loaded(4, 1.0)).result, 4);
}

#[test]
fn a_decision_that_was_not_carried_out_starts_no_cooldown() {
    let mut settings = settings(cpu());
    settings.up.cooldown = Duration::from_secs(20);
    let mut policy = Policy::new(settings);
    for second in 0..3 {
        assert_eq!(policy.step(at(second), &loaded(2, 1.0)).result, 4);
    }
}

#[test]
fn a_change_by_somebody_else_is_seen_and_starts_the_cooldown() {
    let mut settings = settings(cpu());
    settings.up.cooldown = Duration::from_secs(20);
    let mut policy = Policy::new(settings);
    let _ = policy.step(at(0), &loaded(4, 0.5));
    let decision = policy.step(at(10), &loaded(6, 1.0));
    assert_eq!(decision.result, 6);
    assert_eq!(
        decision.steps[0].reason,
        Reason::ChangedByOthers {
            before: 4,
            after: 6
        }
    );
    assert_eq!(decision.steps[0].stage, Stage::Observe);
    assert_eq!(
        decision.reasons().last().map(String::as_str),
        Some("somebody else changed the replicas from 4 to 6")
    );
    // Said once; and our own change is not somebody else's.
    assert_eq!(
        policy.step(at(30), &loaded(6, 1.0)).steps[0].stage,
        Stage::Recommend
    );
    policy.changed(at(30), 6, 12);
    assert_eq!(
        policy.step(at(31), &loaded(12, 0.5)).steps[0].stage,
        Stage::Recommend
    );
}

#[test]
fn the_rate_limit_takes_the_more_or_the_less_permissive() {
    for (tasks, percent, select, result) in [
        (None, None, Select::Max, 20),
        (Some(2), None, Select::Max, 12),
        (None, Some(50.0), Select::Min, 15),
        (Some(2), Some(50.0), Select::Max, 15),
        (Some(2), Some(50.0), Select::Min, 12),
        (None, Some(1.0), Select::Max, 11), // a part of a task is a task
    ] {
        let mut settings = settings(cpu());
        let period = Duration::from_secs(60);
        settings.up = Pace {
            tasks,
            percent,
            select,
            period,
            ..Pace::default()
        };
        let decision = once(settings, &loaded(10, 1.0));
        assert_eq!(decision.result, result, "{tasks:?} {percent:?} {select:?}");
    }
}

#[test]
fn the_rate_limit_counts_what_the_period_has_seen() {
    let mut settings = settings(cpu());
    let pace = Pace {
        tasks: Some(3),
        period: Duration::from_secs(60),
        ..Pace::default()
    };
    (settings.up, settings.down) = (pace.clone(), pace);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.step(at(0), &loaded(4, 0.7)).result, 6);
    policy.changed(at(0), 4, 6);
    assert_eq!(policy.step(at(30), &loaded(6, 1.0)).result, 7);
    policy.changed(at(30), 6, 7);
    let decision = policy.step(at(58), &loaded(7, 1.0));
    assert_eq!(decision.result, 7);
    assert_eq!(decision.reasons()[0], "no further than 7 within 60 s");
    assert_eq!(decision.next_change, Some(at(60)));
    // What was added is not to be taken away any faster for it.
    assert_eq!(policy.step(at(59), &loaded(7, 0.0)).result, 4);
    assert_eq!(policy.step(at(60), &loaded(7, 1.0)).result, 9);
    assert_eq!(policy.step(at(90), &loaded(7, 1.0)).result, 10);
}

#[test]
fn a_growth_by_others_gives_no_leave_to_shrink_at_once() {
    let mut settings = settings(cpu());
    settings.down = Pace {
        tasks: Some(1),
        period: Duration::from_secs(60),
        ..Pace::default()
    };
    let mut policy = Policy::new(settings);
    let _ = policy.step(at(0), &loaded(2, 0.5));
    assert_eq!(policy.step(at(2), &loaded(12, 0.1)).result, 11);
}

#[test]
fn the_budget_is_a_ceiling_below_which_only_the_minimum_goes() {
    let mut observation = loaded(4, 1.0);
    observation.ceiling = Some(5);
    let decision = once(settings(cpu()), &observation);
    assert_eq!((decision.wish, decision.result), (Some(8), 5));
    assert_eq!(decision.reasons()[0], "the cluster's budget leaves it 5");
    observation.ceiling = Some(2);
    assert_eq!(once(settings(cpu()), &observation).result, 2);
    let mut settings = settings(cpu());
    settings.min = 3;
    let decision = once(settings, &observation);
    assert_eq!(decision.result, 3);
    assert_eq!(
        decision.reasons()[0],
        "the service is kept between 3 and 20"
    );
}

#[test]
fn bounds_hold_even_when_nothing_is_known() {
    let silent = |replicas| observed(replicas, vec![signal("cpu", None, 0)]);
    assert_eq!(once(settings(cpu()), &silent(30)).result, 20);
    assert_eq!(once(settings(cpu()), &silent(0)).result, 1);
    let mut reversed = settings(cpu());
    (reversed.min, reversed.max) = (5, 3);
    assert_eq!(once(reversed, &silent(1)).result, 5);
}
