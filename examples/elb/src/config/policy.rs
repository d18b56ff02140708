//! Policies of services, defaults and pools in the configuration file.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use sflow_autoscale::observe::MetricQuery;

use super::error::Errors;
use super::value::{days, positive, size, time, time_of_day, tolerance, zone};
use crate::policy::{Mode, Pace, Rule, Saturation, Schedule, Select, Settings, Target, Thresholds};

/// Maximum number of metrics and of schedules of a policy: each service may repeat the defaults.
const MOST_METRICS: usize = 16;
const MOST_SCHEDULES: usize = 16;

/// The keys of a policy.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Policy {
    mode: Option<Mode>,
    #[serde(deserialize_with = "size")]
    min: Option<u32>,
    #[serde(deserialize_with = "size")]
    max: Option<u32>,
    pub(super) metric: Option<Vec<MetricFile>>,
    #[serde(deserialize_with = "time::<0, _, _>")]
    pub(super) warm_up: Option<Duration>,
    pub(super) fast: Option<bool>,
    schedule: Option<Vec<ScheduleFile>>,
    pub(super) saturation: Option<SaturationFile>,
    pub(super) up: PaceFile,
    pub(super) down: PaceFile,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MetricFile {
    pub(super) name: String,
    #[serde(deserialize_with = "positive")]
    target: Option<f64>,
    lower: Option<f64>,
    #[serde(deserialize_with = "positive")]
    upper: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleFile {
    #[serde(deserialize_with = "days")]
    days: Vec<Weekday>,
    #[serde(deserialize_with = "time_of_day")]
    from: Time,
    #[serde(deserialize_with = "time_of_day")]
    to: Time,
    #[serde(default = "utc", deserialize_with = "zone")]
    zone: TimeZone,
    #[serde(default, deserialize_with = "size")]
    min: Option<u32>,
    #[serde(default, deserialize_with = "size")]
    max: Option<u32>,
}

const fn utc() -> TimeZone {
    TimeZone::UTC
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SaturationFile {
    #[serde(deserialize_with = "positive")]
    cpu: Option<f64>,
    #[serde(deserialize_with = "positive")]
    steal: Option<f64>,
    #[serde(deserialize_with = "positive")]
    network: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PaceFile {
    step: Option<NonZeroU32>,
    #[serde(deserialize_with = "tolerance")]
    tolerance: Option<f64>,
    #[serde(deserialize_with = "time::<0, _, _>")]
    pub(super) stabilise: Option<Duration>,
    #[serde(deserialize_with = "time::<0, _, _>")]
    cooldown: Option<Duration>,
    tasks: Option<NonZeroU32>,
    #[serde(deserialize_with = "positive")]
    percent: Option<f64>,
    #[serde(deserialize_with = "time::<1, _, _>")]
    period: Option<Duration>,
    select: Option<Select>,
}

/// Settings of one service: its own values, else the defaults of the file, else built-in defaults.
pub(super) fn settings(
    errors: &mut Errors,
    key: &str,
    defaults: &Policy,
    own: &Policy,
) -> Settings {
    own.check(errors, key);
    let min = own.min.or(defaults.min).unwrap_or(1);
    let max = own.max.or(defaults.max).unwrap_or(10);
    check_bounds(errors, key, Some(min), Some(max));
    let schedules = own.schedule.as_ref().or(defaults.schedule.as_ref());
    let limits = own.saturation.or(defaults.saturation).unwrap_or_default();
    let saturation = Saturation::default();
    Settings {
        mode: own.mode.or(defaults.mode).unwrap_or_default(),
        min,
        max,
        rule: rule(errors, key, defaults, own),
        warm_up: own
            .warm_up
            .or(defaults.warm_up)
            .unwrap_or(Duration::from_secs(15)),
        fast: own.fast.or(defaults.fast).unwrap_or(true),
        schedules: schedules
            .into_iter()
            .flatten()
            .map(ScheduleFile::schedule)
            .collect(),
        saturation: Saturation {
            cpu: limits.cpu.unwrap_or(saturation.cpu),
            steal: limits.steal.unwrap_or(saturation.steal),
            network: limits.network.unwrap_or(saturation.network),
        },
        up: own.up.pace(&defaults.up, Duration::ZERO),
        down: own.down.pace(&defaults.down, Duration::from_secs(300)),
    }
}

fn rule(errors: &mut Errors, key: &str, defaults: &Policy, own: &Policy) -> Rule {
    let metrics = own.metric.as_ref().or(defaults.metric.as_ref());
    if metrics.is_none() {
        let problem = "at least one metric is required, such as \
                       { name = \"vir_cpu_cores\", target = 0.5 }";
        errors.add(format!("{key}.metric"), problem);
    }
    let (mut targets, mut thresholds) = (Vec::new(), Vec::new());
    for given in metrics.into_iter().flatten() {
        let metric = given.name.clone();
        match (given.target, given.lower, given.upper) {
            (Some(target), ..) => targets.push(Target { metric, target }),
            (None, Some(lower), Some(upper)) => thresholds.push(Thresholds {
                metric,
                lower,
                upper,
            }),
            _ => {}
        }
    }
    let by_targets = thresholds.is_empty();
    for (direction, pace) in [("up", &own.up), ("down", &own.down)] {
        if by_targets && pace.step.is_some() {
            let problem = "not applicable: the number of replicas is computed from the target";
            errors.add(format!("{key}.{direction}.step"), problem);
        }
        if !by_targets && pace.tolerance.is_some() {
            let problem = "not applicable: the distance between the thresholds is the tolerance";
            errors.add(format!("{key}.{direction}.tolerance"), problem);
        }
    }
    let tolerance = |own: &PaceFile, defaults: &PaceFile| {
        let given = own.tolerance.or(defaults.tolerance);
        given.unwrap_or(0.1)
    };
    let step = |own: &PaceFile, defaults: &PaceFile| {
        let given = own.step.or(defaults.step);
        given.map_or(1, NonZeroU32::get)
    };
    match by_targets {
        true => Rule::Target {
            metrics: targets,
            tolerance_up: tolerance(&own.up, &defaults.up),
            tolerance_down: tolerance(&own.down, &defaults.down),
        },
        false => Rule::TwoThreshold {
            metrics: thresholds,
            step_up: step(&own.up, &defaults.up),
            step_down: step(&own.down, &defaults.down),
        },
    }
}

impl Policy {
    /// Checks what does not depend on defaults.
    pub(super) fn check(&self, errors: &mut Errors, key: &str) {
        let schedules = self.schedule.as_deref().unwrap_or_default();
        if schedules.len() > MOST_SCHEDULES {
            let problem = format!(
                "{} schedules, the maximum is {MOST_SCHEDULES}",
                schedules.len()
            );
            errors.add(format!("{key}.schedule"), problem);
        }
        for (place, schedule) in schedules.iter().enumerate() {
            let key = format!("{key}.schedule[{place}]");
            check_bounds(errors, &key, schedule.min, schedule.max);
        }
        if let Some(metrics) = &self.metric {
            check_metrics(errors, &format!("{key}.metric"), metrics);
        }
    }
}

fn check_bounds(errors: &mut Errors, key: &str, min: Option<u32>, max: Option<u32>) {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let problem = format!("{min} is greater than max ({max})");
        errors.add(format!("{key}.min"), problem);
    }
}

fn check_metrics(errors: &mut Errors, key: &str, metrics: &[MetricFile]) {
    if metrics.is_empty() {
        errors.add(key, "at least one metric is required");
    }
    if metrics.len() > MOST_METRICS {
        let problem = format!("{} metrics, the maximum is {MOST_METRICS}", metrics.len());
        return errors.add(key, problem);
    }
    let mut names = HashSet::new();
    for (place, metric) in metrics.iter().enumerate() {
        let key = format!("{key}[{place}]");
        let name = format!("{key}.name");
        errors.check(&name, check_name(&metric.name));
        if !names.insert(&metric.name) {
            errors.add(name, "duplicate metric");
        }
        match (metric.target, metric.lower, metric.upper) {
            (Some(_), None, None) => {}
            (None, Some(lower), Some(upper)) => {
                if !(lower >= 0.0 && lower < upper) {
                    let problem = format!("{lower} is not between 0 and upper ({upper})");
                    errors.add(format!("{key}.lower"), problem);
                }
            }
            _ => errors.add(key, "set either target, or both lower and upper"),
        }
    }
    let by_target = |metric: &MetricFile| metric.target.is_some();
    if metrics.iter().any(by_target) && !metrics.iter().all(by_target) {
        errors.add(key, "targets and thresholds cannot be combined");
    }
}

/// Valid metrics are those of the catalogue, application metrics (`custom.NAME`), and sums of them.
fn check_name(name: &str) -> Result<(), String> {
    let is_word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        !word.is_empty() && word.bytes().all(fits)
    };
    if !name.split('+').all(is_word) {
        return Err(format!(
            "{name:?} is not a metric or a sum such as vir_bytes_in+vir_bytes_out"
        ));
    }
    match MetricQuery::new(&[name]) {
        Ok(_) => Ok(()),
        // The rest refers to a position in a generated query.
        Err(error) => {
            let message = error.to_string();
            Err(message.lines().next().unwrap_or_default().to_owned())
        }
    }
}

impl ScheduleFile {
    fn schedule(&self) -> Schedule {
        Schedule {
            days: self.days.clone(),
            from: self.from,
            to: self.to,
            zone: self.zone.clone(),
            min: self.min,
            max: self.max,
        }
    }
}

impl PaceFile {
    fn pace(&self, defaults: &Self, stabilise: Duration) -> Pace {
        let tasks = self.tasks.or(defaults.tasks);
        Pace {
            stabilise: self.stabilise.or(defaults.stabilise).unwrap_or(stabilise),
            cooldown: self.cooldown.or(defaults.cooldown).unwrap_or_default(),
            tasks: tasks.map(NonZeroU32::get),
            percent: self.percent.or(defaults.percent),
            period: self
                .period
                .or(defaults.period)
                .unwrap_or(Duration::from_secs(60)),
            select: self.select.or(defaults.select).unwrap_or_default(),
        }
    }
}
