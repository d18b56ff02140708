use std::net::Ipv4Addr;
use std::sync::Arc;

use sflow_metrics::Timestamp;

use super::random::Random;
use super::scenario::ServiceSpec;

/// One task and, from its start on, its container.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Its number among all tasks that ever were.
    pub(super) key: u64,
    /// Position of its service.
    pub(super) service: usize,
    /// Its place among the service's replicas, from 1.
    pub(super) slot: u32,
    /// Position of its host; [`NOWHERE`] if no host has room for it.
    pub(super) host: usize,
    /// Name of its container.
    pub(super) name: Arc<str>,
    /// The first half of its container's id.
    pub(super) uuid: [u8; 16],
    /// Address on the bridge of its host.
    pub(super) address: Ipv4Addr,
    pub(super) phase: Phase,
    /// Since when it is in this phase.
    pub(super) since: Timestamp,
    /// When it leaves this phase by itself.
    pub(super) next: Option<Timestamp>,
    /// What the orchestrator says about it while it does not run.
    pub(super) error: Option<String>,
    pub(super) used: Usage,
    pub(super) rates: Rates,
}

/// The position of no host.
pub(super) const NOWHERE: usize = usize::MAX;

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ordered, not there yet: no container.
    Pending,
    /// Takes its share of the load.
    Running,
    /// Takes no load any more and is about to end.
    Stopping,
}

/// How a container came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was told to.
    Stopped,
    /// It crashed, or was killed.
    Killed,
}

/// What a container has used since its start; exact sums, not yet the integers of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) rx_bytes: f64,
    pub(super) rx_packets: f64,
    pub(super) tx_bytes: f64,
    pub(super) tx_packets: f64,
    pub(super) disk_bytes: f64,
    /// At this moment.
    pub(super) memory: f64,
}

/// What a task does between two moments at which anything changes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    /// Requests per second that are served.
    pub(super) served: f64,
    /// Requests per second that come.
    pub(super) asked: f64,
    /// Cores that serving all of them would take.
    pub(super) wanted: f64,
    /// Cores that it gets.
    pub(super) cores: f64,
}

impl Task {
    /// Whether the orchestrator wants it.
    pub(super) fn is_wanted(&self) -> bool {
        self.phase != Phase::Stopping
    }

    /// Whether its container exists.
    pub(super) fn has_container(&self) -> bool {
        self.phase != Phase::Pending
    }

    pub(super) fn enter(&mut self, phase: Phase, at: Timestamp, next: Option<Timestamp>) {
        self.phase = phase;
        self.since = at;
        self.next = next;
    }

    /// Takes `asked` requests per second, each of which costs so many times the usual processor
    /// time; returns the cores that it would like to have.
    pub(super) fn ask(&mut self, asked: f64, slowness: f64, spec: &ServiceSpec) -> f64 {
        let wanted = spec.idle.cores + asked * slowness * spec.work.cpu.as_secs_f64();
        let cores = wanted.min(spec.cpu_limit.unwrap_or(f64::INFINITY));
        self.rates = Rates {
            asked,
            wanted,
            cores,
            served: 0.0,
        };
        cores
    }

    /// Gets this part of the cores that it would like to have, and serves what they suffice for.
    pub(super) fn grant(&mut self, part: f64, spec: &ServiceSpec) {
        let rates = &mut self.rates;
        rates.cores *= part;
        let covered = if rates.wanted > 0.0 {
            rates.cores / rates.wanted
        } else {
            1.0
        };
        rates.served = rates.asked * covered;
        self.used.memory = spec.idle.memory as f64 + spec.idle.memory_per_rate * rates.served;
        if let Some(limit) = spec.memory_limit {
            self.used.memory = self.used.memory.min(limit as f64);
        }
    }

    /// Does so for a while.
    pub(super) fn count(&mut self, seconds: f64, spec: &ServiceSpec) {
        let requests = self.rates.served * seconds;
        let used = &mut self.used;
        used.cpu_seconds += self.rates.cores * seconds;
        used.rx_bytes += requests * spec.work.rx_bytes;
        used.rx_packets += requests * spec.work.rx_packets;
        used.tx_bytes += requests * spec.work.tx_bytes;
        used.tx_packets += requests * spec.work.tx_packets;
        used.disk_bytes += requests * spec.work.disk_bytes;
    }
}

/// An id as the orchestrator makes them: 25 characters of base 36.
pub(super) fn task_id(random: &mut Random) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    (0..25)
        .filter_map(|_| DIGITS.get(random.below(36) as usize))
        .map(|digit| char::from(*digit))
        .collect()
}

/// Bytes that one write to disk takes along.
pub(super) const BYTES_PER_WRITE: f64 = 4096.0;
