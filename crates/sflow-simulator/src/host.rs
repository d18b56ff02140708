use crate::random::Random;
use crate::spec::{HostSpec, ServiceSpec};
use crate::task::{BYTES_PER_WRITE, Task};

/// A host and its counters since boot.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) spec: HostSpec,
    pub(crate) uuid: [u8; 16],
    /// Seconds since boot.
    pub(crate) uptime: f64,
    /// Core-seconds used.
    pub(crate) busy: f64,
    /// Cores in use at present.
    pub(crate) cores_used: f64,
    /// Load averages over 1, 5 and 15 minutes.
    pub(crate) load: [f64; 3],
    /// Seconds with more demand than cores.
    pub(crate) saturated: f64,
    /// Bridge of the containers; `in` is from containers.
    pub(crate) bridge: Traffic,
    /// Interface to the network; `in` is to containers and to the host itself.
    pub(crate) uplink: Traffic,
    pub(crate) disk_bytes: f64,
    /// Core-seconds that the hypervisor withheld.
    pub(crate) stolen: f64,
    /// Fraction of CPU time that the hypervisor withholds at present.
    pub(crate) steal: f64,
    /// Factor on the CPU time of requests.
    pub(crate) slowdown: f64,
    /// Index of the last change of the node in the orchestrator's log.
    pub(crate) version: u64,
    pub(crate) availability: Availability,
    pub(crate) has_left: bool,
    /// Cores that tasks could use at present.
    demand: f64,
}

/// Whether tasks are placed on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// Tasks are placed on it.
    #[default]
    Active,
    /// No new tasks are placed on it.
    Pause,
    /// As `Pause`, and its tasks are replaced on other hosts.
    Drain,
}

/// Traffic of an interface, before it is rounded to counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) in_bytes: f64,
    pub(crate) in_packets: f64,
    pub(crate) out_bytes: f64,
    pub(crate) out_packets: f64,
}

// Resources that a host uses itself, per second.
const OWN_CORES: f64 = 0.01;
const OWN_BYTES: f64 = 300.0;
const OWN_PACKETS: f64 = 3.0;
const OWN_DISK_BYTES: f64 = 2_000.0;

impl Host {
    /// A host that was booted one to five days ago and has been idle since.
    pub(crate) fn new(spec: &HostSpec, random: &mut Random) -> Self {
        const DAY: f64 = 86_400.0;
        let mut host = Self::booted(spec, random.bytes());
        host.count((1.0 + 4.0 * random.unit()) * DAY);
        host
    }

    /// A host that was booted now.
    pub(crate) fn booted(spec: &HostSpec, uuid: [u8; 16]) -> Self {
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
            slowdown: 1.0,
            version: 1,
            availability: Availability::Active,
            has_left: false,
            demand: 0.0,
        }
    }

    /// Whether tasks can be placed on it.
    pub(crate) fn is_schedulable(&self) -> bool {
        !self.has_left && self.availability == Availability::Active
    }

    pub(crate) fn clear_demand(&mut self) {
        self.demand = 0.0;
    }

    pub(crate) fn add_demand(&mut self, cores: f64) {
        self.demand += cores;
    }

    /// The fraction of the demand that can be met.
    pub(crate) fn granted_fraction(&self) -> f64 {
        let cores = f64::from(self.spec.cores) * (1.0 - self.steal);
        let free = (cores - OWN_CORES).max(0.0);
        if self.demand > free {
            free / self.demand
        } else {
            1.0
        }
    }

    /// Adds what the host itself does, and the CPU time of host and tasks together.
    pub(crate) fn count(&mut self, seconds: f64) {
        let fraction = self.granted_fraction();
        self.cores_used = OWN_CORES + self.demand * fraction;
        if fraction < 1.0 {
            self.saturated += seconds;
        }
        self.uptime += seconds;
        self.busy += self.cores_used * seconds;
        self.stolen += self.cores_used * self.steal / (1.0 - self.steal) * seconds;
        for (average, minutes) in self.load.iter_mut().zip([1.0, 5.0, 15.0]) {
            let kept = (-seconds / (60.0 * minutes)).exp();
            *average = *average * kept + (OWN_CORES + self.demand) * (1.0 - kept);
        }
        self.uplink.in_bytes += OWN_BYTES * seconds;
        self.uplink.in_packets += OWN_PACKETS * seconds;
        self.uplink.out_bytes += OWN_BYTES * seconds;
        self.uplink.out_packets += OWN_PACKETS * seconds;
        self.disk_bytes += OWN_DISK_BYTES * seconds;
    }

    /// Adds the traffic and writes of a task.
    pub(crate) fn count_task(&mut self, task: &Task, spec: &ServiceSpec, seconds: f64) {
        let requests = task.rates.served * seconds;
        let request = &spec.request;
        self.bridge.in_bytes += requests * request.tx_bytes;
        self.bridge.in_packets += requests * request.tx_packets;
        self.bridge.out_bytes += requests * request.rx_bytes;
        self.bridge.out_packets += requests * request.rx_packets;
        self.uplink.in_bytes += requests * request.rx_bytes;
        self.uplink.in_packets += requests * request.rx_packets;
        self.uplink.out_bytes += requests * request.tx_bytes;
        self.uplink.out_packets += requests * request.tx_packets;
        self.disk_bytes += requests * request.disk_bytes;
    }

    pub(crate) fn disk_writes(&self) -> f64 {
        self.disk_bytes / BYTES_PER_WRITE
    }

    /// Core-seconds that were not used.
    pub(crate) fn idle(&self) -> f64 {
        (f64::from(self.spec.cores) * self.uptime - self.busy - self.stolen).max(0.0)
    }
}

impl Traffic {
    pub(crate) fn packets(&self) -> f64 {
        self.in_packets + self.out_packets
    }
}
