//! Checks that every setting of the policy changes a decision. A setting without a row fails the
//! test.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::*;
use crate::policy::{Fast, HostLoad, Schedule, Select, days};

/// A test case for a setting.
struct Row {
    /// The path of the setting in the settings as JSON.
    setting: &'static str,
    /// The settings before and after the change of this one setting.
    before: Settings,
    after: Settings,
    /// The observation, by the second, the replicas and the settings.
    observe: fn(u64, u32, &Settings) -> Observation,
    /// The replicas in the end, before and after.
    replicas: (u32, u32),
}

const SECONDS: [u64; 5] = [0, 15, 30, 45, 60];
const FIRST: u32 = 4;

/// Applies the decisions of a minute and returns the last one.
fn last_decision(settings: &Settings, observe: fn(u64, u32, &Settings) -> Observation) -> Decision {
    let mut policy = Policy::new(settings.clone());
    let mut replicas = FIRST;
    let decisions = SECONDS.map(|second| {
        let decision = policy.step(at(second), &observe(second, replicas, settings));
        policy.record_change(at(second), replicas, decision.result);
        replicas = decision.result;
        decision
    });
    decisions.into_iter().next_back().unwrap()
}

/// The metrics that the rule names: `cpu` and `bytes` have the same load.
fn load(replicas: u32, settings: &Settings, cpu: f64) -> Observation {
    let signals = settings.rule.metrics().into_iter().map(|metric| {
        let value = if metric == "idle" { 0.0 } else { cpu };
        signal(metric, value, replicas)
    });
    observed(replicas, signals.collect())
}

fn busy(_: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, 1.0)
}

fn quiet(_: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, 0.0)
}

/// A load per container that does not depend on the number of containers.
fn shared(_: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, 4.0 / f64::from(replicas))
}

fn a_bit_above(_: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, 2.3 / f64::from(replicas))
}

fn a_bit_below(_: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, 1.4 / f64::from(replicas))
}

/// Load at the end only, and idle at the end only.
fn late_peak(second: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, if second < 60 { 0.5 } else { 1.0 })
}

fn late_lull(second: u64, replicas: u32, settings: &Settings) -> Observation {
    load(replicas, settings, if second < 60 { 0.5 } else { 0.2 })
}

/// The newest container has a start-up peak.
fn starting_up(_: u64, replicas: u32, settings: &Settings) -> Observation {
    let mut observation = load(replicas, settings, 0.5);
    observation.running[0] = Duration::from_secs(12);
    let loads = observation.running.iter().enumerate();
    let loads: Vec<(f64, Duration)> = loads
        .map(|(place, age)| (if place == 0 { 8.0 } else { 0.5 }, *age))
        .collect();
    observation.signals = vec![mean_of(&loads, settings.warm_up)];
    observation
}

/// The mean of the loads of containers that are older than the warm-up.
fn mean_of(loads: &[(f64, Duration)], warm_up: Duration) -> Signal {
    let old = loads.iter().filter(|(_, age)| *age >= warm_up);
    let values: Vec<f64> = old.map(|(load, _)| *load).collect();
    let contributing = u32::try_from(values.len()).unwrap();
    let mean = values.iter().sum::<f64>() / f64::from(contributing.max(1));
    Signal {
        matched: u32::try_from(loads.len()).unwrap(),
        warming: u32::try_from(loads.len()).unwrap() - contributing,
        newest: Some(0.0),
        oldest: Some(0.0),
        ..signal("cpu", (contributing > 0).then_some(mean), contributing)
    }
}

fn surge(_: u64, replicas: u32, settings: &Settings) -> Observation {
    let mut observation = load(replicas, settings, 0.5);
    observation.signals[0].fast = Some(Fast {
        value: 4.0 / f64::from(replicas),
        error: 0.01,
        samples: 10_000,
        correction: 1.0,
    });
    observation
}

fn full_hosts(replicas: u32, settings: &Settings, host: HostLoad) -> Observation {
    let mut observation = load(replicas, settings, 1.0);
    observation.hosts = vec![host];
    observation
}

fn full_cpu(_: u64, replicas: u32, settings: &Settings) -> Observation {
    let cpu = Some(96.0);
    full_hosts(
        replicas,
        settings,
        HostLoad {
            cpu,
            ..HostLoad::default()
        },
    )
}

fn full_steal(_: u64, replicas: u32, settings: &Settings) -> Observation {
    let steal = Some(25.0);
    full_hosts(
        replicas,
        settings,
        HostLoad {
            steal,
            ..HostLoad::default()
        },
    )
}

fn full_network(_: u64, replicas: u32, settings: &Settings) -> Observation {
    let network = Some(93.0);
    full_hosts(
        replicas,
        settings,
        HostLoad {
            network,
            ..HostLoad::default()
        },
    )
}

fn row(
    setting: &'static str,
    base: &Settings,
    change: impl FnOnce(&mut Settings),
    observe: fn(u64, u32, &Settings) -> Observation,
    replicas: (u32, u32),
) -> Row {
    let mut after = base.clone();
    change(&mut after);
    Row {
        setting,
        before: base.clone(),
        after,
        observe,
        replicas,
    }
}

fn one_threshold() -> Rule {
    Rule::TwoThreshold {
        metrics: vec![Thresholds {
            metric: "cpu".to_owned(),
            lower: 0.4,
            upper: 0.6,
        }],
        step_up: 1,
        step_down: 1,
    }
}

fn targets(settings: &mut Settings) -> (&mut Target, &mut f64, &mut f64) {
    match &mut settings.rule {
        Rule::Target {
            metrics,
            tolerance_up,
            tolerance_down,
        } => (&mut metrics[0], tolerance_up, tolerance_down),
        Rule::TwoThreshold { .. } => unreachable!(),
    }
}

fn steps(settings: &mut Settings) -> (&mut Thresholds, &mut u32, &mut u32) {
    match &mut settings.rule {
        Rule::TwoThreshold {
            metrics,
            step_up,
            step_down,
        } => (&mut metrics[0], step_up, step_down),
        Rule::Target { .. } => unreachable!(),
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let base = settings(cpu());
    let two = settings(one_threshold());
    let limited = Settings { up: pace(), down: pace(), ..base.clone() };
    let all_day = Schedule {
        days: days("daily").unwrap(),
        from: "00:00".parse().unwrap(),
        to: "00:00".parse().unwrap(),
        zone: TimeZone::UTC,
        min: Some(6),
        max: None,
    };
    vec![
        row("mode", &base, |it| it.mode = Mode::Advise, shared, (8, 8)),
        row("min", &base, |it| it.min = 3, quiet, (1, 3)),
        row("max", &base, |it| it.max = 6, busy, (20, 6)),
        row("rule.rule", &base, |it| it.rule = one_threshold(), late_peak, (8, 5)),
        row("rule.metrics.metric", &base, |it| targets(it).0.metric = "idle".to_owned(), shared, (8, 1)),
        row("rule.metrics.target", &base, |it| targets(it).0.target = 1.0, shared, (8, 4)),
        row("rule.tolerance_up", &base, |it| *targets(it).1 = 0.2, a_bit_above, (5, 4)),
        row("rule.tolerance_down", &base, |it| *targets(it).2 = 0.4, a_bit_below, (3, 4)),
        row("rule.metrics.upper", &two, |it| steps(it).0.upper = 2.0, late_peak, (5, 4)),
        row("rule.metrics.lower", &two, |it| steps(it).0.lower = 0.1, late_lull, (3, 4)),
        row("rule.step_up", &two, |it| *steps(it).1 = 3, late_peak, (5, 7)),
        row("rule.step_down", &two, |it| *steps(it).2 = 2, late_lull, (3, 2)),
        row("warm_up", &base, |it| it.warm_up = 2 * MINUTE, starting_up, (20, 4)),
        row("fast", &base, |it| it.fast = false, surge, (8, 4)),
        row("schedules", &base, |it| it.schedules = vec![all_day], quiet, (1, 6)),
        row("saturation.cpu", &base, |it| it.saturation.cpu = 99.0, full_cpu, (4, 20)),
        row("saturation.steal", &base, |it| it.saturation.steal = 99.0, full_steal, (4, 20)),
        row("saturation.network", &base, |it| it.saturation.network = 99.0, full_network, (4, 20)),
        row("up.stabilise", &base, |it| it.up.stabilise = MINUTE, late_peak, (8, 4)),
        row("down.stabilise", &base, |it| it.down.stabilise = MINUTE, late_lull, (2, 4)),
        row("up.cooldown", &two, |it| it.up.cooldown = 2 * MINUTE, busy, (9, 5)),
        row("down.cooldown", &Settings { max: 5, ..two.clone() }, |it| it.down.cooldown = 2 * MINUTE, quiet, (1, 3)),
        row("up.tasks", &limited, |it| it.up.tasks = Some(3), busy, (6, 7)),
        row("down.tasks", &limited, |it| it.down.tasks = Some(3), quiet, (2, 1)),
        row("up.percent", &limited, |it| it.up.percent = Some(75.0), busy, (6, 7)),
        row("down.percent", &limited, |it| it.down.percent = Some(75.0), quiet, (2, 1)),
        row("up.period", &limited, |it| it.up.period = MINUTE / 2, busy, (6, 14)),
        row("down.period", &limited, |it| it.down.period = MINUTE / 2, quiet, (2, 1)),
        row("up.select", &limited, |it| it.up.select = Select::Min, busy, (6, 5)),
        row("down.select", &limited, |it| it.down.select = Select::Min, quiet, (2, 3)),
    ]
}

fn pace() -> Pace {
    Pace {
        tasks: Some(1),
        percent: Some(50.0),
        period: 2 * MINUTE,
        ..Pace::default()
    }
}

#[test]
fn every_setting_changes_a_decision() {
    let rows = rows();
    for row in &rows {
        let before = last_decision(&row.before, row.observe);
        let after = last_decision(&row.after, row.observe);
        let results = (before.result, after.result);
        assert_eq!(results, row.replicas, "{}: {before}; {after}", row.setting);
        assert_ne!(
            (before.result, before.mode),
            (after.result, after.mode),
            "{} changes nothing",
            row.setting
        );
    }
    let tried: BTreeSet<String> = rows.iter().map(|row| row.setting.to_owned()).collect();
    let mut all = BTreeSet::new();
    for rule in [cpu(), one_threshold()] {
        let settings = serde_json::to_value(settings(rule)).unwrap();
        add_settings("", &settings, &mut all);
    }
    assert_eq!(tried, all, "each setting needs a row of its own");
}

/// The paths of all values; a duration is one.
fn add_settings(path: &str, value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.contains_key("secs") => {
            for (name, value) in fields {
                let separator = if path.is_empty() { "" } else { "." };
                add_settings(&format!("{path}{separator}{name}"), value, all);
            }
        }
        Value::Array(entries) if !entries.is_empty() => {
            entries
                .iter()
                .for_each(|entry| add_settings(path, entry, all));
        }
        _ => {
            all.insert(path.to_owned());
        }
    }
}
