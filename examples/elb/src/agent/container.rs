//! What the engine says of a container, and what becomes of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use sflow_v5::counter::{
    Adapter, HostAdapters, HostParent, VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::types::{Counter32, Gauge32, Gauge64, List, Uuid};
use sflow_v5::{DataSource, EncodeError, Encoder, Mac};

use super::host::sixteen_bytes;
use super::kernel::{Roots, Traffic, long, mac, short};
use super::reading::{HOST, identity, push};

/// What the engine says of its host, as far as it matters.
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

/// A container, as long as it lives.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) uuid: [u8; 16],
    name: String,
    macs: Vec<Mac>,
    /// Its first process.
    process: u64,
    /// Whether its network is the host's.
    shares_network: bool,
    cpus: u32,
    /// Its limit, or all there is.
    memory: u64,
}

impl Container {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// The engine's answer about one container, as far as it matters.
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
    /// The container; nothing for an id that is none.
    pub(super) fn container(self, host_memory: u64) -> Option<Container> {
        // Neither a name in sFlow nor an adapter's list is longer than this.
        const NAME: usize = 64;
        const ADAPTERS: usize = 16;
        let networks = self.network_settings.networks.unwrap_or_default();
        let macs = networks.values().filter_map(|one| mac(&one.mac_address));
        let cores = self.host_config.nano_cpus as f64 / 1e9;
        Some(Container {
            uuid: sixteen_bytes(&self.id)?,
            name: self
                .name
                .trim_start_matches('/')
                .chars()
                .take(NAME)
                .collect(),
            macs: macs.take(ADAPTERS).collect(),
            process: self.state.pid,
            shares_network: self.host_config.network_mode == "host",
            cpus: cores.round() as u32,
            memory: match self.host_config.memory {
                0 => host_memory,
                limit => limit,
            },
            id: self.id,
        })
    }
}

/// The engine's counters of one container, as far as they matter.
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
    /// Whether it is what the engine says of a container that does not run any more.
    pub(super) const fn is_empty(&self) -> bool {
        self.cpu_stats.cpu_usage.total_usage == 0 && self.memory_stats.usage == 0
    }

    /// What has passed its interfaces: as the engine says, or otherwise the kernel.
    fn traffic(&self, container: &Container, roots: &Roots) -> Traffic {
        if let Some(networks) = self.networks.as_ref().filter(|all| !all.is_empty()) {
            let each = networks.values().map(NetworkStats::traffic);
            return each.fold(Traffic::default(), |sum, one| sum.and(&one));
        }
        if container.shares_network || container.process == 0 {
            return Traffic::default();
        }
        let interfaces = roots.traffic(Some(container.process)).into_iter();
        interfaces
            .filter(|(name, _)| name != "lo")
            .fold(Traffic::default(), |sum, (_, one)| sum.and(&one))
    }
}

impl NetworkStats {
    fn traffic(&self) -> Traffic {
        Traffic {
            bytes_in: self.rx_bytes,
            packets_in: self.rx_packets,
            errors_in: self.rx_errors,
            drops_in: self.rx_dropped,
            bytes_out: self.tx_bytes,
            packets_out: self.tx_packets,
            errors_out: self.tx_errors,
            drops_out: self.tx_dropped,
        }
    }
}

fn blocks(counts: Option<&Vec<BlockCount>>, operation: &str) -> u64 {
    let counts = counts.into_iter().flatten();
    counts
        .filter(|count| count.op.eq_ignore_ascii_case(operation))
        .map(|count| count.value)
        .fold(0, u64::saturating_add)
}

/// What the agent reads of a container.
#[derive(Clone, Debug)]
pub(super) struct ContainerReading {
    name: String,
    uuid: Uuid,
    macs: Vec<Mac>,
    source: u32,
    cpu: VirtCpu,
    memory: VirtMemory,
    disk: VirtDiskIo,
    net: VirtNetIo,
}

impl ContainerReading {
    pub(super) fn new(
        container: &Container,
        stats: &Stats,
        paused: bool,
        source: u32,
        roots: &Roots,
    ) -> Self {
        const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
        let traffic = stats.traffic(container, roots);
        let bytes = stats.blkio_stats.io_service_bytes_recursive.as_ref();
        let operations = stats.blkio_stats.io_serviced_recursive.as_ref();
        Self {
            name: container.name.clone(),
            uuid: Uuid(container.uuid),
            macs: container.macs.clone(),
            source,
            cpu: VirtCpu {
                state: if paused {
                    DomainState::PAUSED
                } else {
                    DomainState::RUNNING
                },
                cpu_time: short(
                    stats.cpu_stats.cpu_usage.total_usage / NANOSECONDS_PER_MILLISECOND,
                ),
                nr_virt_cpu: Gauge32(container.cpus),
            },
            memory: VirtMemory {
                memory: Gauge64(stats.memory_stats.usage),
                max_memory: Gauge64(container.memory),
            },
            disk: VirtDiskIo {
                capacity: Gauge64(0),
                allocation: Gauge64(0),
                available: Gauge64(0),
                rd_req: short(blocks(operations, "read")),
                rd_bytes: long(blocks(bytes, "read")),
                wr_req: short(blocks(operations, "write")),
                wr_bytes: long(blocks(bytes, "write")),
                errs: Counter32(0),
            },
            net: VirtNetIo {
                rx_bytes: long(traffic.bytes_in),
                rx_packets: short(traffic.packets_in),
                rx_errs: short(traffic.errors_in),
                rx_drop: short(traffic.drops_in),
                tx_bytes: long(traffic.bytes_out),
                tx_packets: short(traffic.packets_out),
                tx_errs: short(traffic.errors_out),
                tx_drop: short(traffic.drops_out),
            },
        }
    }

    /// The last that is said of a container.
    #[must_use]
    pub(super) fn ended(mut self) -> Self {
        self.cpu.state = DomainState::SHUT_OFF;
        self
    }

    pub(super) fn push(&self, sequence: u32, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        // Inside a container an adapter has an index of its own, which nobody asks for.
        let adapters: Vec<Adapter<'_>> = self
            .macs
            .iter()
            .map(|mac| Adapter {
                if_index: 0,
                mac_address: List::from(std::slice::from_ref(mac)),
            })
            .collect();
        let records = [
            identity(&self.name, self.uuid, "").into(),
            HostAdapters {
                adapters: List::from(&adapters[..]),
            }
            .into(),
            HostParent {
                container_type: HOST.kind,
                container_index: HOST.index,
            }
            .into(),
            self.cpu.into(),
            self.memory.into(),
            self.disk.into(),
            self.net.into(),
        ];
        let source = DataSource::new(DataSourceKind::LOGICAL, self.source);
        push(sequence, source, &records, encoder)
    }
}
