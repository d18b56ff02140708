//! The format of the configuration file, and its conversion to a [`Config`].

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::labels::Labels;
use super::policy::{self, Policy};
use super::pool::{self, PoolFile};
use super::token::{TOKEN_TYPE, Token};
use super::value::{Span, at_least, wrong};
use super::{
    Collector, Config, ConfigError, ControlSettings, DEFAULT_OWNER, Discovery, Http,
    ServiceSettings, SyntaxError, loopback, token,
};
use crate::docker;
use crate::format::shortened;
use crate::policy::Mode;
use sflow_autoscale::observe::NodeSenders;

/// Maximum number of services.
const MOST_SERVICES: usize = 20_000;

pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    let file = parse(text)?;
    policy::check("defaults", &file.defaults)?;
    if file.service.len() > MOST_SERVICES {
        let problem = format!(
            "{} services, the maximum is {MOST_SERVICES}",
            file.service.len()
        );
        return Err(wrong("service", &problem));
    }
    let mut services: Vec<ServiceSettings> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    for (place, service) in file.service.into_iter().enumerate() {
        let key = format!("service[{place}]");
        if service.name.trim().is_empty() {
            return Err(wrong(&format!("{key}.name"), "the name is missing"));
        }
        if !names.insert(service.name.clone()) {
            return Err(wrong(&format!("{key}.name"), "duplicate service"));
        }
        let key = format!("{key}.policy");
        policy::check(&key, &service.policy)?;
        let settings = policy::settings(&key, &file.defaults, &service.policy)?;
        services.push(ServiceSettings {
            name: service.name,
            priority: service.priority.unwrap_or(0),
            settings,
        });
    }
    let control = ControlSettings {
        interval: at_least("control.interval", file.control.interval, 2.0, 0.1)?,
        mode: file.control.mode.unwrap_or(Mode::Advise),
        is_mode_set: file.control.mode.is_some(),
        budget: file.control.budget,
        changes_per_minute: file.control.changes_per_minute,
    };
    if control.changes_per_minute == Some(0) {
        let problem = "must be at least 1; use mode = \"advise\" to change nothing";
        return Err(wrong("control.changes_per_minute", problem));
    }
    let least = services
        .iter()
        .map(|service| service.settings.min)
        .fold(0u32, u32::saturating_add);
    if control.budget.is_some_and(|budget| budget < least) {
        return Err(wrong(
            "control.budget",
            &format!("less than {least}, the sum of the services' minimum replicas"),
        ));
    }
    let (token, token_file) = token::given(
        "http",
        token::Owner::Http,
        file.http.token,
        file.http.token_file,
    )?;
    if !file.http.names.is_empty() && token.is_none() && token_file.is_none() {
        let problem = "with a name, clients may connect through a proxy, and elb cannot determine \
                       which clients are on this machine: also set http.token or http.token_file, \
                       or remove http.names";
        return Err(wrong("http.names", problem));
    }
    let (pools, hook_files) = pool::read(file.pool)?;
    Ok(Config {
        collector: Collector {
            listen: file
                .collector
                .listen
                .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 6343)),
            agents: networks("collector.agents", &file.collector.agents)?,
            nodes: node_senders(&file.collector.nodes)?,
        },
        http: Http {
            listen: file.http.listen.unwrap_or(loopback(8008)),
            names: file.http.names,
            token,
        },
        discovery: Discovery {
            enabled: file.control.discover.unwrap_or(true),
            owner: file
                .control
                .owner
                .unwrap_or_else(|| DEFAULT_OWNER.to_owned()),
            labels: Labels::new(file.defaults),
        },
        docker: docker::Settings {
            endpoints: endpoints(file.docker.endpoints)?,
            timeout: at_least("docker.timeout", file.docker.timeout, 8.0, 0.1)?,
            tls: file.docker.tls.map(TlsFile::files),
        },
        control,
        services,
        pools,
        text: text.to_owned(),
        token_files: token_file.into_iter().chain(hook_files).collect(),
    })
}

/// Parses a file. The error contains all unknown keys and values of a wrong type, in the order of
/// their lines; of a large file only the first ones.
fn parse(text: &str) -> Result<File, ConfigError> {
    /// Maximum number of reported errors: the file is parsed again after each.
    const MOST_ERRORS: usize = 20;
    /// Maximum number of bytes that are parsed again, so that a large file is parsed once or twice.
    const MOST_BYTES: usize = 1024 * 1024;

    let mut error = match toml::from_str::<File>(text) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    let most = (MOST_BYTES / text.len().max(1)).clamp(1, MOST_ERRORS);
    let mut document = DeTable::parse(text).ok();
    let mut errors = vec![described(&error, text, document.is_some())];
    while let Some(document) = &mut document
        && errors.len() < most
        && error
            .span()
            .is_some_and(|span| remove(document.get_mut(), &span))
    {
        match File::deserialize(toml::Deserializer::from(document.clone())) {
            Ok(_) => break,
            // The key was removed here.
            Err(next) if next.message().starts_with("missing field") => break,
            Err(next) => error = next,
        }
        errors.push(described(&error, text, true));
    }
    errors.sort_by_key(|error| error.line);
    Err(ConfigError::Syntax(errors))
}

/// The error with its position, and of its line the key and the wrong value. Other values are left
/// out, since they may be secrets, also if their key is misspelt. If the text is not TOML, no value
/// is recognised.
fn described(error: &toml::de::Error, text: &str, is_toml: bool) -> SyntaxError {
    /// Maximum length of a quoted line and of a message.
    const LONGEST: usize = 1_000;

    let message = shortened(error.message(), LONGEST);
    let span = error.span().unwrap_or_default();
    let (before, rest) = text.split_at_checked(span.start).unwrap_or((text, ""));
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let (above, left) = before.split_at_checked(begin).unwrap_or(("", before));
    let line = text.get(begin..).and_then(|line| line.lines().next());
    let line = line.unwrap_or_default();
    let (number, column) = (above.matches('\n').count() + 1, left.chars().count() + 1);
    let position = format!("TOML parse error at line {number}, column {column}");
    // A line in a string of several lines may contain anything.
    let is_inside_string = ["\"\"\"", "'''"]
        .iter()
        .any(|quotes| above.matches(quotes).count() % 2 == 1);
    let value = rest.get(..span.len()).unwrap_or(rest);
    let is_public = is_toml
        && error.message() != TOKEN_TYPE
        && !value.starts_with(['{', '['])
        && !value.contains('\n');
    let shown = match line.split_once('=') {
        _ if is_inside_string => None,
        Some((key, _)) if is_public && left.trim_end() == format!("{key}=") => {
            Some(format!("{left}{value}"))
        }
        Some((key, _)) => Some(format!("{key}= …")),
        None => Some(line.to_owned()).filter(|it| it.starts_with('[') && !it.contains(['"', '\''])),
    };
    let shown = shown.filter(|shown| shown.len() <= LONGEST);
    let excerpt = match &shown {
        Some(shown) => format!("{position}\n  |\n{number} | {shown}\n{message}\n"),
        None => format!("{position}\n{message}\n"),
    };
    SyntaxError {
        line: number,
        source_line: shown,
        message,
        excerpt,
    }
}

/// Removes the key at this place, or the key or element with the value at this place.
fn remove(table: &mut DeTable<'_>, place: &Range<usize>) -> bool {
    let entry = table
        .iter()
        .find(|(key, value)| key.span() == *place || value.span() == *place);
    if let Some(key) = entry.map(|(key, _)| key.clone()) {
        return table.remove(&key).is_some();
    }
    table.iter_mut().any(|(_, value)| remove_in(value, place))
}

fn remove_in(value: &mut Spanned<DeValue<'_>>, place: &Range<usize>) -> bool {
    match value.get_mut() {
        DeValue::Table(table) => remove(table, place),
        DeValue::Array(members) => {
            let before = members.len();
            let kept = members.iter().filter(|member| member.span() != *place);
            *members = kept.cloned().collect();
            members.len() < before || members.iter_mut().any(|member| remove_in(member, place))
        }
        _ => false,
    }
}

/// Allowed senders of each node.
fn node_senders(given: &BTreeMap<String, Vec<String>>) -> Result<NodeSenders, ConfigError> {
    let senders = |(node, given): (&String, &Vec<String>)| {
        let key = format!("collector.nodes.{node}");
        if given.is_empty() {
            let problem = "at least one address or network of the node's agent is required";
            return Err(wrong(&key, problem));
        }
        Ok((node.clone(), networks(&key, given)?))
    };
    given.iter().map(senders).collect()
}

/// Parses networks and addresses.
fn networks(key: &str, given: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let network = |(place, text): (usize, &String)| {
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| alone()).map_err(|_| {
            let problem = format!("{text:?} is not an address or a network such as 10.0.0.0/8");
            wrong(&format!("{key}[{place}]"), &problem)
        })
    };
    given.iter().enumerate().map(network).collect()
}

fn endpoints(given: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let endpoints = given.unwrap_or_else(|| docker::Settings::default().endpoints);
    if endpoints.is_empty() {
        return Err(wrong(
            "docker.endpoints",
            "at least one manager is required",
        ));
    }
    for (place, endpoint) in endpoints.iter().enumerate() {
        docker::check_endpoint(endpoint)
            .map_err(|error| wrong(&format!("docker.endpoints[{place}]"), &error.to_string()))?;
    }
    Ok(endpoints)
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
    #[serde(default)]
    pool: Vec<PoolFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CollectorFile {
    listen: Option<SocketAddr>,
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default)]
    nodes: BTreeMap<String, Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpFile {
    listen: Option<SocketAddr>,
    #[serde(default)]
    names: Vec<String>,
    token: Option<Token>,
    token_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DockerFile {
    endpoints: Option<Vec<String>>,
    timeout: Option<Span>,
    tls: Option<TlsFile>,
}

/// A folder with Docker's file names, or the path of each file.
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
    mode: Option<Mode>,
    budget: Option<u32>,
    changes_per_minute: Option<u32>,
    discover: Option<bool>,
    owner: Option<String>,
}

/// The policy is a separate table because serde's `flatten` and `deny_unknown_fields` exclude each
/// other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    name: String,
    priority: Option<i32>,
    #[serde(default)]
    policy: Policy,
}
