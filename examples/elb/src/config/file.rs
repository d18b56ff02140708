//! The file as it is written, and its way to a [`Config`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::{Collector, Config, ConfigError, Control, Http, Service, loopback};
use crate::docker;
use crate::policy::{Mode, Pace, Rule, Select, Settings, Target, Thresholds};

pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    let file: File =
        toml::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
    check("defaults", &file.defaults)?;
    let mut services: Vec<Service> = Vec::new();
    for (place, service) in file.service.into_iter().enumerate() {
        let key = format!("service[{place}]");
        if service.name.trim().is_empty() {
            return Err(wrong(&format!("{key}.name"), "a service needs its name"));
        }
        if services.iter().any(|known| known.name == service.name) {
            return Err(wrong(
                &format!("{key}.name"),
                "this service is configured twice",
            ));
        }
        let key = format!("{key}.policy");
        check(&key, &service.policy)?;
        let settings = settings(&key, &file.defaults, &service.policy)?;
        services.push(Service {
            name: service.name,
            priority: service.priority.unwrap_or(0),
            settings,
        });
    }
    let control = Control {
        interval: at_least("control.interval", file.control.interval, 2.0, 0.1)?,
        budget: file.control.budget,
    };
    let least = services
        .iter()
        .map(|service| service.settings.min)
        .fold(0u32, u32::saturating_add);
    if control.budget.is_some_and(|budget| budget < least) {
        return Err(wrong(
            "control.budget",
            &format!("less than the {least} replicas that the services keep at least"),
        ));
    }
    Ok(Config {
        collector: Collector {
            listen: file
                .collector
                .listen
                .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 6343)),
        },
        http: Http {
            listen: file.http.listen.unwrap_or(loopback(8008)),
        },
        docker: docker::Settings {
            endpoints: endpoints(file.docker.endpoints)?,
            timeout: at_least("docker.timeout", file.docker.timeout, 8.0, 0.1)?,
            tls: file.docker.tls.map(TlsFile::files),
        },
        control,
        services,
        text: text.to_owned(),
    })
}

fn endpoints(given: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let endpoints = given.unwrap_or_else(|| vec!["unix:///var/run/docker.sock".to_owned()]);
    if endpoints.is_empty() {
        return Err(wrong("docker.endpoints", "name at least one manager"));
    }
    for (place, endpoint) in endpoints.iter().enumerate() {
        docker::check_endpoint(endpoint)
            .map_err(|error| wrong(&format!("docker.endpoints[{place}]"), &error.to_string()))?;
    }
    Ok(endpoints)
}

/// The settings of one service: its own words, else the defaults', else ours.
fn settings(key: &str, defaults: &Policy, own: &Policy) -> Result<Settings, ConfigError> {
    let min = own.min.or(defaults.min).unwrap_or(1);
    let max = own.max.or(defaults.max).unwrap_or(10);
    if min > max {
        return Err(wrong(
            &format!("{key}.min"),
            &format!("{min} is more than max, {max}"),
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
        up: pace(&defaults.up, &own.up, Duration::ZERO),
        down: pace(&defaults.down, &own.down, Duration::from_secs(300)),
    })
}

fn rule(key: &str, defaults: &Policy, own: &Policy) -> Result<Rule, ConfigError> {
    let Some(metrics) = own.metric.as_ref().or(defaults.metric.as_ref()) else {
        let problem = "name at least one metric to decide by, such as \
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
                "a target says itself how many replicas there should be",
            )
        } else {
            (
                pace.tolerance.is_some(),
                "tolerance",
                "the thresholds leave room between them",
            )
        };
        if unused {
            return Err(wrong(
                &format!("{key}.{direction}.{what}"),
                &format!("has no use: {instead}"),
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

/// Everything that can be wrong with a policy by itself, wherever it is written.
fn check(key: &str, policy: &Policy) -> Result<(), ConfigError> {
    if policy.min == Some(0) {
        let problem = "a service without a replica shows no load and would never grow again";
        return Err(wrong(&format!("{key}.min"), problem));
    }
    if policy.max == Some(0) {
        return Err(wrong(
            &format!("{key}.max"),
            "a service that may have no replica cannot grow",
        ));
    }
    if let Some(metrics) = &policy.metric {
        check_metrics(&format!("{key}.metric"), metrics)?;
    }
    check_pace(&format!("{key}.up"), &policy.up)?;
    check_pace(&format!("{key}.down"), &policy.down)
}

fn check_metrics(key: &str, metrics: &[MetricFile]) -> Result<(), ConfigError> {
    if metrics.is_empty() {
        return Err(wrong(key, "name at least one metric to decide by"));
    }
    for (place, metric) in metrics.iter().enumerate() {
        let key = format!("{key}[{place}]");
        check_name(&key, &metric.name)?;
        if metrics
            .iter()
            .take(place)
            .any(|known| known.name == metric.name)
        {
            return Err(wrong(&format!("{key}.name"), "this metric is named twice"));
        }
        match (metric.target, metric.lower, metric.upper) {
            (Some(target), None, None) => positive(&format!("{key}.target"), target)?,
            (None, Some(lower), Some(upper)) => {
                positive(&format!("{key}.upper"), upper)?;
                if !(lower.is_finite() && lower >= 0.0 && lower < upper) {
                    let problem = format!("{lower} is not between 0 and upper, {upper}");
                    return Err(wrong(&format!("{key}.lower"), &problem));
                }
            }
            _ => return Err(wrong(&key, "give either target, or both lower and upper")),
        }
    }
    let by_target = metrics
        .iter()
        .filter(|metric| metric.target.is_some())
        .count();
    if by_target != 0 && by_target != metrics.len() {
        let problem = "a service is balanced by targets or by thresholds, not by both";
        return Err(wrong(key, problem));
    }
    Ok(())
}

fn check_pace(key: &str, pace: &PaceFile) -> Result<(), ConfigError> {
    if let Some(tolerance) = pace.tolerance
        && !(0.0..1.0).contains(&tolerance)
    {
        let problem = format!("{tolerance} is not a part of 1; 0.1 is ten percent");
        return Err(wrong(&format!("{key}.tolerance"), &problem));
    }
    if let Some(percent) = pace.percent {
        positive(&format!("{key}.percent"), percent)?;
    }
    if pace.step == Some(0) {
        return Err(wrong(
            &format!("{key}.step"),
            "a step of 0 is never a change",
        ));
    }
    if pace.tasks == Some(0) {
        return Err(wrong(
            &format!("{key}.tasks"),
            "0 tasks in a period is never a change",
        ));
    }
    if pace.period.is_some_and(|period| period.0 == Duration::ZERO) {
        return Err(wrong(
            &format!("{key}.period"),
            "a period of 0 s limits nothing",
        ));
    }
    Ok(())
}

/// Metrics are words of a small alphabet, and sums of them.
fn check_name(key: &str, name: &str) -> Result<(), ConfigError> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if name.split('+').all(word) {
        Ok(())
    } else {
        let problem =
            format!("{name:?} is neither a metric nor a sum like vir_bytes_in+vir_bytes_out");
        Err(wrong(&format!("{key}.name"), &problem))
    }
}

fn positive(key: &str, value: f64) -> Result<(), ConfigError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(wrong(key, &format!("{value} is not above zero")))
    }
}

fn at_least(
    key: &str,
    given: Option<Span>,
    default: f64,
    least: f64,
) -> Result<Duration, ConfigError> {
    let span = given.map_or(Duration::from_secs_f64(default), |span| span.0);
    if span < Duration::from_secs_f64(least) {
        return Err(wrong(
            key,
            &format!("{} s is too short: at least {least} s", span.as_secs_f64()),
        ));
    }
    Ok(span)
}

fn wrong(key: &str, problem: &str) -> ConfigError {
    ConfigError::Value {
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    collector: CollectorFile,
    #[serde(default)]
    http: HttpFile,
    #[serde(default)]
    docker: DockerFile,
    #[serde(default)]
    control: ControlFile,
    #[serde(default)]
    defaults: Policy,
    #[serde(default)]
    service: Vec<ServiceFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CollectorFile {
    listen: Option<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpFile {
    listen: Option<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DockerFile {
    endpoints: Option<Vec<String>>,
    timeout: Option<Span>,
    tls: Option<TlsFile>,
}

/// A folder with Docker's names, or each file by itself.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum TlsFile {
    Folder {
        folder: PathBuf,
    },
    Each {
        ca: PathBuf,
        cert: PathBuf,
        key: PathBuf,
    },
}

impl TlsFile {
    fn files(self) -> docker::TlsFiles {
        match self {
            Self::Folder { folder } => docker::TlsFiles::in_folder(&folder),
            Self::Each { ca, cert, key } => docker::TlsFiles { ca, cert, key },
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlFile {
    interval: Option<Span>,
    budget: Option<u32>,
}

/// The policy has a table of its own: serde's `flatten` and `deny_unknown_fields` exclude each
/// other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    name: String,
    priority: Option<i32>,
    #[serde(default)]
    policy: Policy,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    mode: Option<Mode>,
    min: Option<u32>,
    max: Option<u32>,
    metric: Option<Vec<MetricFile>>,
    warm_up: Option<Span>,
    fast: Option<bool>,
    #[serde(default)]
    up: PaceFile,
    #[serde(default)]
    down: PaceFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricFile {
    name: String,
    target: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaceFile {
    step: Option<u32>,
    tolerance: Option<f64>,
    stabilise: Option<Span>,
    cooldown: Option<Span>,
    tasks: Option<u32>,
    percent: Option<f64>,
    period: Option<Span>,
    select: Option<Select>,
}

/// A length of time as an operator writes it: `"500ms"`, `"10s"`, `"5m"`, `"1h"`.
#[derive(Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as \"10s\", \"500ms\" or \"5m\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                span(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

fn span(text: &str) -> Option<Span> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    Duration::try_from_secs_f64(seconds).ok().map(Span)
}
