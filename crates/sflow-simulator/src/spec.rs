use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::error::Error;
use crate::workload::Workload;

/// A host of the cluster. Each host has an agent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HostSpec {
    /// Name that the agent and the orchestrator report; at most 128 bytes.
    pub name: String,
    /// Address of the agent, from which it sends.
    pub address: Ipv4Addr,
    /// Number of CPUs; at least 1. Default: 4.
    pub cores: u32,
    /// Memory in bytes. Default: 8 GiB.
    pub memory: u64,
    /// Whether the agent reports CPU steal; agents before Host sFlow 2.0 do not. Default: true.
    pub reports_steal: bool,
}

impl HostSpec {
    /// A host with four CPUs and 8 GiB of memory.
    pub fn new(name: impl Into<String>, address: Ipv4Addr) -> Self {
        Self {
            name: name.into(),
            address,
            cores: 4,
            memory: 8 << 30,
            reports_steal: true,
        }
    }

    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        self.name == other.name || self.address == other.address
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("host.name", &self.name)?;
        if self.cores == 0 {
            return Err(Error::out_of_range("host.cores", 0, "at least 1"));
        }
        Ok(())
    }
}

/// A service: a number of equal tasks that share a workload.
///
/// The default request is small: 1 ms of CPU time, and 400 bytes to and 600 bytes from the
/// container in five packets each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// Name; at most 128 bytes. Containers are named `NAME.SLOT.ID`.
    pub name: String,
    /// Replicas at the start, which then run if hosts have the resources; at most
    /// [`Simulation::MAX_REPLICAS`](crate::Simulation::MAX_REPLICAS). Default: 1.
    pub replicas: u32,
    /// Labels. They have no meaning for the simulation. Default: none.
    pub labels: BTreeMap<String, String>,
    /// Requests per second, shared equally by the running tasks.
    pub workload: Workload,
    /// Resources that one request consumes.
    pub request: Request,
    /// Resources that a task consumes without requests.
    pub idle: Idle,
    /// Resources reserved for each task: it is placed only on a host that has them left.
    /// Default: none.
    pub reservation: Reservation,
    /// Limit of each task in cores. Default: none.
    pub cpu_limit: Option<f64>,
    /// Limit of each task in bytes of memory. Default: none.
    pub memory_limit: Option<u64>,
    /// TCP port of the service in sampled packets. Default: 80.
    pub port: u16,
    /// Time from the order to start a task until it runs. Default: 0.6 to 1.4 s.
    pub start: Delay,
    /// Time from the order to stop a task, at which it gets no more requests, until its container
    /// has ended. Default: 0.2 to 0.8 s.
    pub stop: Delay,
    /// Time from a crash to the order to start the replacement. Default: 4.5 to 5.5 s.
    pub restart: Delay,
    /// Mean of the exponentially distributed time until a task crashes. Default: tasks do not
    /// crash.
    pub mean_lifetime: Option<Duration>,
}

impl ServiceSpec {
    /// A service with one replica and a small request.
    pub fn new(name: impl Into<String>, workload: Workload) -> Self {
        Self {
            name: name.into(),
            replicas: 1,
            labels: BTreeMap::new(),
            workload,
            request: Request::default(),
            idle: Idle::default(),
            reservation: Reservation::default(),
            cpu_limit: None,
            memory_limit: None,
            port: 80,
            start: Delay::millis(600, 1_400),
            stop: Delay::millis(200, 800),
            restart: Delay::millis(4_500, 5_500),
            mean_lifetime: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("service.name", &self.name)?;
        check_replicas("service.replicas", self.replicas)?;
        let request = &self.request;
        for (field, value) in [
            ("service.request.rx_bytes", request.rx_bytes),
            ("service.request.rx_packets", request.rx_packets),
            ("service.request.tx_bytes", request.tx_bytes),
            ("service.request.tx_packets", request.tx_packets),
            ("service.request.disk_bytes", request.disk_bytes),
            ("service.idle.cores", self.idle.cores),
            ("service.idle.memory_per_rate", self.idle.memory_per_rate),
            ("service.reservation.cores", self.reservation.cores),
            ("service.cpu_limit", self.cpu_limit.unwrap_or(0.0)),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::out_of_range(field, value, "a number, at least 0"));
            }
        }
        Ok(())
    }
}

/// Resources that one request consumes. The counts can be fractions: means over many requests.
///
/// ```
/// let request = sflow_simulator::Request::default();
/// assert_eq!(request.bytes(), 1_000.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// CPU time.
    pub cpu: Duration,
    /// Bytes to the container, with Ethernet headers.
    pub rx_bytes: f64,
    /// Packets to the container.
    pub rx_packets: f64,
    /// Bytes from the container, with Ethernet headers.
    pub tx_bytes: f64,
    /// Packets from the container.
    pub tx_packets: f64,
    /// Bytes written to disk.
    pub disk_bytes: f64,
}

impl Request {
    /// Bytes in both directions.
    pub fn bytes(&self) -> f64 {
        self.rx_bytes + self.tx_bytes
    }
}

impl Default for Request {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(1),
            rx_bytes: 400.0,
            rx_packets: 5.0,
            tx_bytes: 600.0,
            tx_packets: 5.0,
            disk_bytes: 0.0,
        }
    }
}

/// Resources that a task consumes without requests, and the growth of its memory with them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// Cores. Default: 0.0002.
    pub cores: f64,
    /// Bytes of memory. Default: 9 MiB.
    pub memory: u64,
    /// Additional bytes of memory for each request per second. Default: 20,000.
    pub memory_per_rate: f64,
}

impl Default for Idle {
    fn default() -> Self {
        Self {
            cores: 0.0002,
            memory: 9 << 20,
            memory_per_rate: 20_000.0,
        }
    }
}

/// Resources that are reserved for a task on its host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reservation {
    /// Cores.
    pub cores: f64,
    /// Bytes of memory.
    pub memory: u64,
}

/// A random duration, uniform between two bounds and drawn anew each time.
///
/// ```
/// use sflow_simulator::{Delay, ServiceSpec, Workload};
///
/// let mut service = ServiceSpec::new("web", Workload::Constant(100.0));
/// service.start = Delay::millis(30_000, 90_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Lower bound.
    pub min: Duration,
    /// Upper bound. If it is less than the lower bound, the delay is the lower bound.
    pub max: Duration,
}

impl Delay {
    /// No delay.
    pub const NONE: Self = Self::millis(0, 0);

    /// A delay between two bounds in milliseconds.
    pub const fn millis(min: u64, max: u64) -> Self {
        Self {
            min: Duration::from_millis(min),
            max: Duration::from_millis(max),
        }
    }
}

/// How agents measure and send. The defaults are those of Host sFlow with packet sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AgentSpec {
    /// Time between two counters samples of the same source; above 0. Default: 10 s.
    pub polling: Duration,
    /// Each sample is late by a random time up to this one. Default: 100 ms.
    pub jitter: Duration,
    /// One of this many packets is sampled, on average; 0 for none. Default: 400.
    pub sampling: u32,
    /// Packet samples per second and agent at most. The agent counts the others as drops.
    /// Default: 200.
    pub max_samples: u32,
    /// Time that a sample waits for others to share its datagram. Default: 100 ms.
    pub max_delay: Duration,
    /// Largest datagram in bytes, from 1,024. Default: 1,400.
    pub max_datagram: usize,
}

impl AgentSpec {
    pub(crate) fn check(&self) -> Result<(), Error> {
        const MIN_DATAGRAM: usize = 1_024;
        if self.polling.is_zero() {
            return Err(Error::out_of_range(
                "agents.polling",
                "0 s",
                "a time above 0",
            ));
        }
        if self.max_datagram < MIN_DATAGRAM {
            return Err(Error::out_of_range(
                "agents.max_datagram",
                self.max_datagram,
                "at least 1,024 bytes, which the sample of a host needs",
            ));
        }
        Ok(())
    }
}

impl Default for AgentSpec {
    fn default() -> Self {
        Self {
            polling: Duration::from_secs(10),
            jitter: Duration::from_millis(100),
            sampling: 400,
            max_samples: 200,
            max_delay: Duration::from_millis(100),
            max_datagram: 1_400,
        }
    }
}

/// Faults of the network between agents and collector. A datagram that is not affected arrives at
/// once.
///
/// ```
/// use std::time::Duration;
///
/// use sflow_simulator::{ClusterSpec, Network};
///
/// let mut cluster = ClusterSpec::with_hosts(3);
/// cluster.network = Network {
///     loss: 0.01,
///     reordering: 0.05,
///     delay: Duration::from_millis(300),
///     ..Network::default()
/// };
/// # sflow_simulator::Simulation::new(&cluster, 1)?;
/// # Ok::<(), sflow_simulator::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Probability that a datagram arrives twice, the second time delayed.
    pub duplication: f64,
    /// Probability that a datagram is delayed, so that later ones overtake it.
    pub reordering: f64,
    /// Longest delay; delays are uniform from 0 to this.
    pub delay: Duration,
}

impl Network {
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (field, value) in [
            ("network.loss", self.loss),
            ("network.duplication", self.duplication),
            ("network.reordering", self.reordering),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::out_of_range(field, value, "a probability, 0 to 1"));
            }
        }
        Ok(())
    }
}

/// Names are part of samples, which must fit into a datagram.
fn check_name(field: &'static str, name: &str) -> Result<(), Error> {
    const LONGEST: usize = 128;
    if name.is_empty() || name.len() > LONGEST {
        let length = format!("{} bytes long", name.len());
        return Err(Error::out_of_range(field, length, "1 to 128 bytes"));
    }
    Ok(())
}

/// Replicas of one service at most.
pub(crate) const MAX_REPLICAS: u32 = 1_000;

pub(crate) fn check_replicas(field: &'static str, replicas: u32) -> Result<(), Error> {
    if replicas > MAX_REPLICAS {
        return Err(Error::out_of_range(field, replicas, "at most 1,000"));
    }
    Ok(())
}
