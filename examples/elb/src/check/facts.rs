//! What was found out, before anybody judges it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sflow_metrics::AgentKey;

use crate::config::{Config, ConfigError, ServiceSettings as Wish};
use crate::docker::{About, Member};
use crate::orchestrator::{Census, Labelled, NodeAddresses, Service, Task};
use crate::policy::Signal;
use sflow_autoscale::observe::{MAX_NAME_LENGTH, NodeReport, RefusedSender};

/// Everything that was found out.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The configuration, or why there is none; then nothing else was looked at.
    pub configuration: Result<Config, ConfigError>,
    /// Where the configuration is.
    pub path: String,
    /// What the engines said.
    pub engines: EngineFacts,
    /// What was heard of the agents; `None` if nobody listened.
    pub heard: Option<Result<Heard, NotListening>>,
}

/// What the engines said.
#[derive(Clone, Debug, Default)]
pub struct EngineFacts {
    /// Each endpoint of the configuration, in its order.
    pub managers: Vec<ManagerFacts>,
    /// The nodes, or why no manager could tell; `None` if none was asked.
    pub members: Option<Result<Vec<Member>, String>>,
    /// The services that ask by their labels to be balanced, or why they could not be read.
    pub labelled: Option<Result<Vec<Labelled>, String>>,
    /// The services that are to be balanced, or why they could not be read.
    pub services: Option<Result<Vec<Service>, String>>,
    /// The addresses that the orchestrator has for the nodes.
    pub addresses: Vec<NodeAddresses>,
    /// All of the cluster, or why it could not be read; `None` if no pool of machines asks for it.
    pub census: Option<Result<Census, String>>,
    /// What is found where the programs of hooks should be.
    pub programs: BTreeMap<PathBuf, Program>,
}

/// What is found where a program should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// A program.
    Fine,
    /// Nothing.
    Missing,
    /// Something that cannot be executed.
    NotExecutable,
}

impl EngineFacts {
    /// The services that are to be balanced: those of the file, then those that ask for it by
    /// their labels and are not in the file.
    pub fn wishes(&self, config: &Config) -> Vec<Wish> {
        let mut wishes = config.services.clone();
        for labelled in self.labelled.iter().flatten().flatten() {
            let labels = &config.discovery.labels;
            let is_known = wishes.iter().any(|wish| wish.name == labelled.name);
            if !is_known && let Ok(Some(wish)) = labels.service(&labelled.name, &labelled.labels) {
                wishes.push(wish);
            }
        }
        wishes
    }
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct ManagerFacts {
    /// As the configuration has it.
    pub endpoint: String,
    /// What it said.
    pub answer: Result<About, Unreachable>,
}

/// Why an engine could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The endpoint or what it needs (certificates) cannot be used as it is configured.
    Unusable(String),
    /// The system forbids it.
    Forbidden,
    /// There is no such socket.
    Missing,
    /// Nobody listens.
    Refused,
    /// Nobody answered in time.
    Silent,
    /// Something else, in the words of who said it.
    Other(String),
}

/// Why nobody could listen for telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotListening {
    /// Where it was tried.
    pub address: SocketAddr,
    /// Whether somebody else listens there.
    pub is_in_use: bool,
    /// What the system said.
    pub error: String,
}

/// What was heard of the agents.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Where.
    pub address: SocketAddr,
    /// For how long.
    pub listened: Duration,
    /// All datagrams.
    pub datagrams: u64,
    /// Those that could not be used, by cause.
    pub refused: BTreeMap<String, u64>,
    /// Datagrams that `collector.agents` does not allow, by sender; of 64 senders at most.
    pub turned_away: BTreeMap<IpAddr, u64>,
    /// Senders of sFlow datagrams that `collector.agents` does not allow.
    pub refused_senders: Vec<RefusedSender>,
    /// Which agent reports for which node.
    pub reports: Vec<NodeReport>,
    /// Those that the kernel dropped for lack of room, if it says so.
    pub dropped: Option<u64>,
    /// The agents.
    pub agents: Vec<AgentFacts>,
    /// The containers.
    pub containers: Vec<ContainerFacts>,
    /// For each service, what is known of the metrics of its rule.
    pub signals: BTreeMap<String, Vec<Signal>>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            address: ([0, 0, 0, 0], 6343).into(),
            listened: Duration::ZERO,
            datagrams: 0,
            refused: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            refused_senders: Vec::new(),
            reports: Vec::new(),
            dropped: None,
            agents: Vec::new(),
            containers: Vec::new(),
            signals: BTreeMap::new(),
        }
    }
}

/// One agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentFacts {
    /// Which.
    pub key: AgentKey,
    /// What it calls the hosts that it reports; usually one.
    pub hosts: Vec<String>,
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that are missing between those.
    pub lost: u64,
    /// Times that it began anew.
    pub restarts: u64,
    /// Whether another sender, or a second sequence of datagrams, has its identity.
    pub is_contested: bool,
    /// From one counters sample of its containers (or of itself) to the next, the longest; `None`
    /// until one has come twice.
    pub interval: Option<Duration>,
    /// Packet samples that came.
    pub packet_samples: u64,
    /// Packet samples among those that do not say how many packets they stand for.
    pub unscaled_samples: u64,
    /// Packet samples among those that name the container at an end (`extended_entities`).
    pub named_samples: u64,
    /// How its uptime goes; `None` until it was heard for some seconds.
    pub uptime: Option<Pace>,
}

/// How a clock that counts milliseconds goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Seconds that it counted for each second that passed; 1 is right.
    pub rate: f64,
    /// Whether it went back while the numbers of datagrams went on.
    pub is_backwards: bool,
}

/// One container that an agent reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// The first half of its id.
    pub uuid: Option<[u8; 16]>,
    /// What its agent calls the host that it is on.
    pub host: Option<String>,
    /// Who reports it.
    pub agent: AgentKey,
    /// Whether its agent says which MAC addresses it has.
    pub has_adapter: bool,
}

impl ContainerFacts {
    /// Whether it is that of a task. A name that was cut does not tell, if the id is known.
    pub fn is_of(&self, task: &Task) -> bool {
        match (task.container.get(..MAX_NAME_LENGTH), task.uuid) {
            (None, _) => self.name == task.container,
            (Some(_), uuid @ Some(_)) if task.container.len() > MAX_NAME_LENGTH => {
                self.uuid == uuid
            }
            (Some(cut), _) => self.name == cut,
        }
    }
}
