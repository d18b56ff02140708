//! Policies of services, defaults and pools in the configuration file.

use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZoneDatabase;
use serde::Deserialize;

use super::ConfigError;
use super::value::{Span, positive, wrong};
use crate::policy::{
    Mode, Pace, Rule, Saturation, Schedule, Select, Settings, Target, Thresholds, days,
};

/// Settings of one service: its own values, else the defaults of the file, else built-in defaults.
pub(super) fn settings(
    key: &str,
    defaults: &Policy,
    own: &Policy,
) -> Result<Settings, ConfigError> {
    let min = own.min.or(defaults.min).unwrap_or(1);
    let max = own.max.or(defaults.max).unwrap_or(10);
    if min > max {
        return Err(wrong(
            &format!("{key}.min"),
            &format!("{min} is greater than max ({max})"),
        ));
    }
    Ok(Settings {
        mode: own.mode.or(defaults.mode).unwrap_or_default(),
        min,
        max,
        rule: rule(key, defaults, own)?,
        warm_up: own
            .warm_up
            .or(defaults.warm_up)
            .map_or(Duration::from_secs(15), |d| d.0),
        fast: own.fast.or(defaults.fast).unwrap_or(true),
        schedules: schedules(key, own.schedule.as_ref().or(defaults.schedule.as_ref()))?,
        saturation: saturation(own.saturation.as_ref().or(defaults.saturation.as_ref())),
        up: pace(&defaults.up, &own.up, Duration::ZERO),
        down: pace(&defaults.down, &own.down, Duration::from_secs(300)),
    })
}

/// Maximum number of metrics and of schedules of a policy: each service may repeat the defaults.
const MOST_METRICS: usize = 16;
const MOST_SCHEDULES: usize = 16;

fn schedules(key: &str, given: Option<&Vec<ScheduleFile>>) -> Result<Vec<Schedule>, ConfigError> {
    // Time zones are compiled into the program; no file is read.
    let zones = TimeZoneDatabase::bundled();
    let schedule = |(place, given): (usize, &ScheduleFile)| {
        let key = |name: &str| format!("{key}.schedule[{place}].{name}");
        let time = |name: &str, text: &str| {
            text.parse().map_err(|_| {
                wrong(
                    &key(name),
                    &format!("{text:?} is not a time such as \"08:00\""),
                )
            })
        };
        let zone = given.zone.as_deref().unwrap_or("UTC");
        if let (Some(min), Some(max)) = (given.min, given.max)
            && min > max
        {
            return Err(wrong(
                &key("min"),
                &format!("{min} is greater than max ({max})"),
            ));
        }
        for (name, bound) in [("min", given.min), ("max", given.max)] {
            if bound == Some(0) {
                let problem = "must be at least 1: the load of a service without replicas is \
                               unknown";
                return Err(wrong(&key(name), problem));
            }
        }
        Ok(Schedule {
            days: days(&given.days).ok_or_else(|| {
                let problem = format!(
                    "{:?} is not a range of days such as \"mon-fri\", \"sat,sun\" or \"daily\"",
                    given.days
                );
                wrong(&key("days"), &problem)
            })?,
            from: time("from", &given.from)?,
            to: time("to", &given.to)?,
            zone: zones.get(zone).map_err(|_| {
                let problem = format!("{zone:?} is not a time zone such as \"Europe/Berlin\"");
                wrong(&key("zone"), &problem)
            })?,
            min: given.min,
            max: given.max,
        })
    };
    given
        .into_iter()
        .flatten()
        .enumerate()
        .map(schedule)
        .collect()
}

fn saturation(given: Option<&SaturationFile>) -> Saturation {
    let ours = Saturation::default();
    given.map_or(ours, |given| Saturation {
        cpu: given.cpu.unwrap_or(ours.cpu),
        steal: given.steal.unwrap_or(ours.steal),
        network: given.network.unwrap_or(ours.network),
    })
}

fn rule(key: &str, defaults: &Policy, own: &Policy) -> Result<Rule, ConfigError> {
    let Some(metrics) = own.metric.as_ref().or(defaults.metric.as_ref()) else {
        let problem = "at least one metric is required, such as \
                       { name = \"vir_cpu_cores\", target = 0.5 }";
        return Err(wrong(&format!("{key}.metric"), problem));
    };
    let mut targets = Vec::new();
    let mut thresholds = Vec::new();
    for metric in metrics {
        let name = metric.name.clone();
        match (metric.target, metric.lower, metric.upper) {
            (Some(target), _, _) => targets.push(Target {
                metric: name,
                target,
            }),
            (None, Some(lower), Some(upper)) => {
                thresholds.push(Thresholds {
                    metric: name,
                    lower,
                    upper,
                });
            }
            _ => {}
        }
    }
    let pick = |own: Option<f64>, default: Option<f64>| own.or(default).unwrap_or(0.1);
    let step = |own: Option<u32>, default: Option<u32>| own.or(default).unwrap_or(1);
    let by_targets = !targets.is_empty();
    for (direction, pace) in [("up", &own.up), ("down", &own.down)] {
        let (unused, what, instead) = if by_targets {
            (
                pace.step.is_some(),
                "step",
                "the number of replicas is computed from the target",
            )
        } else {
            (
                pace.tolerance.is_some(),
                "tolerance",
                "the distance between the thresholds is the tolerance",
            )
        };
        if unused {
            return Err(wrong(
                &format!("{key}.{direction}.{what}"),
                &format!("not applicable: {instead}"),
            ));
        }
    }
    Ok(if by_targets {
        Rule::Target {
            metrics: targets,
            tolerance_up: pick(own.up.tolerance, defaults.up.tolerance),
            tolerance_down: pick(own.down.tolerance, defaults.down.tolerance),
        }
    } else {
        Rule::TwoThreshold {
            metrics: thresholds,
            step_up: step(own.up.step, defaults.up.step),
            step_down: step(own.down.step, defaults.down.step),
        }
    })
}

fn pace(defaults: &PaceFile, own: &PaceFile, stabilise: Duration) -> Pace {
    let span = |own: Option<Span>, default: Option<Span>, ours: Duration| {
        own.or(default).map_or(ours, |span| span.0)
    };
    Pace {
        stabilise: span(own.stabilise, defaults.stabilise, stabilise),
        cooldown: span(own.cooldown, defaults.cooldown, Duration::ZERO),
        tasks: own.tasks.or(defaults.tasks),
        percent: own.percent.or(defaults.percent),
        period: span(own.period, defaults.period, Duration::from_secs(60)),
        select: own.select.or(defaults.select).unwrap_or_default(),
    }
}

/// Validates the parts of a policy that do not depend on other parts of the configuration.
pub(super) fn check(key: &str, policy: &Policy) -> Result<(), ConfigError> {
    if policy.min == Some(0) {
        let problem = "must be at least 1: without replicas the load is unknown and the service \
                       would never scale up again";
        return Err(wrong(&format!("{key}.min"), problem));
    }
    if policy.max == Some(0) {
        return Err(wrong(&format!("{key}.max"), "must be at least 1"));
    }
    if let Some(limits) = &policy.saturation {
        for (name, limit) in [
            ("cpu", limits.cpu),
            ("steal", limits.steal),
            ("network", limits.network),
        ] {
            if let Some(limit) = limit {
                positive(&format!("{key}.saturation.{name}"), limit)?;
            }
        }
    }
    if let Some(schedules) = &policy.schedule
        && schedules.len() > MOST_SCHEDULES
    {
        let problem = format!(
            "{} schedules, the maximum is {MOST_SCHEDULES}",
            schedules.len()
        );
        return Err(wrong(&format!("{key}.schedule"), &problem));
    }
    if let Some(metrics) = &policy.metric {
        check_metrics(&format!("{key}.metric"), metrics)?;
    }
    check_pace(&format!("{key}.up"), &policy.up)?;
    check_pace(&format!("{key}.down"), &policy.down)
}

fn check_metrics(key: &str, metrics: &[MetricFile]) -> Result<(), ConfigError> {
    if metrics.is_empty() {
        return Err(wrong(key, "at least one metric is required"));
    }
    if metrics.len() > MOST_METRICS {
        let problem = format!("{} metrics, the maximum is {MOST_METRICS}", metrics.len());
        return Err(wrong(key, &problem));
    }
    let mut names = HashSet::new();
    for (place, metric) in metrics.iter().enumerate() {
        let key = format!("{key}[{place}]");
        check_name(&key, &metric.name)?;
        if !names.insert(&metric.name) {
            return Err(wrong(&format!("{key}.name"), "duplicate metric"));
        }
        match (metric.target, metric.lower, metric.upper) {
            (Some(target), None, None) => positive(&format!("{key}.target"), target)?,
            (None, Some(lower), Some(upper)) => {
                positive(&format!("{key}.upper"), upper)?;
                if !(lower.is_finite() && lower >= 0.0 && lower < upper) {
                    let problem = format!("{lower} is not between 0 and upper ({upper})");
                    return Err(wrong(&format!("{key}.lower"), &problem));
                }
            }
            _ => return Err(wrong(&key, "set either target, or both lower and upper")),
        }
    }
    let by_target = metrics
        .iter()
        .filter(|metric| metric.target.is_some())
        .count();
    if by_target != 0 && by_target != metrics.len() {
        let problem = "targets and thresholds cannot be combined";
        return Err(wrong(key, problem));
    }
    Ok(())
}

fn check_pace(key: &str, pace: &PaceFile) -> Result<(), ConfigError> {
    if let Some(tolerance) = pace.tolerance
        && !(0.0..1.0).contains(&tolerance)
    {
        let problem = format!("{tolerance} is not between 0 and 1; 0.1 means 10 %");
        return Err(wrong(&format!("{key}.tolerance"), &problem));
    }
    if let Some(percent) = pace.percent {
        positive(&format!("{key}.percent"), percent)?;
    }
    if pace.step == Some(0) {
        return Err(wrong(&format!("{key}.step"), "must be at least 1"));
    }
    if pace.tasks == Some(0) {
        return Err(wrong(&format!("{key}.tasks"), "must be at least 1"));
    }
    if pace.period.is_some_and(|period| period.0 == Duration::ZERO) {
        return Err(wrong(&format!("{key}.period"), "must be longer than 0 s"));
    }
    Ok(())
}

/// Valid metrics are those of the catalogue, application metrics (`custom.NAME`), and sums of them.
fn check_name(key: &str, name: &str) -> Result<(), ConfigError> {
    let is_word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        !word.is_empty() && word.bytes().all(fits)
    };
    if !name.split('+').all(is_word) {
        let problem =
            format!("{name:?} is not a metric or a sum such as vir_bytes_in+vir_bytes_out");
        return Err(wrong(&format!("{key}.name"), &problem));
    }
    sflow_autoscale::observe::MetricQuery::new(&[name])
        .map(|_| ())
        .map_err(|error| {
            // The rest refers to a position in a generated query.
            let message = error.to_string();
            let problem = message.lines().next().unwrap_or_default();
            wrong(&format!("{key}.name"), problem)
        })
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) mode: Option<Mode>,
    pub(super) min: Option<u32>,
    pub(super) max: Option<u32>,
    pub(super) metric: Option<Vec<MetricFile>>,
    pub(super) warm_up: Option<Span>,
    pub(super) fast: Option<bool>,
    schedule: Option<Vec<ScheduleFile>>,
    pub(super) saturation: Option<SaturationFile>,
    #[serde(default)]
    pub(super) up: PaceFile,
    #[serde(default)]
    pub(super) down: PaceFile,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricFile {
    pub(super) name: String,
    target: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleFile {
    days: String,
    from: String,
    to: String,
    zone: Option<String>,
    min: Option<u32>,
    max: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaturationFile {
    cpu: Option<f64>,
    steal: Option<f64>,
    network: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaceFile {
    step: Option<u32>,
    tolerance: Option<f64>,
    pub(super) stabilise: Option<Span>,
    cooldown: Option<Span>,
    tasks: Option<u32>,
    percent: Option<f64>,
    period: Option<Span>,
    select: Option<Select>,
}
