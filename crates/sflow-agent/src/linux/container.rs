use std::path::PathBuf;

use sflow_v5::counter::{
    Adapter, HostAdapters, HostParent, VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::DomainState;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64, List, Uuid};
use sflow_v5::{CounterRecord, EncodeError, Mac};

use super::cgroup::ContainerUsage;
use super::host::Host;
use super::{PHYSICAL_HOST, counter32, description, truncated};

/// A container whose counters are read, as described by the container engine.
///
/// ```
/// use sflow_agent::linux::{Container, Host};
///
/// let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// let mut container = Container::new(id, "web.1");
/// container.process = Some(4_711);
///
/// let Some(counters) = Host::default().container_counters(&container) else {
///     return; // It has ended.
/// };
/// println!("{} ms of processor time", counters.cpu.cpu_time);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// Its name; at most 64 bytes are sent.
    pub name: String,
    /// Its UUID, by which collectors identify it.
    pub uuid: Uuid,
    /// Path of its control group, such as `/machine.slice/web.scope`, below the mount point
    /// of the hierarchy (version 2) or of each controller (version 1). `None` if it is that of
    /// `process`.
    pub cgroup: Option<PathBuf>,
    /// Id of its first process, in the PID namespace of the agent's `/proc`. Without it, the
    /// traffic of the container is unknown.
    pub process: Option<u32>,
    /// Whether it uses the network of the host. Its own traffic is then unknown.
    pub host_network: bool,
    /// Addresses of its network adapters, by which collectors recognise it in packet samples. At
    /// most 16 are sent.
    pub adapters: Vec<Mac>,
}

impl Container {
    /// A container with this identifier and name. Its UUID is that of [`container_uuid`], or all
    /// zeros (unknown) if the identifier does not start with 32 hexadecimal digits.
    pub fn new(id: &str, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            uuid: container_uuid(id).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// The UUID that Host sFlow assigns to a container: the first 32 digits of its identifier. Hyphens
/// are skipped. `None` if there are fewer digits, or if one of them is not hexadecimal.
///
/// ```
/// use sflow_agent::linux::container_uuid;
///
/// let uuid = container_uuid("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
/// assert_eq!(uuid.ok_or("hexadecimal")?.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
/// # Ok::<(), &str>(())
/// ```
pub fn container_uuid(id: &str) -> Option<Uuid> {
    let mut digits = id.chars().filter(|letter| *letter != '-');
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        let (high, low) = (digits.next()?.to_digit(16)?, digits.next()?.to_digit(16)?);
        *byte = (high << 4 | low) as u8;
    }
    Some(Uuid(bytes))
}

/// Counters of a container: the records `host_descr`, `host_adapters`, `host_parent`,
/// `virt_cpu`, `virt_memory`, `virt_disk_io` and `virt_net_io`.
///
/// Programs that get them from elsewhere start with [`new`](Self::new) or
/// [`from_usage`](Self::from_usage) and set the fields.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContainerCounters {
    /// Its name, at most 64 bytes.
    pub name: String,
    /// Its identifier.
    pub uuid: Uuid,
    /// Addresses of its network adapters, at most 16.
    pub adapters: Vec<Mac>,
    /// State, processor time, and the limit in whole processors (0: none).
    pub cpu: VirtCpu,
    /// Memory in use, and the limit: that of the host if it has none of its own.
    pub memory: VirtMemory,
    /// Disk activity. `capacity`, `allocation` and `available` are 0: unknown.
    pub disk: VirtDiskIo,
    /// Traffic of its interfaces except loopback.
    pub net: VirtNetIo,
}

impl ContainerCounters {
    /// The counters of a container that has used nothing yet and whose traffic is unknown.
    pub fn new(container: &Container) -> Self {
        const ADAPTERS: usize = 16;
        let adapters = container.adapters.iter().copied();
        Self {
            name: truncated(&container.name).to_owned(),
            uuid: container.uuid,
            adapters: adapters.take(ADAPTERS).collect(),
            cpu: VirtCpu {
                state: DomainState::RUNNING,
                cpu_time: Counter32(0),
                nr_virt_cpu: Gauge32(0),
            },
            memory: VirtMemory::default(),
            disk: VirtDiskIo::default(),
            net: VirtNetIo {
                rx_bytes: Counter64::UNKNOWN,
                rx_packets: Counter32::UNKNOWN,
                rx_errs: Counter32::UNKNOWN,
                rx_drop: Counter32::UNKNOWN,
                tx_bytes: Counter64::UNKNOWN,
                tx_packets: Counter32::UNKNOWN,
                tx_errs: Counter32::UNKNOWN,
                tx_drop: Counter32::UNKNOWN,
            },
        }
    }

    /// The counters of a container with this usage, whose traffic is unknown. `host_memory`, in
    /// bytes, is the limit of a container without one; 0 if unknown.
    pub fn from_usage(container: &Container, usage: &ContainerUsage, host_memory: u64) -> Self {
        let mut counters = Self::new(container);
        counters.cpu = VirtCpu {
            state: if usage.is_paused {
                DomainState::PAUSED
            } else {
                DomainState::RUNNING
            },
            cpu_time: counter32(usage.cpu_milliseconds),
            nr_virt_cpu: Gauge32(usage.cpus),
        };
        counters.memory = VirtMemory {
            memory: Gauge64(usage.memory),
            max_memory: Gauge64(match usage.memory_limit {
                // Version 1 of control groups writes "no limit" as a number above any memory.
                Some(limit) if limit <= host_memory || host_memory == 0 => limit,
                _ => host_memory,
            }),
        };
        counters.disk = VirtDiskIo {
            rd_req: counter32(usage.reads),
            rd_bytes: Counter64(usage.bytes_read),
            wr_req: counter32(usage.writes),
            wr_bytes: Counter64(usage.bytes_written),
            errs: Counter32::UNKNOWN,
            ..VirtDiskIo::default()
        };
        counters
    }

    /// The last counters of a container, to be sent when it has ended: its state is `SHUT_OFF`.
    #[must_use]
    pub fn ended(mut self) -> Self {
        self.cpu.state = DomainState::SHUT_OFF;
        self
    }

    /// Writes the records. The parent is the host, [`PHYSICAL_HOST`].
    ///
    /// # Errors
    ///
    /// If they do not fit.
    pub fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        // Indices of adapters inside the container mean nothing outside.
        let adapters: Vec<Adapter<'_>> = self
            .adapters
            .iter()
            .map(|mac| Adapter {
                if_index: 0,
                mac_address: List::from(std::slice::from_ref(mac)),
            })
            .collect();
        records.push(&description(&self.name, self.uuid, ""))?;
        records.push(&HostAdapters {
            adapters: List::from(&adapters[..]),
        })?;
        records.push(&HostParent {
            container_type: PHYSICAL_HOST.kind,
            container_index: PHYSICAL_HOST.index,
        })?;
        records.push(&self.cpu)?;
        records.push(&self.memory)?;
        records.push(&self.disk)?;
        records.push(&self.net)
    }
}

impl Host {
    /// Reads the counters of a container from its control group (version 1 or 2) and, for its
    /// traffic, from `/proc`. `None` if it has no control group, because it has ended, or if its
    /// control group is that of the whole host (`/`).
    pub fn container_counters(&self, container: &Container) -> Option<ContainerCounters> {
        let (cgroup, process) = (container.cgroup.as_deref(), container.process);
        let usage = ContainerUsage::read(&self.roots, cgroup, process)?;
        let mut counters = ContainerCounters::from_usage(container, &usage, self.memory());
        if let Some(process) = container.process.filter(|_| !container.host_network)
            && let Some(net) = self.process_traffic(process)
        {
            counters.net = net;
        }
        Some(counters)
    }
}
