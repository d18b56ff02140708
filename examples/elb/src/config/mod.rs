//! Configuration: a TOML file, which is rejected as a whole if it contains an error.

mod error;
mod file;
mod labels;
mod leader;
mod policy;
mod pool;
mod source;
mod token;
mod value;

use error::Errors;
pub use error::{ConfigError, Invalid, Place};
pub(crate) use labels::LABEL_PREFIX;
pub use labels::{DEFAULT_OWNER, ENABLED, Labels, OWNER};
pub use leader::Leader;
pub use pool::Pool;
pub(crate) use value::{duration, long_duration, time};

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sflow_autoscale::controller::{self, Ownership};
pub use sflow_autoscale::controller::{ControlSettings, ServiceSettings};

use crate::docker;
use crate::history::HistorySettings;
use crate::policy::{Mode, Settings};
use sflow_autoscale::observe::NodeSenders;

/// An example configuration with comments, in mode `advise`.
pub const EXAMPLE: &str = include_str!("../../example.toml");

/// A configuration with two thresholds, for simulations, in mode `act`.
pub const ARTICLE: &str = include_str!("../../article.toml");

/// Settings of `elb run`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Receiver of sFlow datagrams.
    pub collector: Collector,
    /// HTTP server.
    pub http: Http,
    /// Access to Docker.
    pub docker: docker::Settings,
    /// Election of a leader among several instances.
    pub leader: Leader,
    /// Interval and limits of the control loop.
    pub control: ControlSettings,
    /// Configured services.
    #[serde(rename = "service")]
    pub services: Vec<ServiceSettings>,
    /// Node pools.
    #[serde(rename = "pool")]
    pub pools: Vec<Pool>,
    /// Discovery of services by their labels.
    pub discovery: Discovery,
    /// The stored history; `None` if it is not stored.
    pub history: Option<HistorySettings>,
    /// Text of the configuration file.
    #[serde(skip)]
    pub text: String,
    /// Files that contain tokens of hooks, by pool. They are read by [`load`](Self::load), not by
    /// parsing.
    #[serde(skip)]
    hook_token_files: BTreeMap<String, PathBuf>,
}

/// Receiver of sFlow datagrams.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Collector {
    /// Address and port; the default port of sFlow is 6343.
    #[serde(deserialize_with = "value::listener")]
    pub listen: SocketAddr,
    /// Networks from which datagrams are accepted; empty for all.
    #[serde(deserialize_with = "value::networks")]
    pub agents: Vec<IpNet>,
    /// Additional senders that may report for a node, by node name.
    #[serde(deserialize_with = "value::networks_by_name")]
    pub nodes: NodeSenders,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 6343),
            agents: Vec::new(),
            nodes: NodeSenders::new(),
        }
    }
}

impl Collector {
    /// The configuration line that also allows these senders. Many senders of one network are
    /// combined to a /24 or /64.
    pub fn agents_with(&self, senders: impl IntoIterator<Item = IpAddr>) -> String {
        const FEW: usize = 3;
        let mut networks: BTreeMap<IpNet, Vec<IpAddr>> = BTreeMap::new();
        for sender in senders {
            let length = if sender.is_ipv4() { 24 } else { 64 };
            let is_known = self.agents.iter().any(|known| known.contains(&sender));
            if let (false, Ok(network)) = (is_known, IpNet::new(sender, length)) {
                let network = networks.entry(network.trunc()).or_default();
                if !network.contains(&sender) {
                    network.push(sender);
                }
            }
        }
        let known = self
            .agents
            .iter()
            .map(|known| match known.max_prefix_len() {
                length if length == known.prefix_len() => known.addr().to_string(),
                _ => known.to_string(),
            });
        let more = networks
            .iter()
            .flat_map(|(network, senders)| match senders.len() {
                0..=FEW => senders.iter().map(IpAddr::to_string).collect(),
                _ => vec![network.to_string()],
            });
        let all: Vec<String> = known.chain(more).collect();
        format!("agents = {all:?}")
    }

    /// Whether datagrams from this sender are accepted.
    pub fn accepts(&self, sender: IpAddr) -> bool {
        let sender = sender.to_canonical();
        self.agents.is_empty() || self.agents.iter().any(|network| network.contains(&sender))
    }
}

/// HTTP server and write access.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port.
    #[serde(deserialize_with = "value::listener")]
    pub listen: SocketAddr,
    /// Host names, besides addresses, that requests may use.
    pub names: Vec<String>,
    /// Token for write access. Without a token only clients on this machine have write access.
    /// `None` until the token file has been read.
    #[serde(skip_serializing)]
    pub token: Option<String>,
    /// File that contains the token.
    #[serde(skip_serializing)]
    pub token_file: Option<PathBuf>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8008),
            names: Vec::new(),
            token: None,
            token_file: None,
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("listen", &self.listen)
            .field("names", &self.names)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .finish()
    }
}

/// Discovery of services by their labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Discovery {
    /// Whether discovery is enabled.
    pub enabled: bool,
    /// Name of this instance. Services whose label `elb.owner` contains another name are not
    /// changed.
    pub owner: String,
    /// Parser of the labels.
    #[serde(skip)]
    pub labels: Labels,
}

impl Discovery {
    /// The label with the owner of a service.
    pub fn ownership(&self) -> Ownership {
        Ownership {
            label: OWNER.to_owned(),
            owner: self.owner.clone(),
        }
    }

    /// The search for services with the label [`ENABLED`]; `None` if discovery is disabled.
    pub fn search(&self) -> Option<controller::Discovery> {
        self.enabled.then(|| controller::Discovery {
            label: ENABLED.to_owned(),
            reader: Arc::new(self.labels.clone()),
        })
    }
}

impl Config {
    /// Parses and validates a configuration. Performs no I/O: tokens in files are read by
    /// [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// If the configuration is invalid: the line or key, the problem and the expected value.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        file::read(text)
    }

    /// Reads a configuration file of at most 4 MiB and the token files that it names, of at most 4
    /// KiB each. Checks the files with the certificate authorities of hooks. Files must be regular.
    /// Blocks on file I/O.
    ///
    /// # Errors
    ///
    /// See [`from_toml`](Self::from_toml); also if a file cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        const LARGEST: u64 = 4 << 20;

        let text = bounded_file::read_to_string(path, LARGEST);
        let text = text.map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error: error.to_string(),
        })?;
        let mut config = Self::from_toml(&text)?;
        let mut errors = Errors::default();
        config.read_token_files(&mut errors);
        pool::check_files(&mut errors, &config.pools);
        errors.result_of_file(&text, config)
    }

    /// The first changed key that cannot change while the loop runs: addresses, tokens, hooks and
    /// files, and what the election of a leader depends on. A client that may replace the
    /// configuration must not be able to run programs or to read arbitrary files.
    pub fn fixed_change(&self, new: &Self) -> Option<&'static str> {
        let is_known_hook = |pool: &Pool| {
            let file =
                |config: &Self, pool: &Pool| config.hook_token_files.get(&pool.name).cloned();
            let is_same =
                |known: &Pool| known.hook == pool.hook && file(self, known) == file(new, pool);
            pool.hook.is_none() || self.pools.iter().any(is_same)
        };
        let (collector, http) = (&self.collector, &self.http);
        let fixed = [
            ("collector.listen", collector.listen != new.collector.listen),
            ("collector.agents", collector.agents != new.collector.agents),
            ("http.listen", http.listen != new.http.listen),
            ("http.token", http.token != new.http.token),
            ("http.token_file", http.token_file != new.http.token_file),
            ("http.names", http.names != new.http.names),
            ("history", self.history != new.history),
            ("docker.tls", self.docker.tls != new.docker.tls),
            ("leader", self.leader != new.leader),
            // All instances have to use the lease of the same swarm.
            (
                "docker.endpoints",
                new.leader.enabled && self.docker.endpoints != new.docker.endpoints,
            ),
            ("pool.hook", !new.pools.iter().all(is_known_hook)),
        ];
        let mut fixed = fixed.into_iter();
        fixed
            .find(|(_, is_changed)| *is_changed)
            .map(|(key, _)| key)
    }

    /// A configuration with two thresholds.
    pub fn article() -> Self {
        Self::from_toml(ARTICLE).expect("the file is part of the program, and a test reads it")
    }
}

/// Names of the services and pools with mode `act`.
pub fn acting(services: &[ServiceSettings], pools: &[Pool]) -> Vec<String> {
    let acts = |settings: &Settings| settings.mode == Mode::Act;
    let services = services.iter().filter(|it| acts(&it.settings));
    let pools = pools.iter().filter(|it| acts(&it.settings));
    services
        .map(|service| service.name.clone())
        .chain(pools.map(|pool| format!("pool {}", pool.name)))
        .collect()
}

/// Summary of which services and pools with mode `act` would be changed.
///
/// # Errors
///
/// If there are any and `control.mode` is not set, with the missing setting.
pub fn mode_summary(control: &ControlSettings, names: &[String]) -> Result<String, String> {
    let listed = || names.join(", ");
    match (names.is_empty(), control.mode) {
        (true, _) => Ok("nothing is changed: no service or pool has mode = \"act\"".to_owned()),
        (false, Mode::Act) => Ok(format!("would act: {}", listed())),
        (false, _) if !control.is_mode_set => Err(mode_unset(names)),
        (false, mode) => Ok(format!(
            "nothing is changed: control.mode is {:?}; with \"act\" these would act: {}",
            mode.name(),
            listed()
        )),
    }
}

/// Message if these services and pools would act if `control.mode` were set.
pub fn mode_unset(names: &[String]) -> String {
    const NAMED: usize = 8;
    let named = names.get(..NAMED).unwrap_or(names).join(", ");
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let have = if names.len() == 1 { "has" } else { "have" };
    format!(
        "control.mode is not set, so elb only advises, although {named}{more} {have} mode = \"act\". \
         Write mode = \"act\" under [control] to let elb act, or mode = \"advise\" to keep advising"
    )
}
