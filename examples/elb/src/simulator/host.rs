use super::random::Random;
use super::scenario::{HostSpec, ServiceSpec};
use super::task::{BYTES_PER_WRITE, Task};
use crate::orchestrator::Availability;

/// A host and what it has counted since it was booted.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) spec: HostSpec,
    pub(super) uuid: [u8; 16],
    /// Seconds since it was booted.
    pub(super) uptime: f64,
    /// Core seconds that were used.
    pub(super) busy: f64,
    /// Cores that are used now.
    pub(super) cores_used: f64,
    /// Load averages over 1, 5 and 15 minutes.
    pub(super) load: [f64; 3],
    /// Seconds in which more was wanted than there are cores.
    pub(super) saturated: f64,
    /// The bridge to which containers are connected: in is from containers.
    pub(super) bridge: Traffic,
    /// The way to the world: in is to containers and to the host itself.
    pub(super) uplink: Traffic,
    pub(super) disk_bytes: f64,
    /// Core seconds for which others let it wait.
    pub(super) stolen: f64,
    /// The part of its processors that others take now.
    pub(super) steal: f64,
    /// How many times the usual processor time a request costs now.
    pub(super) slowness: f64,
    /// Position of the last change of its description in the cluster's log.
    pub(super) version: u64,
    pub(super) availability: Availability,
    pub(super) drained_for: Option<String>,
    pub(super) is_gone: bool,
    /// Cores that tasks would like to have now.
    wanted: f64,
}

/// What has passed an interface, as sums that are not yet integers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) in_bytes: f64,
    pub(super) in_packets: f64,
    pub(super) out_bytes: f64,
    pub(super) out_packets: f64,
}

/// What a host takes for itself.
const OWN_CORES: f64 = 0.01;
const OWN_BYTES: f64 = 300.0;
const OWN_PACKETS: f64 = 3.0;
const OWN_DISK_BYTES: f64 = 2_000.0;

impl Host {
    /// A host that was booted some days ago and has been idle since.
    pub(super) fn new(spec: &HostSpec, random: &mut Random) -> Self {
        const DAY: f64 = 86_400.0;
        let mut host = Self::booted(spec, random.bytes());
        host.count((1.0 + 4.0 * random.unit()) * DAY);
        host
    }

    /// A host that was booted just now.
    pub(super) fn booted(spec: &HostSpec, uuid: [u8; 16]) -> Self {
        Self {
            spec: spec.clone(),
            uuid,
            uptime: 0.0,
            busy: 0.0,
            cores_used: OWN_CORES,
            load: [OWN_CORES; 3],
            saturated: 0.0,
            bridge: Traffic::default(),
            uplink: Traffic::default(),
            disk_bytes: 0.0,
            stolen: 0.0,
            steal: 0.0,
            slowness: 1.0,
            version: 1,
            availability: Availability::Active,
            drained_for: None,
            is_gone: false,
            wanted: 0.0,
        }
    }

    /// Whether it takes tasks.
    pub(super) fn takes_tasks(&self) -> bool {
        !self.is_gone && self.availability == Availability::Active
    }

    /// Nothing is wanted of it, for now.
    pub(super) fn clear(&mut self) {
        self.wanted = 0.0;
    }

    pub(super) fn want(&mut self, cores: f64) {
        self.wanted += cores;
    }

    /// The part of what is wanted that it can give.
    pub(super) fn part(&self) -> f64 {
        let cores = f64::from(self.spec.cores) * (1.0 - self.steal);
        let free = (cores - OWN_CORES).max(0.0);
        if self.wanted > free {
            free / self.wanted
        } else {
            1.0
        }
    }

    /// Counts what it does by itself for a while, and what the processors do altogether.
    pub(super) fn count(&mut self, seconds: f64) {
        let part = self.part();
        self.cores_used = OWN_CORES + self.wanted * part;
        if part < 1.0 {
            self.saturated += seconds;
        }
        self.uptime += seconds;
        self.busy += self.cores_used * seconds;
        // What runs waits for the others as long as it would take them.
        self.stolen += self.cores_used * self.steal / (1.0 - self.steal) * seconds;
        for (average, minutes) in self.load.iter_mut().zip([1.0, 5.0, 15.0]) {
            let kept = (-seconds / (60.0 * minutes)).exp();
            *average = *average * kept + (OWN_CORES + self.wanted) * (1.0 - kept);
        }
        self.uplink.in_bytes += OWN_BYTES * seconds;
        self.uplink.in_packets += OWN_PACKETS * seconds;
        self.uplink.out_bytes += OWN_BYTES * seconds;
        self.uplink.out_packets += OWN_PACKETS * seconds;
        self.disk_bytes += OWN_DISK_BYTES * seconds;
    }

    /// Counts what a task of it does for a while.
    pub(super) fn carry(&mut self, task: &Task, spec: &ServiceSpec, seconds: f64) {
        let requests = task.rates.served * seconds;
        let work = &spec.work;
        self.bridge.in_bytes += requests * work.tx_bytes;
        self.bridge.in_packets += requests * work.tx_packets;
        self.bridge.out_bytes += requests * work.rx_bytes;
        self.bridge.out_packets += requests * work.rx_packets;
        self.uplink.in_bytes += requests * work.rx_bytes;
        self.uplink.in_packets += requests * work.rx_packets;
        self.uplink.out_bytes += requests * work.tx_bytes;
        self.uplink.out_packets += requests * work.tx_packets;
        self.disk_bytes += requests * work.disk_bytes;
    }

    pub(super) fn disk_writes(&self) -> f64 {
        self.disk_bytes / BYTES_PER_WRITE
    }

    /// Core seconds that were not used.
    pub(super) fn idle(&self) -> f64 {
        (f64::from(self.spec.cores) * self.uptime - self.busy - self.stolen).max(0.0)
    }
}

impl Traffic {
    pub(super) fn packets(&self) -> f64 {
        self.in_packets + self.out_packets
    }
}
