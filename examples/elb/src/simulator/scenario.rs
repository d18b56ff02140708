use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use thiserror::Error;

use super::load::Load;
use crate::orchestrator::Resources;

/// A cluster, what is asked of it, and what goes wrong: everything about a run but its seed.
///
/// [`Scenario::named`] has some that are ready; all fields can be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// How long it takes. (A simulation can go on after that.)
    pub duration: Duration,
    /// The hosts; tasks are spread over them.
    pub hosts: Vec<HostSpec>,
    /// Machines that can be had besides; `None` if there are none.
    pub machines: Option<MachineSpec>,
    /// The services.
    pub services: Vec<ServiceSpec>,
    /// Replicas that a policy for this scenario should let all services have together. The
    /// simulator does not enforce it.
    pub budget: Option<u32>,
    /// How the agent of each host measures and sends.
    pub agents: AgentSpec,
    /// What happens when, in any order.
    pub script: Vec<Scripted>,
}

/// A host of the cluster, and with it an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSpec {
    /// Name, as its agent and the orchestrator report it.
    pub name: String,
    /// Address of its agent.
    pub address: Ipv4Addr,
    /// Processors.
    pub cores: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Whether its agent reports steal: older ones do not.
    pub tells_steal: bool,
}

/// Machines that can be ordered, and how many there may be.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineSpec {
    /// What each is like; names and addresses go on from those that there are.
    pub like: HostSpec,
    /// Bounds that a policy for this scenario should keep. The simulator does not enforce them.
    pub bounds: (u32, u32),
    /// Percent of CPU time that a policy for this scenario should aim at.
    pub target: f64,
    /// Whether poor performers should be replaced.
    pub replace: bool,
    /// From an order until the machine has joined.
    pub join: Delay,
    /// From when one is given back until it is gone.
    pub leave: Delay,
}

/// A service of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// Name, as the orchestrator reports it and as its containers' names begin.
    pub name: String,
    /// Replicas wanted, and running, at the start.
    pub replicas: u32,
    /// Bounds that a policy for this scenario should keep. The simulator does not enforce them.
    pub bounds: (u32, u32),
    /// How much it matters when the budget is short. The simulator does not enforce it.
    pub priority: i32,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Requests per second, shared equally by the tasks that run.
    pub load: Load,
    /// What one request takes.
    pub work: Work,
    /// What a task takes that has nothing to do.
    pub idle: Idle,
    /// What each task has reserved: it gets a place only where that is left.
    pub reserved: Resources,
    /// Cores that a task can use at most.
    pub cpu_limit: Option<f64>,
    /// Bytes of memory that a task may use at most.
    pub memory_limit: Option<u64>,
    /// The port on which it is asked.
    pub port: u16,
    /// From the order to start a task until it runs.
    pub start: Delay,
    /// From the order to stop a task, which takes its load away at once, until it has ended.
    pub stop: Delay,
    /// From a crash until the order to start the replacement.
    pub restart: Delay,
    /// How long a task lives on average until it crashes by itself.
    pub mean_life: Option<Duration>,
}

/// What one request takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Processor time.
    pub cpu: Duration,
    /// Bytes to the container, with their Ethernet headers.
    pub rx_bytes: f64,
    /// Packets to the container.
    pub rx_packets: f64,
    /// Bytes from the container, with their Ethernet headers.
    pub tx_bytes: f64,
    /// Packets from the container.
    pub tx_packets: f64,
    /// Bytes written to disk.
    pub disk_bytes: f64,
}

impl Work {
    /// Bytes in both directions.
    pub fn bytes(&self) -> f64 {
        self.rx_bytes + self.tx_bytes
    }
}

/// What a task takes that has nothing to do, and how its memory grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// Cores.
    pub cores: f64,
    /// Bytes of memory.
    pub memory: u64,
    /// Further bytes of memory for each request per second.
    pub memory_per_rate: f64,
}

/// A duration that is drawn anew each time, uniformly between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Delay {
    /// No delay.
    pub const NONE: Self = Self::millis(0, 0);

    /// Between so many milliseconds.
    pub const fn millis(least: u64, most: u64) -> Self {
        Self {
            least: Duration::from_millis(least),
            most: Duration::from_millis(most),
        }
    }
}

/// How agents measure and send; the defaults are those of the article.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgentSpec {
    /// From one counters sample of a source to the next.
    pub polling: Duration,
    /// How late each of them is at most.
    pub jitter: Duration,
    /// One packet of so many is sampled on average; 0 for none.
    pub sampling: u32,
    /// Packet samples per second at most; what is over is counted as dropped.
    pub most_samples: u32,
    /// How long a sample waits for others to share its datagram.
    pub flush: Duration,
    /// Bytes of a datagram at most.
    pub datagram: usize,
}

impl Default for AgentSpec {
    fn default() -> Self {
        Self {
            polling: Duration::from_secs(10),
            jitter: Duration::from_millis(100),
            sampling: 400,
            most_samples: 200,
            flush: Duration::from_millis(100),
            datagram: 1400,
        }
    }
}

/// Something that happens at a moment of the script.
#[derive(Clone, Debug, PartialEq)]
pub struct Scripted {
    /// Time since the start.
    pub at: Duration,
    /// What happens.
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The running task in a slot of a service crashes; another one replaces it.
    Crash {
        /// The service.
        service: String,
        /// The slot, from 1.
        slot: u32,
    },
    /// Every task that starts in a slot of a service crashes after a while.
    CrashLoop {
        /// The service.
        service: String,
        /// The slot, from 1.
        slot: u32,
        /// How long each task runs.
        after: Duration,
        /// How long this goes on.
        lasting: Duration,
    },
    /// Somebody else scales a service.
    Scale {
        /// The service.
        service: String,
        /// Replicas from now on.
        replicas: u32,
    },
    /// Nothing that an agent sends arrives.
    Silence {
        /// The host.
        host: String,
        /// How long this goes on.
        lasting: Duration,
    },
    /// An agent ends and starts anew: sequences, uptime and sample pool begin again.
    AgentRestart {
        /// The host.
        host: String,
        /// How long it is away.
        down: Duration,
    },
    /// From now on, others take a part of the processors of a host: of what its tasks ask for,
    /// that part has to wait.
    Steal {
        /// The host.
        host: String,
        /// The part, below 1.
        part: f64,
    },
    /// From now on, a request costs so many times the processor time on a host.
    Slow {
        /// The host.
        host: String,
        /// So many times.
        factor: f64,
    },
    /// A host joins.
    Join(HostSpec),
    /// A host is taken away, with all that runs on it.
    Leave {
        /// The host.
        host: String,
    },
    /// From now on the network between agents and collector is like this.
    Network(Network),
    /// Something else sends to the collector's port: nothing, rubbish, other protocols, older
    /// versions, and real datagrams that were cut off.
    Strangers {
        /// From one datagram to the next.
        every: Duration,
        /// How long this goes on.
        lasting: Duration,
    },
}

/// What the network does to a datagram; probabilities are those of one datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    /// Probability that it is lost.
    pub loss: f64,
    /// Probability that it arrives twice.
    pub duplication: f64,
    /// Probability that it is held up, so that later ones overtake it.
    pub reordering: f64,
    /// How long a datagram, or the second of two, is held up at most.
    pub delay: Duration,
}

impl Scenario {
    /// Adds something that happens.
    #[must_use]
    pub fn with(mut self, at: Duration, event: Event) -> Self {
        self.script.push(Scripted { at, event });
        self
    }

    /// What speaks against simulating this.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.hosts.is_empty() {
            return Err(ScenarioError::NoHost);
        }
        for (position, host) in self.hosts.iter().enumerate() {
            let before = self.hosts.iter().take(position);
            if before
                .into_iter()
                .any(|other| other.name == host.name || other.address == host.address)
            {
                return Err(ScenarioError::Twice {
                    what: "host",
                    name: host.name.clone(),
                });
            }
        }
        for (position, service) in self.services.iter().enumerate() {
            if self
                .services
                .iter()
                .take(position)
                .any(|other| other.name == service.name)
            {
                return Err(ScenarioError::Twice {
                    what: "service",
                    name: service.name.clone(),
                });
            }
        }
        if self.agents.polling.is_zero() {
            return Err(ScenarioError::Zero("agents.polling"));
        }
        const LEAST_DATAGRAM: usize = 1024;
        if self.agents.datagram < LEAST_DATAGRAM {
            return Err(ScenarioError::Datagram {
                bytes: self.agents.datagram,
                least: LEAST_DATAGRAM,
            });
        }
        self.script
            .iter()
            .try_for_each(|scripted| self.check_event(&scripted.event))
    }

    fn check_event(&self, event: &Event) -> Result<(), ScenarioError> {
        match event {
            Event::Crash { service, .. }
            | Event::CrashLoop { service, .. }
            | Event::Scale { service, .. } => {
                let known = self.services.iter().map(|service| service.name.as_str());
                named("service", service, known)
            }
            Event::Steal { part, .. } if !(0.0..1.0).contains(part) => {
                Err(ScenarioError::NoPart("steal.part"))
            }
            Event::Slow { factor, .. } if !(factor.is_finite() && *factor > 0.0) => {
                Err(ScenarioError::Zero("slow.factor"))
            }
            // What is ordered while it runs may be meant.
            Event::Steal { .. } | Event::Slow { .. } | Event::Leave { .. }
                if self.machines.is_some() =>
            {
                Ok(())
            }
            Event::Silence { host, .. }
            | Event::AgentRestart { host, .. }
            | Event::Steal { host, .. }
            | Event::Slow { host, .. }
            | Event::Leave { host } => named(
                "host",
                host,
                self.hosts.iter().map(|host| host.name.as_str()),
            ),
            Event::Strangers { every, .. } if every.is_zero() => {
                Err(ScenarioError::Zero("strangers.every"))
            }
            Event::Strangers { .. } | Event::Network(_) | Event::Join(_) => Ok(()),
        }
    }
}

fn named<'a>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), ScenarioError> {
    if known.clone().any(|known| known == name) {
        return Ok(());
    }
    let known = known.collect::<Vec<_>>().join(", ");
    Err(ScenarioError::Unknown {
        what,
        name: name.to_owned(),
        known,
    })
}

/// Why a scenario cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// There is nothing of this name.
    #[error("there is no {what} {name:?}; known: {known}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// Tasks need a place to run.
    #[error("a scenario needs at least one host")]
    NoHost,
    /// Two of one name (or two hosts of one address).
    #[error("{what} {name:?}: another one has this name or address; give each its own")]
    Twice {
        /// What.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A period that must not be zero.
    #[error("{0} is zero; it must be some time")]
    Zero(&'static str),
    /// A part that is none.
    #[error("{0} is not a part of 1")]
    NoPart(&'static str),
    /// A sample of a host would not fit.
    #[error("agents.datagram is {bytes} bytes; a host's sample needs at least {least}")]
    Datagram {
        /// Bytes given.
        bytes: usize,
        /// Bytes needed.
        least: usize,
    },
}
