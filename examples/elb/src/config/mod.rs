//! Configuration: a TOML file, refused as a whole when anything in it is wrong.

mod file;
mod labels;
mod policy;
mod pool;
mod token;
mod value;

pub(crate) use labels::LABEL_PREFIX;
pub use labels::{DEFAULT_OWNER, OWNER};
pub use labels::{ENABLED, Labels};
pub use pool::Pool;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use serde::Serialize;
use sflow_autoscale::controller::{self, Ownership};
pub use sflow_autoscale::controller::{ControlSettings, ServiceSettings};
use thiserror::Error;

use crate::bounded_file;
use crate::docker;
use crate::policy::{Mode, Settings};
use sflow_autoscale::observe::NodeSenders;

/// A configuration to begin with, with comments for an operator. It advises.
pub const EXAMPLE: &str = include_str!("../../example.toml");

/// The configuration of the article, for simulations. It acts.
pub const ARTICLE: &str = include_str!("../../article.toml");

/// What `elb run` is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Where datagrams arrive.
    pub collector: Collector,
    /// Where the page is served.
    pub http: Http,
    /// How Docker is reached.
    pub docker: docker::Settings,
    /// How often, and with how much, the loop acts.
    pub control: ControlSettings,
    /// The services.
    #[serde(rename = "service")]
    pub services: Vec<ServiceSettings>,
    /// The pools of machines.
    #[serde(rename = "pool")]
    pub pools: Vec<Pool>,
    /// Which further services are found, by their labels.
    pub discovery: Discovery,
    /// All of it as it was written.
    #[serde(skip)]
    pub text: String,
    /// The files that contain tokens. Parsing reads none of them.
    #[serde(skip)]
    token_files: Vec<token::TokenFile>,
}

/// Where datagrams arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Collector {
    /// Address and port; agents send to 6343 by default.
    pub listen: SocketAddr,
    /// From where datagrams are taken; from everywhere if none is named.
    pub agents: Vec<IpNet>,
    /// Senders that report for a node beside its own addresses, by the name of the node.
    pub nodes: NodeSenders,
}

impl Collector {
    /// The line of the configuration that allows these senders as well. Of a network with many of
    /// them it names the network (/24 or /64).
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

    /// Whether datagrams from there are taken.
    pub fn takes(&self, sender: IpAddr) -> bool {
        let sender = sender.to_canonical();
        self.agents.is_empty() || self.agents.iter().any(|network| network.contains(&sender))
    }
}

/// Where the page is served, and who may change anything.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// Names, beside addresses, by which it may be asked.
    pub names: Vec<String>,
    /// The token that requests to write contain; without one, only clients on this machine may
    /// write. Unknown until its file has been read, if it is in one.
    #[serde(skip)]
    pub token: Option<String>,
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

/// Which services are found by their labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Discovery {
    /// Whether they are looked for.
    pub enabled: bool,
    /// Which balancer this is: services whose label `elb.owner` names another are left alone.
    pub owner: String,
    /// What their labels are read by.
    #[serde(skip)]
    pub labels: Labels,
}

impl Discovery {
    /// The label by which services name their owner.
    pub fn ownership(&self) -> Ownership {
        Ownership {
            label: OWNER.to_owned(),
            owner: self.owner.clone(),
        }
    }

    /// The search for services with the label [`ENABLED`]; `None` if it is switched off.
    pub fn search(&self) -> Option<controller::Discovery> {
        self.enabled.then(|| controller::Discovery {
            label: ENABLED.to_owned(),
            reader: Arc::new(self.labels.clone()),
        })
    }
}

impl Config {
    /// Parses a configuration; all of it is right, or none of it counts. No file is touched: tokens
    /// in files of their own are unknown, and [`load`](Self::load) reads them.
    ///
    /// # Errors
    ///
    /// What is wrong, at which line or key, and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        file::read(text)
    }

    /// Reads a configuration file of at most 4 MiB, and the files with tokens that it names, of at
    /// most 4 KiB each. Files that are not regular are refused. Blocks as long as the disk does.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Self::from_toml), or if a file cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        const LARGEST: u64 = 4 << 20;

        let text = bounded_file::read_to_string(path, LARGEST);
        let text = text.map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error: error.to_string(),
        })?;
        let mut config = Self::from_toml(&text)?;
        config.read_token_files()?;
        Ok(config)
    }

    /// The first key in which another configuration differs and that cannot change while the loop
    /// runs: addresses, tokens, hooks and files. A client that may replace the configuration must
    /// not be able to run programs or to read files of its choice.
    pub fn fixed_change(&self, new: &Self) -> Option<&'static str> {
        let has_new_hook = new.pools.iter().any(|pool| {
            let file = |config: &Self, pool: &Pool| {
                let owner = token::Owner::Hook(pool.name.clone());
                config.token_file(&owner).map(|file| file.path.clone())
            };
            let mut known = self.pools.iter();
            let new_file = file(new, pool);
            pool.hook.is_some()
                && !known.any(|known| known.hook == pool.hook && file(self, known) == new_file)
        });
        let token_file = |config: &Self| {
            let file = config.token_file(&token::Owner::Http);
            file.map(|file| file.path.clone())
        };
        let fixed = [
            (
                "collector.listen",
                self.collector.listen != new.collector.listen,
            ),
            (
                "collector.agents",
                self.collector.agents != new.collector.agents,
            ),
            ("http.listen", self.http.listen != new.http.listen),
            ("http.token", self.http.token != new.http.token),
            ("http.token_file", token_file(self) != token_file(new)),
            ("http.names", self.http.names != new.http.names),
            ("docker.tls", self.docker.tls != new.docker.tls),
            ("pool.hook", has_new_hook),
        ];
        let mut fixed = fixed.into_iter();
        fixed
            .find(|(_, is_changed)| *is_changed)
            .map(|(key, _)| key)
    }

    /// The configuration of the article.
    pub fn article() -> Self {
        Self::from_toml(ARTICLE).expect("the file is part of the program, and a test reads it")
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// It is no TOML, or has a key or a value that does not belong there.
    #[error("{0}")]
    Syntax(String),
    /// A value that cannot be meant.
    #[error("{key}: {problem}")]
    Value {
        /// Which, as `service[0].policy.max`.
        key: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

/// The names of the services and pools whose own mode is `act`.
pub fn acting(services: &[ServiceSettings], pools: &[Pool]) -> Vec<String> {
    let acts = |settings: &Settings| settings.mode == Mode::Act;
    let services = services.iter().filter(|it| acts(&it.settings));
    let pools = pools.iter().filter(|it| acts(&it.settings));
    services
        .map(|service| service.name.clone())
        .chain(pools.map(|pool| format!("pool {}", pool.name)))
        .collect()
}

/// States which services and pools would be changed, of those whose own mode is `act`.
///
/// # Errors
///
/// If there are some and `control.mode` is not set: what to write.
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

/// The message where these services and pools would act if `control.mode` were set.
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

/// Loopback, where nothing else was asked for.
const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

#[cfg(test)]
mod tests;
