//! Stabilisation, tasks that do not start, cooldown, rate limits, budget and bounds.

use std::time::Duration;

use super::{at, cpu, loaded, observed, once, settings, signal, targets};
use crate::policy::{
    Fast, HostLoad, Obstacle, Pace, Policy, Reason, Schedule, Select, Stage, Step, days,
};

#[test]
fn growth_takes_smallest_recommendation_of_its_window() {
    let mut settings = settings(cpu());
    settings.up.stabilise = Duration::from_secs(30);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.step(at(0), &loaded(4, 0.5)).result, 4);
    let decision = policy.step(at(10), &loaded(4, 1.0));
    assert_eq!((decision.recommendation, decision.result), (Some(8), 4));
    assert_eq!(
        decision.reasons()[0],
        "the last 30 s include a recommendation of 4"
    );
    assert_eq!(policy.step(at(30), &loaded(4, 1.0)).result, 4);
    assert_eq!(policy.step(at(31), &loaded(4, 0.75)).result, 6);
    assert_eq!(policy.step(at(45), &loaded(4, 1.0)).result, 6);
}

#[test]
fn shrinking_needs_a_whole_window_and_takes_its_largest_recommendation() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(300);
    let mut policy = Policy::new(settings);
    let decision = policy.step(at(0), &loaded(10, 0.1));
    assert_eq!((decision.recommendation, decision.result), (Some(2), 10));
    assert_eq!(
        decision.reasons()[0],
        "observed for less than 5 min: not shrinking yet"
    );
    assert_eq!(decision.next_change, Some(at(300)));
    for second in (10..290).step_by(10) {
        assert_eq!(policy.step(at(second), &loaded(10, 0.1)).result, 10);
    }
    assert_eq!(policy.step(at(290), &loaded(10, 0.3)).result, 10);
    let decision = policy.step(at(300), &loaded(10, 0.1));
    assert_eq!(decision.result, 6);
    assert_eq!(
        decision.reasons()[0],
        "the last 5 min include a recommendation of 6"
    );
    for second in (310..=590).step_by(10) {
        assert_eq!(policy.step(at(second), &loaded(10, 0.1)).result, 6);
    }
    assert_eq!(policy.step(at(591), &loaded(10, 0.1)).result, 2);
}

#[test]
fn gap_restarts_the_observation() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(60);
    let mut policy = Policy::new(settings);
    for second in (0..=50).step_by(2) {
        assert_eq!(policy.step(at(second), &loaded(8, 0.1)).result, 8);
    }
    // The process was suspended; the load during this time is unknown.
    let decision = policy.step(at(3_600), &loaded(8, 0.1));
    assert_eq!(decision.result, 8);
    assert_eq!(decision.next_change, Some(at(3_660)));
    for second in (3_602..3_660).step_by(2) {
        assert_eq!(policy.step(at(second), &loaded(8, 0.1)).result, 8);
    }
    assert_eq!(policy.step(at(3_660), &loaded(8, 0.1)).result, 2);
}

#[test]
fn growth_does_not_need_a_whole_window() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(300);
    assert_eq!(once(settings, &loaded(4, 1.0)).result, 8);
}

#[test]
fn time_without_decisions_is_not_low_load() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(60);
    let mut policy = Policy::new(settings);
    let mut rolling = loaded(8, 0.1);
    rolling.obstacle = Some(Obstacle::RolloutRunning);
    let _ = policy.step(at(0), &loaded(8, 0.5));
    for second in (10..=200).step_by(10) {
        assert_eq!(policy.step(at(second), &rolling).result, 8);
    }
    for second in (210..=260).step_by(10) {
        assert_eq!(policy.step(at(second), &loaded(8, 0.1)).result, 8);
    }
    assert_eq!(policy.step(at(261), &loaded(8, 0.1)).result, 2);

    // The same applies without data.
    for second in (270..=400).step_by(10) {
        let silent = observed(8, vec![signal("cpu", None, 0)]);
        assert_eq!(policy.step(at(second), &silent).result, 8);
    }
    assert_eq!(policy.step(at(410), &loaded(8, 0.1)).result, 8);
}

#[test]
fn gap_longer_than_the_window_restarts_the_observation() {
    for (window, pause, is_watched) in [(3, 2, true), (3, 8, false), (60, 8, true), (60, 25, false)]
    {
        let mut settings = settings(cpu());
        settings.down.stabilise = Duration::from_secs(window);
        let mut policy = Policy::new(settings);
        for second in 0..=window {
            assert_eq!(policy.step(at(second), &loaded(8, 0.5)).result, 8);
        }
        // The load has ended while the orchestrator was unavailable.
        let decision = policy.step(at(window + pause), &loaded(8, 0.1));
        let is_unwatched = |step: &Step| matches!(step.reason, Reason::WatchingFirst { .. });
        assert_eq!(
            !decision.steps.iter().any(is_unwatched),
            is_watched,
            "{decision}"
        );
        let begin = window + pause + 1;
        let mut after = (begin..).map(|second| policy.step(at(second), &loaded(8, 0.1)));
        let shrinks = after.position(|decision| decision.result == 2);
        // Observation starts after the pause.
        assert!(shrinks < Some(window as usize + 1), "{shrinks:?}");
        assert!(
            is_watched || shrinks == Some(window as usize - 1),
            "{shrinks:?}"
        );
    }
}

#[test]
fn pending_tasks_prevent_growth_and_nothing_else() {
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
fn cooldown_counts_from_the_last_change() {
    let mut settings = settings(cpu());
    settings.up.cooldown = Duration::from_secs(20);
    settings.down.cooldown = Duration::from_secs(60);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.step(at(0), &loaded(2, 1.0)).result, 4);
    policy.record_change(at(0), 2, 4);

    let decision = policy.step(at(15), &loaded(4, 1.0));
    assert_eq!(decision.result, 4);
    assert_eq!(
        decision.reasons()[0],
        "cooldown after the last change: 5 s left"
    );
    assert_eq!(decision.next_change, Some(at(20)));
    assert_eq!(policy.step(at(20), &loaded(4, 1.0)).result, 8);
    assert_eq!(policy.step(at(59), &loaded(4, 0.2)).result, 4);
    assert_eq!(policy.step(at(60), &loaded(4, 0.2)).result, 2);
}

#[test]
fn readings_before_a_growth_count_for_the_former_replicas() {
    for rule in [cpu(), targets(&[("cpu", 0.6)])] {
        let mut policy = Policy::new(settings(rule));
        let _ = policy.step(at(0), &loaded(2, 1.0));
        policy.record_change(at(0), 2, 4);
        // Nine seconds old at the most, and the mean of an interval: of when there were two.
        assert_eq!(policy.step(at(13), &loaded(4, 1.0)).result, 4);
        // From now on the load is shared by four.
        assert!(policy.step(at(14), &loaded(4, 1.0)).result >= 7);
    }
    // However short the period of a rate limit is.
    let mut short = settings(cpu());
    short.up.period = Duration::from_secs(1);
    let mut policy = Policy::new(short);
    let _ = policy.step(at(0), &loaded(2, 1.0));
    policy.record_change(at(0), 2, 4);
    assert_eq!(policy.step(at(4), &loaded(4, 1.0)).result, 4);
    assert_eq!(policy.step(at(8), &loaded(4, 1.0)).result, 4);
}

#[test]
fn decision_that_was_not_carried_out_starts_no_cooldown() {
    let mut settings = settings(cpu());
    settings.up.cooldown = Duration::from_secs(20);
    let mut policy = Policy::new(settings);
    for second in 0..3 {
        assert_eq!(policy.step(at(second), &loaded(2, 1.0)).result, 4);
    }
}

#[test]
fn foreign_change_is_reported_and_starts_the_cooldown() {
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
        Some("the replicas were changed from 4 to 6, not by this autoscaler")
    );
    // It is reported once; an own change is not foreign.
    assert_eq!(
        policy.step(at(30), &loaded(6, 1.0)).steps[0].stage,
        Stage::Recommend
    );
    policy.record_change(at(30), 6, 12);
    assert_eq!(
        policy.step(at(31), &loaded(12, 0.5)).steps[0].stage,
        Stage::Recommend
    );
}

#[test]
fn rate_limit_selects_the_larger_or_smaller_allowance() {
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
fn rate_limit_counts_the_changes_of_the_period() {
    let mut settings = settings(cpu());
    let pace = Pace {
        tasks: Some(3),
        period: Duration::from_secs(60),
        ..Pace::default()
    };
    (settings.up, settings.down) = (pace.clone(), pace);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.step(at(0), &loaded(4, 0.7)).result, 6);
    policy.record_change(at(0), 4, 6);
    assert_eq!(policy.step(at(30), &loaded(6, 1.0)).result, 7);
    policy.record_change(at(30), 6, 7);
    let decision = policy.step(at(58), &loaded(7, 1.0));
    assert_eq!(decision.result, 7);
    assert_eq!(
        decision.reasons()[0],
        "the rate limit of the last 60 s allows 7 replicas"
    );
    assert_eq!(decision.next_change, Some(at(60)));
    // What was added is not to be taken away any faster for it.
    assert_eq!(policy.step(at(59), &loaded(7, 0.0)).result, 4);
    assert_eq!(policy.step(at(60), &loaded(7, 1.0)).result, 9);
    assert_eq!(policy.step(at(90), &loaded(7, 1.0)).result, 10);
}

#[test]
fn foreign_growth_does_not_allow_a_larger_shrink() {
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
fn demand_is_the_largest_recommendation_of_the_window() {
    let mut settings = settings(cpu());
    settings.down.stabilise = Duration::from_secs(60);
    let mut policy = Policy::new(settings);
    assert_eq!(policy.demand(at(0)), None);
    // A recommendation of eight at one time.
    for second in (0..=80).step_by(10) {
        let load = if second == 10 { 1.0 } else { 0.5 };
        let _ = policy.step(at(second), &loaded(4, load));
        let claim = if (10..=70).contains(&second) { 8 } else { 4 };
        assert_eq!(policy.demand(at(second)), Some(claim), "{second}");
    }
}

#[test]
fn budget_limits_all_but_the_minimum() {
    let mut observation = loaded(4, 1.0);
    observation.ceiling = Some(5);
    let decision = once(settings(cpu()), &observation);
    assert_eq!((decision.recommendation, decision.result), (Some(8), 5));
    assert_eq!(
        decision.reasons()[0],
        "the budget of the cluster allows 5 replicas"
    );
    observation.ceiling = Some(2);
    assert_eq!(once(settings(cpu()), &observation).result, 2);
    let mut settings = settings(cpu());
    settings.min = 3;
    let decision = once(settings, &observation);
    assert_eq!(decision.result, 3);
    assert_eq!(
        decision.reasons()[0],
        "does not shrink further because the minimum is 3; 2 replicas would be enough"
    );
}

#[test]
fn minimum_holds_and_nothing_shrinks_without_data() {
    let silent = |replicas| observed(replicas, vec![signal("cpu", None, 0)]);
    let decision = once(settings(cpu()), &silent(30));
    assert_eq!(decision.result, 30);
    assert_eq!(
        decision.reasons()[0],
        "above the maximum of 20: not shrinking while no load is known"
    );
    assert_eq!(once(settings(cpu()), &loaded(30, 0.5)).result, 20);
    assert_eq!(once(settings(cpu()), &silent(0)).result, 1);
    let mut reversed = settings(cpu());
    (reversed.min, reversed.max) = (5, 3);
    assert_eq!(once(reversed, &silent(1)).result, 5);
}

#[test]
fn schedule_sets_the_bounds() {
    let mut settings = settings(cpu());
    let today = jiff::Timestamp::from_second(at(0).as_secs_f64() as i64).unwrap();
    let today = jiff::tz::TimeZone::UTC.to_datetime(today).date().weekday();
    let named = |day| {
        let name = format!("{day:?}").to_ascii_lowercase();
        name[..3].to_owned()
    };
    let schedule = |days_text: &str, min, max| Schedule {
        days: days(days_text).unwrap(),
        from: "00:00".parse().unwrap(),
        to: "00:00".parse().unwrap(),
        zone: jiff::tz::TimeZone::UTC,
        min,
        max,
    };
    settings.schedules = vec![schedule("daily", Some(6), None)];
    let decision = once(settings.clone(), &loaded(4, 0.5));
    assert_eq!(decision.result, 6);
    assert_eq!(
        decision.reasons()[..2],
        [
            "grows to the minimum of 6",
            "the schedule mon,tue,wed,thu,fri,sat,sun 00:00–00:00 UTC sets the bounds"
        ]
    );
    // The last schedule that applies.
    settings
        .schedules
        .push(schedule(&named(today), None, Some(3)));
    let tomorrow = named(today.next());
    settings.schedules.push(schedule(&tomorrow, Some(9), None));
    assert_eq!(once(settings, &loaded(4, 0.5)).result, 3);
}

#[test]
fn direction_can_be_switched_off() {
    let mut settings = settings(cpu());
    settings.down.select = Select::None;
    settings.down.stabilise = Duration::ZERO;
    let decision = once(settings.clone(), &loaded(8, 0.1));
    assert_eq!(decision.result, 8);
    assert_eq!(
        decision.reasons()[0],
        "changes in this direction are switched off"
    );
    assert_eq!(once(settings, &loaded(4, 1.0)).result, 8);
}

#[test]
fn saturated_hosts_prevent_growth() {
    let host = |name: &str, cpu: f64, steal: f64| HostLoad {
        name: name.to_owned(),
        cpu: Some(cpu),
        steal: Some(steal),
        ..HostLoad::default()
    };
    let mut observation = loaded(4, 1.0);
    observation.hosts = vec![host("node1", 99.0, 0.0), host("node2", 60.0, 45.0)];
    let decision = once(settings(cpu()), &observation);
    assert_eq!(decision.result, 4);
    assert_eq!(
        decision.reasons()[0],
        "every host that runs it is full and no other has capacity (node1: CPU use 99 %, limit 95 %): \
         more replicas would not help"
    );
    observation.elsewhere = 2;
    let decision = once(settings(cpu()), &observation);
    assert_eq!(decision.result, 8);
    assert!(
        decision.to_string().contains("2 other hosts have capacity"),
        "{decision}"
    );
    // It is unknown whether one of them is saturated.
    let mut unknown = observation.clone();
    unknown.elsewhere = 0;
    unknown.hosts.push(HostLoad {
        name: "node3".to_owned(),
        ..HostLoad::default()
    });
    assert_eq!(once(settings(cpu()), &unknown).result, 8);
    // The limit itself counts as saturated.
    let limit = HostLoad {
        cpu: Some(95.0),
        ..HostLoad::default()
    };
    assert!(limit.saturated(&settings(cpu()).saturation).is_some());
    // One of them is not saturated.
    observation.elsewhere = 0;
    observation.hosts.push(host("node3", 40.0, 0.0));
    assert_eq!(once(settings(cpu()), &observation).result, 8);
}

#[test]
fn samples_show_a_surge_and_never_a_drop() {
    let fast = |value: f64, error: f64, samples: u64| {
        let mut observation = loaded(4, 0.5);
        observation.signals[0].fast = Some(Fast {
            value,
            error,
            samples,
            correction: 1.0,
        });
        once(settings(cpu()), &observation)
    };
    let surge = fast(2.0, 0.05, 400);
    assert!(surge.result > 8, "{surge}");
    assert!(
        surge.to_string().contains("400 packet samples show cpu at"),
        "{surge}"
    );
    // The load of the four running containers is shared with the four starting ones.
    let mut observation = loaded(4, 0.5);
    observation.replicas = 8;
    observation.signals[0].fast = Some(Fast {
        value: 2.0,
        error: 0.05,
        samples: 400,
        correction: 1.0,
    });
    assert_eq!(
        once(settings(cpu()), &observation).result,
        surge.result.max(8)
    );
    // Too few samples, too inaccurate, or not above the counters: the samples are not used.
    for decision in [
        fast(2.0, 0.05, 15),
        fast(2.0, 0.4, 400),
        fast(0.6, 0.05, 400),
        fast(0.0, 0.05, 400),
        fast(f64::NAN, f64::NAN, 400),
    ] {
        assert_eq!(decision.result, 4, "{decision}");
        assert!(!decision.to_string().contains("samples"), "{decision}");
    }
}
