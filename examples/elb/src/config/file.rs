//! The tables of the configuration file, and their conversion to a [`Config`].

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;

use super::error::{ConfigError, Errors, Invalid};
use super::labels::Labels;
use super::policy::{self, Policy};
use super::pool::{self, PoolFile};
use super::source::{Source, ancestors, table_of};
use super::token;
use super::value::{self, time};
use super::{
    Collector, Config, ControlSettings, DEFAULT_OWNER, Discovery, Http, Leader, ServiceSettings,
};
use crate::docker;
use crate::history::HistorySettings;
use crate::policy::Mode;

/// Maximum number of services.
const MOST_SERVICES: usize = 20_000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    collector: Collector,
    http: Http,
    docker: docker::Settings,
    leader: Option<Leader>,
    control: ControlFile,
    defaults: Policy,
    service: Vec<ServiceFile>,
    pool: Vec<PoolFile>,
    history: Option<HistoryFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ControlFile {
    #[serde(deserialize_with = "time::<100, _, _>")]
    interval: Option<Duration>,
    mode: Option<Mode>,
    budget: Option<u32>,
    changes_per_minute: Option<u32>,
    discover: Option<bool>,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryFile {
    path: PathBuf,
    #[serde(default = "month", deserialize_with = "value::age")]
    max_age: Duration,
    #[serde(default = "size", deserialize_with = "value::bytes")]
    max_size: u64,
}

const fn month() -> Duration {
    Duration::from_secs(30 * 24 * 3600)
}

const fn size() -> u64 {
    64 << 20
}

/// The policy is a separate table because serde's `flatten` and `deny_unknown_fields` exclude each
/// other.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServiceFile {
    name: String,
    priority: i32,
    policy: Policy,
}

/// Parses and validates a file. The error contains all errors of a file that is TOML; of a large file
/// with unknown keys or values of a wrong type only the first ones.
pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    let mut errors = Errors::default();
    match toml::from_str::<File>(text) {
        Ok(file) => {
            let config = file.config(text, &mut errors);
            errors.result_of_file(text, config)
        }
        Err(error) => {
            let source = Source::new(text);
            let (mut found, rest) = source.type_errors(error, |document| {
                File::deserialize(document.into_deserializer())
            });
            if let Some(rest) = rest {
                rest.config(text, &mut errors);
                errors.0.retain(|error| is_independent(&error.key, &found));
                found.append(&mut errors.0);
            }
            Err(source.located(found))
        }
    }
}

/// Whether an error of this key cannot be due to the removed ones: it is not in the same table.
fn is_independent(key: &str, removed: &[Invalid]) -> bool {
    removed.iter().all(|removed| {
        let table = table_of(&removed.key);
        let affects = |table: &str| ancestors(key).any(|it| it == table);
        let is_default = removed.key.starts_with("defaults") && key.starts_with("service");
        !(table.is_empty() || is_default || affects(table) || ancestors(table).any(|it| it == key))
    })
}

impl File {
    fn config(self, text: &str, errors: &mut Errors) -> Config {
        self.defaults.check(errors, "defaults");
        let services = services(errors, &self.defaults, self.service);
        check_control(errors, &self.control, &services);
        check_addresses(errors, &self.collector, &self.docker);
        check_http(errors, &self.http);
        let leader = self.leader.unwrap_or_else(Leader::disabled);
        leader.check(errors);
        let mut hook_token_files = BTreeMap::<String, PathBuf>::new();
        let pools = pool::read(errors, self.pool, &mut hook_token_files);
        let control = self.control;
        Config {
            collector: self.collector,
            http: self.http,
            docker: self.docker,
            leader,
            control: ControlSettings {
                interval: control.interval.unwrap_or(Duration::from_secs(2)),
                mode: control.mode.unwrap_or(Mode::Advise),
                is_mode_set: control.mode.is_some(),
                budget: control.budget,
                changes_per_minute: control.changes_per_minute,
            },
            services,
            pools,
            discovery: Discovery {
                enabled: control.discover.unwrap_or(true),
                owner: control.owner.unwrap_or_else(|| DEFAULT_OWNER.to_owned()),
                labels: Labels::new(self.defaults),
            },
            history: self.history.map(|given| HistorySettings {
                path: given.path,
                max_age: given.max_age,
                max_size: given.max_size,
            }),
            text: text.to_owned(),
            hook_token_files,
        }
    }
}

/// Checks that each name is given, and only once.
pub(super) fn check_names<'n>(
    errors: &mut Errors,
    table: &str,
    names: impl Iterator<Item = &'n str>,
) {
    let mut known = HashSet::new();
    for (place, name) in names.enumerate() {
        let key = format!("{table}[{place}].name");
        if name.trim().is_empty() {
            errors.add(key, "the name is missing");
        } else if !known.insert(name) {
            errors.add(key, format!("duplicate {table}"));
        }
    }
}

fn services(
    errors: &mut Errors,
    defaults: &Policy,
    given: Vec<ServiceFile>,
) -> Vec<ServiceSettings> {
    if given.len() > MOST_SERVICES {
        let problem = format!("{} services, the maximum is {MOST_SERVICES}", given.len());
        errors.add("service", problem);
        return Vec::new();
    }
    check_names(errors, "service", given.iter().map(|it| it.name.as_str()));
    let service = |(place, given): (usize, ServiceFile)| {
        let key = format!("service[{place}].policy");
        ServiceSettings {
            settings: policy::settings(errors, &key, defaults, &given.policy),
            name: given.name,
            priority: given.priority,
        }
    };
    given.into_iter().enumerate().map(service).collect()
}

fn check_control(errors: &mut Errors, control: &ControlFile, services: &[ServiceSettings]) {
    if control.changes_per_minute == Some(0) {
        let problem = "must be at least 1; use mode = \"advise\" to change nothing";
        errors.add("control.changes_per_minute", problem);
    }
    let minimum = services.iter().map(|service| service.settings.min);
    let least = minimum.fold(0u32, u32::saturating_add);
    if control.budget.is_some_and(|budget| budget < least) {
        let problem = format!("less than {least}, the sum of the services' minimum replicas");
        errors.add("control.budget", problem);
    }
}

fn check_addresses(errors: &mut Errors, collector: &Collector, docker: &docker::Settings) {
    for (node, senders) in &collector.nodes {
        if senders.is_empty() {
            let problem = "at least one address or network of the node's agent is required";
            errors.add(format!("collector.nodes.{node}"), problem);
        }
    }
    if docker.endpoints.is_empty() {
        errors.add("docker.endpoints", "at least one manager is required");
    }
    for (place, endpoint) in docker.endpoints.iter().enumerate() {
        let checked = docker::check_endpoint(endpoint).map_err(|error| error.to_string());
        errors.check(&format!("docker.endpoints[{place}]"), checked);
    }
}

fn check_http(errors: &mut Errors, http: &Http) {
    let has_file = http.token_file.is_some();
    let token = http.token.as_deref();
    token::check_given(errors, "http", token, has_file, token::check_http);
    if !http.names.is_empty() && token.is_none() && !has_file {
        let problem = "with a name, clients may connect through a proxy, and elb cannot determine \
                       which clients are on this machine: also set http.token or http.token_file, \
                       or remove http.names";
        errors.add("http.names", problem);
    }
}
