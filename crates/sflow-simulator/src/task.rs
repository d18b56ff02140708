use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::random::Random;
use crate::spec::ServiceSpec;

/// A task and, from its start on, its container.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Unique among all tasks of the simulation, and ascending.
    pub(crate) key: u64,
    /// Position of its service.
    pub(crate) service: usize,
    /// From 1.
    pub(crate) slot: u32,
    /// Position of its host; [`UNPLACED`] while no host has the resources for it.
    pub(crate) host: usize,
    /// Name of the container.
    pub(crate) name: Arc<str>,
    /// First half of the container's id.
    pub(crate) uuid: [u8; 16],
    /// Address on the bridge of its host.
    pub(crate) address: Ipv4Addr,
    pub(crate) phase: Phase,
    /// Start of the phase.
    pub(crate) since: Duration,
    /// Time in this phase before the start of the simulation.
    pub(crate) prior_age: Duration,
    /// End of the phase, if it ends by itself.
    pub(crate) next: Option<Duration>,
    /// Why the task does not run.
    pub(crate) error: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) rates: TaskRates,
}

/// Position of the host of a task that is not placed.
pub(crate) const UNPLACED: usize = usize::MAX;

/// Phase in the life of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Ordered, without a container.
    Pending,
    /// Receives its share of the requests.
    Running,
    /// Receives no requests and is about to end.
    Stopping,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By order.
    Stopped,
    /// By a crash, or with its host.
    Killed,
}

/// Resources that a container has used since its start, before they are rounded to counters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// CPU time in core-seconds.
    pub cpu_seconds: f64,
    /// Bytes received.
    pub rx_bytes: f64,
    /// Packets received.
    pub rx_packets: f64,
    /// Bytes sent.
    pub tx_bytes: f64,
    /// Packets sent.
    pub tx_packets: f64,
    /// Bytes written to disk.
    pub disk_bytes: f64,
    /// Bytes of memory in use at present.
    pub memory: f64,
}

/// What a task does at present.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TaskRates {
    /// Requests per second that arrive.
    pub(crate) offered: f64,
    /// Requests per second that are served.
    pub(crate) served: f64,
    /// Cores that all requests would need.
    pub(crate) demand: f64,
    /// Cores that the task uses.
    pub(crate) cores: f64,
}

/// The service of a simulated container, given its name: `service.slot.id`.
///
/// ```
/// use sflow_simulator::service_of;
///
/// assert_eq!(service_of("shop.web.3.8f0c2a41d7b5"), Some("shop.web"));
/// assert_eq!(service_of("sidecar"), None);
/// ```
pub fn service_of(container: &str) -> Option<&str> {
    let (rest, _id) = container.rsplit_once('.')?;
    let (service, _slot) = rest.rsplit_once('.')?;
    Some(service)
}

impl Task {
    /// Whether the orchestrator counts it as a replica.
    pub(crate) fn is_desired(&self) -> bool {
        self.phase != Phase::Stopping
    }

    pub(crate) fn has_container(&self) -> bool {
        self.phase != Phase::Pending
    }

    pub(crate) fn enter(&mut self, phase: Phase, at: Duration, next: Option<Duration>) {
        self.phase = phase;
        self.since = at;
        self.prior_age = Duration::ZERO;
        self.next = next;
    }

    /// Sets the requests per second that arrive, each of which needs its CPU time times
    /// `slowdown`. Returns the cores that the task could use.
    pub(crate) fn offer(&mut self, offered: f64, slowdown: f64, spec: &ServiceSpec) -> f64 {
        let demand = spec.idle.cores + offered * slowdown * spec.request.cpu.as_secs_f64();
        let cores = demand.min(spec.cpu_limit.unwrap_or(f64::INFINITY));
        self.rates = TaskRates {
            offered,
            served: 0.0,
            demand,
            cores,
        };
        cores
    }

    /// Gives the task this fraction of the cores that it could use, and serves the requests for
    /// which they suffice.
    pub(crate) fn grant(&mut self, fraction: f64, spec: &ServiceSpec) {
        let rates = &mut self.rates;
        rates.cores *= fraction;
        let covered = if rates.demand > 0.0 {
            rates.cores / rates.demand
        } else {
            1.0
        };
        rates.served = rates.offered * covered;
        self.usage.memory = spec.idle.memory as f64 + spec.idle.memory_per_rate * rates.served;
        if let Some(limit) = spec.memory_limit {
            self.usage.memory = self.usage.memory.min(limit as f64);
        }
    }

    /// Adds the resources used at the present rates.
    pub(crate) fn count(&mut self, seconds: f64, spec: &ServiceSpec) {
        let requests = self.rates.served * seconds;
        let usage = &mut self.usage;
        usage.cpu_seconds += self.rates.cores * seconds;
        usage.rx_bytes += requests * spec.request.rx_bytes;
        usage.rx_packets += requests * spec.request.rx_packets;
        usage.tx_bytes += requests * spec.request.tx_bytes;
        usage.tx_packets += requests * spec.request.tx_packets;
        usage.disk_bytes += requests * spec.request.disk_bytes;
    }
}

/// An identifier as swarm assigns them: 25 characters of base 36.
pub(crate) fn random_id(random: &mut Random) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    (0..25)
        .filter_map(|_| DIGITS.get(random.below(36) as usize))
        .map(|digit| char::from(*digit))
        .collect()
}

/// Bytes per write to disk.
pub(crate) const BYTES_PER_WRITE: f64 = 4096.0;
