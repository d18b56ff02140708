//! Containers as the engine describes them, and their counters.

use std::collections::BTreeMap;

use serde::Deserialize;
use sflow_agent::linux::{ContainerCounters, Host, container_uuid};
use sflow_v5::counter::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use sflow_v5::enums::DomainState;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64};

/// The engine's description of its host: the fields that are used.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Info {
    pub(super) name: Option<String>,
}

/// A container of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: String,
    #[serde(default)]
    pub(super) state: String,
}

/// A running container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) described: sflow_agent::linux::Container,
    /// CPU limit, in processors; 0 for no limit.
    cpus: u32,
    /// Memory limit in bytes; without one, the memory of the host.
    memory: u64,
}

/// The engine's description of a container: the fields that are used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    id: String,
    name: String,
    state: InspectedState,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    #[serde(default)]
    pid: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    nano_cpus: u64,
    memory: u64,
    network_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    mac_address: String,
}

impl Inspected {
    /// The container; `None` if its id is not hexadecimal.
    pub(super) fn container(self, host_memory: u64) -> Option<Container> {
        let networks = self.network_settings.networks.unwrap_or_default();
        let macs = networks
            .values()
            .filter_map(|network| network.mac_address.parse().ok());
        let cores = self.host_config.nano_cpus as f64 / 1e9;
        container_uuid(&self.id)?;
        let name = self.name.trim_start_matches('/');
        let mut described = sflow_agent::linux::Container::new(&self.id, name);
        described.adapters = macs.collect();
        described.process = u32::try_from(self.state.pid).ok().filter(|pid| *pid != 0);
        described.host_network = self.host_config.network_mode == "host";
        Some(Container {
            described,
            cpus: cores.round() as u32,
            memory: match self.host_config.memory {
                0 => host_memory,
                limit => limit,
            },
            id: self.id,
        })
    }
}

/// The engine's counters of one container: the fields that are used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    cpu_stats: CpuStats,
    memory_stats: MemoryStats,
    networks: Option<BTreeMap<String, NetworkStats>>,
    blkio_stats: BlockStats,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuStats {
    cpu_usage: CpuUsage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    /// In nanoseconds.
    total_usage: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryStats {
    usage: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NetworkStats {
    rx_bytes: u64,
    rx_packets: u64,
    rx_errors: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errors: u64,
    tx_dropped: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BlockStats {
    io_service_bytes_recursive: Option<Vec<BlockCount>>,
    io_serviced_recursive: Option<Vec<BlockCount>>,
}

#[derive(Debug, Deserialize)]
struct BlockCount {
    op: String,
    value: u64,
}

impl Stats {
    /// Whether the container has ended: the engine then returns zeros.
    pub(super) const fn is_empty(&self) -> bool {
        self.cpu_stats.cpu_usage.total_usage == 0 && self.memory_stats.usage == 0
    }

    pub(super) fn counters(
        &self,
        container: &Container,
        is_paused: bool,
        host: &Host,
    ) -> ContainerCounters {
        const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
        let bytes = self.blkio_stats.io_service_bytes_recursive.as_ref();
        let operations = self.blkio_stats.io_serviced_recursive.as_ref();
        let cpu_time = self.cpu_stats.cpu_usage.total_usage / NANOSECONDS_PER_MILLISECOND;
        let mut counters = ContainerCounters::new(&container.described);
        counters.cpu = VirtCpu {
            state: if is_paused {
                DomainState::PAUSED
            } else {
                DomainState::RUNNING
            },
            cpu_time: Counter32(cpu_time as u32),
            nr_virt_cpu: Gauge32(container.cpus),
        };
        counters.memory = VirtMemory {
            memory: Gauge64(self.memory_stats.usage),
            max_memory: Gauge64(container.memory),
        };
        counters.disk = VirtDiskIo {
            rd_req: Counter32(blocks(operations, "read") as u32),
            rd_bytes: Counter64(blocks(bytes, "read")),
            wr_req: Counter32(blocks(operations, "write") as u32),
            wr_bytes: Counter64(blocks(bytes, "write")),
            ..VirtDiskIo::default()
        };
        if let Some(net) = self.traffic(container, host) {
            counters.net = net;
        }
        counters
    }

    /// Traffic of the container's interfaces, from the engine or else from the kernel; `None` if
    /// unknown.
    fn traffic(&self, container: &Container, host: &Host) -> Option<VirtNetIo> {
        if let Some(networks) = self.networks.as_ref().filter(|all| !all.is_empty()) {
            let sum = |field: fn(&NetworkStats) -> u64| {
                networks.values().map(field).fold(0, u64::saturating_add)
            };
            return Some(VirtNetIo {
                rx_bytes: Counter64(sum(|network| network.rx_bytes)),
                rx_packets: Counter32(sum(|network| network.rx_packets) as u32),
                rx_errs: Counter32(sum(|network| network.rx_errors) as u32),
                rx_drop: Counter32(sum(|network| network.rx_dropped) as u32),
                tx_bytes: Counter64(sum(|network| network.tx_bytes)),
                tx_packets: Counter32(sum(|network| network.tx_packets) as u32),
                tx_errs: Counter32(sum(|network| network.tx_errors) as u32),
                tx_drop: Counter32(sum(|network| network.tx_dropped) as u32),
            });
        }
        let described = &container.described;
        let process = described.process.filter(|_| !described.host_network)?;
        host.process_traffic(process)
    }
}

fn blocks(counts: Option<&Vec<BlockCount>>, operation: &str) -> u64 {
    let counts = counts.into_iter().flatten();
    counts
        .filter(|count| count.op.eq_ignore_ascii_case(operation))
        .map(|count| count.value)
        .fold(0, u64::saturating_add)
}
