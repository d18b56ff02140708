//! Policies in the labels of services.

use std::collections::BTreeMap;

use sflow_autoscale::controller::LabelReader;
use toml::{Table, Value};

use super::policy::{self, Policy};
use super::value::wrong;
use super::{ConfigError, ServiceSettings};

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
                return Err(wrong(ENABLED, &problem));
            }
        }
        let mut errors = Vec::new();
        let mut priority = 0;
        let mut policy = Table::new();
        let mut metrics: BTreeMap<String, Table> = BTreeMap::new();
        for (label, value) in labels {
            let Some(key) = label.strip_prefix(LABEL_PREFIX) else {
                continue;
            };
            match key {
                "enabled" | "owner" => {}
                "priority" => match value.trim().parse() {
                    Ok(number) => priority = number,
                    Err(_) => {
                        errors.push(wrong(label, &format!("{value:?} is not a whole number")));
                    }
                },
                _ => match metric(key) {
                    Some((metric, what)) => match value.trim().parse() {
                        Ok(number) => {
                            let settings = metrics.entry(metric).or_default();
                            settings.insert(what.to_owned(), Value::Float(number));
                        }
                        Err(_) => {
                            errors.push(wrong(label, &format!("{value:?} is not a number")));
                        }
                    },
                    None => {
                        let alone = Table::from_iter([entry(key, value)]);
                        match Value::Table(alone).try_into::<Policy>() {
                            Ok(_) => merge(&mut policy, entry(key, value)),
                            Err(error) => errors.push(unknown(label, value, error.message())),
                        }
                    }
                },
            }
        }
        match errors.len() {
            0 => {}
            1 => return Err(errors.remove(0)),
            _ => return Err(ConfigError::Several(errors)),
        }
        if !metrics.is_empty() {
            let metric = |(name, mut settings): (String, Table)| {
                settings.insert("name".to_owned(), Value::String(name));
                Value::Table(settings)
            };
            let metrics = metrics.into_iter().map(metric).collect();
            policy.insert("metric".to_owned(), Value::Array(metrics));
        }
        let policy: Policy = Value::Table(policy)
            .try_into()
            .map_err(|error: toml::de::Error| wrong("elb", error.message()))?;
        policy::check("elb", &policy)?;
        Ok(Some(ServiceSettings {
            name: name.to_owned(),
            priority,
            settings: policy::settings("elb", &self.defaults, &policy)?,
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

/// The label as an entry of a TOML table: `down.stabilise` is a key in a table.
fn entry(key: &str, value: &str) -> (String, Value) {
    let (first, rest) = match key.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (key, None),
    };
    let value = match rest {
        Some(rest) => Value::Table(Table::from_iter([entry(rest, value)])),
        None => literal(value.trim()),
    };
    (first.replace('-', "_"), value)
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

fn merge(into: &mut Table, (key, value): (String, Value)) {
    match (into.get_mut(&key), value) {
        (Some(Value::Table(known)), Value::Table(new)) => {
            for entry in new {
                merge(known, entry);
            }
        }
        (_, value) => {
            into.insert(key, value);
        }
    }
}

fn unknown(label: &str, value: &str, why: &str) -> ConfigError {
    let short = SHORT.map(|(name, _)| name).join(", ");
    let what = OF_A_METRIC.join(", ");
    let mut problem = format!("{value:?}: {why}");
    if why.starts_with("unknown field") {
        problem += &format!("; for a metric ({short}, metric.NAME): {what}");
    }
    wrong(label, &problem)
}
