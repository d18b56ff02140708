//! Policies in the labels of services.

use std::collections::BTreeMap;

use sflow_autoscale::controller::LabelReader;
use toml::Value;

use super::ServiceSettings;
use super::error::{ConfigError, Errors, message};
use super::policy::{self, MetricFile, Policy};

/// Prefix of all labels of elb.
pub(crate) const LABEL_PREFIX: &str = "elb.";

/// Label of services that elb scales.
pub const ENABLED: &str = "elb.enabled";

/// Label with the name of the elb instance that a service belongs to.
pub const OWNER: &str = "elb.owner";

/// Default name of an elb instance.
pub const DEFAULT_OWNER: &str = "elb";

/// Short names of metrics, for labels.
const SHORT: [(&str, &str); 5] = [
    ("cpu", "vir_cpu_utilization"),
    ("cores", "vir_cpu_cores"),
    ("memory", "vir_mem_utilization"),
    ("bytes", "vir_bytes_in+vir_bytes_out"),
    ("packets", "vir_pkts_in+vir_pkts_out"),
];

/// Settings of a metric.
const OF_A_METRIC: [&str; 3] = ["target", "lower", "upper"];

/// Parses labels. Settings without a label have the defaults of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    defaults: Policy,
}

impl LabelReader for Labels {
    fn service(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Option<ServiceSettings>, String> {
        Self::service(self, name, labels).map_err(|error| error.to_string())
    }
}

impl Labels {
    pub(super) const fn new(defaults: Policy) -> Self {
        Self { defaults }
    }

    /// The service that the labels describe; `None` if it is not to be scaled.
    ///
    /// `elb.enabled`, `elb.priority` and `elb.owner` are separate settings. `elb.cpu.target`,
    /// `elb.bytes.upper`, `elb.metric.NAME.lower` and similar labels are metrics. All others are
    /// keys of `[service.policy]`: `elb.max`, `elb.warm-up`, `elb.down.stabilise`.
    ///
    /// # Errors
    ///
    /// If labels are invalid: each with its name, its value and the expected value. Then all labels
    /// are ignored.
    pub fn service(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Option<ServiceSettings>, ConfigError> {
        match labels.get(ENABLED).map(String::as_str) {
            Some("true" | "1" | "yes") => {}
            None | Some("false" | "0" | "no") => return Ok(None),
            Some(other) => {
                let problem = format!("{other:?} is not true or false");
                return Err(ConfigError::of(ENABLED, problem));
            }
        }
        let mut errors = Errors::default();
        let mut priority = 0;
        // The policy as TOML, and the settings of each metric with the label that they begin with.
        let mut policy = String::new();
        let mut metrics: BTreeMap<String, (String, String)> = BTreeMap::new();
        // The label of each setting: some settings have two spellings.
        let mut spellings: BTreeMap<String, &str> = BTreeMap::new();
        for (label, value) in labels {
            let Some(key) = label.strip_prefix(LABEL_PREFIX) else {
                continue;
            };
            let metric = metric(key);
            let setting = match &metric {
                Some((name, what)) => format!("metric.{name}.{what}"),
                None => key.replace('-', "_"),
            };
            if let Some(other) = spellings.insert(setting, label) {
                errors.add(
                    label,
                    format!("{other} is the same setting: remove one of them"),
                );
                continue;
            }
            let value = literal(value.trim());
            let read = match (key, metric) {
                ("enabled" | "owner", _) => Ok(()),
                ("priority", _) => value.try_into().map(|given| priority = given),
                (_, Some((metric, what))) => {
                    let line = line(what, &value);
                    toml::from_str::<MetricFile>(&line).map(|_| {
                        let begin = label.rsplit_once('.').map_or("", |(begin, _)| begin);
                        let entry = metrics.entry(metric);
                        let (_, lines) = entry.or_insert((begin.to_owned(), String::new()));
                        lines.push_str(&line);
                    })
                }
                (_, None) => {
                    let line = line(key, &value);
                    toml::from_str::<Policy>(&line).map(|_| policy.push_str(&line))
                }
            };
            if let Err(error) = read {
                errors.add(label, problem(error.message()));
            }
        }
        for (name, (_, lines)) in &metrics {
            let name = Value::from(name.as_str());
            policy += &format!("[[metric]]\nname = {name}\n{lines}");
        }
        let policy: Policy =
            toml::from_str(&policy).map_err(|error| ConfigError::of("elb", error.message()))?;
        // With an invalid label, others may only seem to be wrong.
        errors.result(())?;
        let mut errors = Errors::default();
        let settings = policy::settings(&mut errors, "elb", &self.defaults, &policy);
        for error in &mut errors.0 {
            for (place, (begin, _)) in metrics.values().enumerate() {
                if let Some(rest) = error.key.strip_prefix(&format!("elb.metric[{place}]")) {
                    error.key = format!("{begin}{rest}");
                    break;
                }
            }
        }
        errors.result(Some(ServiceSettings {
            name: name.to_owned(),
            priority,
            settings,
        }))
    }
}

/// The metric that a label configures, and the setting.
fn metric(key: &str) -> Option<(String, &str)> {
    let (metric, what) = key.rsplit_once('.')?;
    if !OF_A_METRIC.contains(&what) {
        return None;
    }
    let metric = match metric.strip_prefix("metric.") {
        Some(name) => name,
        None => SHORT.iter().find(|(short, _)| *short == metric)?.1,
    };
    Some((metric.to_owned(), what))
}

/// The label as a line of TOML: `down.stabilise` is a key in a table.
fn line(key: &str, value: &Value) -> String {
    let parts = key.split('.').map(|part| part.replace('-', "_"));
    let parts: Vec<String> = parts.map(|part| Value::String(part).to_string()).collect();
    format!("{} = {value}\n", parts.join("."))
}

/// The type of a value is derived from the text of the label.
fn literal(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return Value::Integer(number);
    }
    if let Ok(number) = text.parse::<f64>() {
        return Value::Float(number);
    }
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        _ => Value::String(text.to_owned()),
    }
}

/// The message of a deserializer; for an unknown key also the settings of a metric.
fn problem(error: &str) -> String {
    let (mut problem, _) = message(error, true);
    if problem.starts_with("unknown key") {
        let short = SHORT.map(|(name, _)| name).join(", ");
        let what = OF_A_METRIC.join(", ");
        problem += &format!("; for a metric ({short}, metric.NAME): {what}");
    }
    problem
}
