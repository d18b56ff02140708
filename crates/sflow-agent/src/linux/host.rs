use std::collections::HashMap;

use nix::sys::statvfs::statvfs;
use sflow_v5::counter::{
    Adapter, HostAdapters, HostCpu, HostDiskIo, HostMemory, HostNetIo, VirtNetIo, VirtNode,
};
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter64, Gauge32, Gauge64, GaugeF32, List, Percentage, Uuid};
use sflow_v5::{CounterRecord, EncodeError, Mac};

use super::files::{Roots, Traffic, named_numbers};
use super::interface::{Interface, InterfaceCounters, InterfaceKind};
use super::{counter32, description, truncated};

/// Reads the counters of a host from the files of its kernel.
///
/// The values of a file that does not exist or cannot be read are unknown, or zero if their fields
/// have no value for "unknown". All others are still reported.
#[derive(Clone, Debug, Default)]
pub struct Host {
    pub(super) roots: Roots,
}

/// Counters of a host: the records `host_descr`, `host_adapters`, `host_cpu`, `host_memory`,
/// `host_disk_io`, `host_net_io` and `virt_node`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HostCounters {
    /// Its name, at most 64 bytes.
    pub name: String,
    /// Release of its kernel, at most 64 bytes.
    pub os_release: String,
    /// The identifier of the firmware, which only root can read, or else of this run of the
    /// kernel.
    pub uuid: Uuid,
    /// Index and address of its interfaces, without those of containers; at most 40.
    pub adapters: Vec<(u32, Mac)>,
    /// Load, processor time, interrupts and context switches.
    pub cpu: HostCpu,
    /// Memory and paging.
    pub memory: HostMemory,
    /// Space of the root file system, and activity of all disks.
    pub disk: HostDiskIo,
    /// Traffic of all hardware interfaces. On a host without any: of the interfaces that are
    /// neither bridges nor those of containers.
    pub net: HostNetIo,
    /// Resources for containers.
    pub node: VirtNode,
}

impl HostCounters {
    /// Writes the records.
    ///
    /// # Errors
    ///
    /// If they do not fit.
    pub fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        let adapters: Vec<Adapter<'_>> = self
            .adapters
            .iter()
            .map(|(index, mac)| Adapter {
                if_index: *index,
                mac_address: List::from(std::slice::from_ref(mac)),
            })
            .collect();
        records.push(&description(&self.name, self.uuid, &self.os_release))?;
        records.push(&HostAdapters {
            adapters: List::from(&adapters[..]),
        })?;
        records.push(&self.cpu)?;
        records.push(&self.memory)?;
        records.push(&self.disk)?;
        records.push(&self.net)?;
        records.push(&self.node)
    }
}

impl Host {
    /// Reads the files under these paths.
    pub const fn new(roots: Roots) -> Self {
        Self { roots }
    }

    /// Reads the counters of the host itself. `name` replaces the host name of the kernel;
    /// `containers` is the number of containers that run (`num_domains`).
    pub fn counters(&self, name: Option<&str>, containers: u32) -> HostCounters {
        // More would not leave enough space for the other records in a datagram.
        const ADAPTERS: usize = 40;
        let interfaces = self.interfaces();
        let adapters = interfaces
            .iter()
            .filter(|interface| interface.kind != InterfaceKind::Container)
            .filter_map(|interface| Some((interface.index, interface.mac?)));
        let (cpu, memory) = (self.cpu(), self.host_memory());
        HostCounters {
            name: match name {
                Some(name) => truncated(name).to_owned(),
                None => self.kernel_name("sys/kernel/hostname"),
            },
            os_release: self.kernel_name("sys/kernel/osrelease"),
            uuid: self.uuid(),
            adapters: adapters.take(ADAPTERS).collect(),
            node: VirtNode {
                mhz: cpu.cpu_speed,
                cpus: cpu.cpu_num,
                memory: memory.mem_total,
                memory_free: memory.mem_free,
                num_domains: Gauge32(containers),
            },
            cpu,
            memory,
            disk: self.disk(),
            net: self.net(&interfaces),
        }
    }

    /// All interfaces except loopback, by index.
    pub fn interfaces(&self) -> Vec<Interface> {
        Interface::all(&self.roots)
    }

    /// The counters of an interface; `None` if it no longer exists.
    pub fn interface_counters(&self, interface: &Interface) -> Option<InterfaceCounters> {
        interface.counters(&self.roots)
    }

    /// Memory of the host in bytes; 0 if unknown.
    pub fn memory(&self) -> u64 {
        self.meminfo().get("MemTotal").copied().unwrap_or(0)
    }

    /// Traffic of all interfaces except loopback in the network namespace of a process; `None`
    /// if the process does not exist.
    pub fn process_traffic(&self, process: u32) -> Option<VirtNetIo> {
        let interfaces = self.roots.traffic(Some(process));
        if interfaces.is_empty() {
            return None;
        }
        let counted = interfaces.iter().filter(|(name, _)| *name != "lo");
        Some(Traffic::sum(counted.map(|(_, traffic)| traffic)).into())
    }

    fn kernel_name(&self, path: &str) -> String {
        truncated(self.roots.proc_file(path).trim()).to_owned()
    }

    fn uuid(&self) -> Uuid {
        let product = self.roots.sys_file("class/dmi/id/product_uuid");
        let boot = self.roots.proc_file("sys/kernel/random/boot_id");
        let uuid = product.parse().or_else(|_| boot.trim().parse());
        uuid.unwrap_or_default()
    }

    fn cpu(&self) -> HostCpu {
        // Times are in ticks of 10 ms (USER_HZ) on all architectures that are in use.
        const MILLISECONDS_PER_TICK: u64 = 10;
        let stat = self.roots.proc_file("stat");
        let stat = named_numbers(&stat);
        let times = stat.get("cpu").map_or(&[][..], Vec::as_slice);
        let time = |column: usize| {
            let ticks = times.get(column).copied().unwrap_or(0);
            counter32(ticks.wrapping_mul(MILLISECONDS_PER_TICK))
        };
        let first = |name: &str| stat.get(name).and_then(|n| n.first()).copied().unwrap_or(0);
        let is_processor = |name: &str| {
            name.strip_prefix("cpu")
                .is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let processors = stat.keys().filter(|name| is_processor(name)).count();

        let load = self.roots.proc_file("loadavg");
        let load: Vec<&str> = load.split_ascii_whitespace().collect();
        let average = |column: usize| {
            let average = load.get(column).and_then(|load| load.parse().ok());
            average.map_or(GaugeF32::UNKNOWN, GaugeF32)
        };
        let processes = load.get(3).and_then(|both| both.split_once('/'));
        let (running, total) = processes.unwrap_or_default();
        let uptime = self.roots.proc_file("uptime");
        let uptime = uptime.split('.').next().and_then(|s| s.trim().parse().ok());
        HostCpu {
            load_one: average(0),
            load_five: average(1),
            load_fifteen: average(2),
            proc_run: Gauge32(running.parse().unwrap_or(0)),
            proc_total: Gauge32(total.parse().unwrap_or(0)),
            cpu_num: Gauge32(processors as u32),
            cpu_speed: Gauge32(self.megahertz()),
            uptime: Gauge32(uptime.unwrap_or(0)),
            cpu_user: time(0),
            cpu_nice: time(1),
            cpu_system: time(2),
            cpu_idle: time(3),
            cpu_wio: time(4),
            cpu_intr: time(5),
            cpu_sintr: time(6),
            interrupts: counter32(first("intr")),
            contexts: counter32(first("ctxt")),
            cpu_steal: Some(time(7)),
            cpu_guest: Some(time(8)),
            cpu_guest_nice: Some(time(9)),
        }
    }

    fn megahertz(&self) -> u32 {
        let text = self.roots.proc_file("cpuinfo");
        let speed = text
            .lines()
            .find_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'))
            .and_then(|(_, speed)| speed.trim().parse::<f64>().ok());
        speed.unwrap_or(0.0) as u32
    }

    /// The lines of `/proc/meminfo`, in bytes.
    fn meminfo(&self) -> HashMap<String, u64> {
        let text = self.roots.proc_file("meminfo");
        named_numbers(&text)
            .into_iter()
            .filter_map(|(name, numbers)| {
                Some((name.to_owned(), numbers.first()?.saturating_mul(1024)))
            })
            .collect()
    }

    fn host_memory(&self) -> HostMemory {
        let sizes = self.meminfo();
        let bytes = |name: &str| Gauge64(sizes.get(name).copied().unwrap_or(0));
        let counts = self.roots.proc_file("vmstat");
        let counts = named_numbers(&counts);
        let count = |name: &str| {
            let count = counts.get(name).and_then(|numbers| numbers.first());
            counter32(count.copied().unwrap_or(0))
        };
        HostMemory {
            mem_total: bytes("MemTotal"),
            mem_free: bytes("MemFree"),
            mem_shared: bytes("Shmem"),
            mem_buffers: bytes("Buffers"),
            mem_cached: bytes("Cached"),
            swap_total: bytes("SwapTotal"),
            swap_free: bytes("SwapFree"),
            page_in: count("pgpgin"),
            page_out: count("pgpgout"),
            swap_in: count("pswpin"),
            swap_out: count("pswpout"),
        }
    }

    fn disk(&self) -> HostDiskIo {
        const SECTOR: u64 = 512;
        let text = self.roots.proc_file("diskstats");
        let mut sums = [0_u64; 11];
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace().skip(2);
            if !words.next().is_some_and(|name| self.is_disk(name)) {
                continue;
            }
            for (sum, number) in sums.iter_mut().zip(words) {
                *sum = sum.saturating_add(number.parse().unwrap_or(0));
            }
        }
        let [
            reads,
            _,
            sectors_read,
            read_time,
            writes,
            _,
            sectors_written,
            write_time,
            ..,
        ] = sums;
        let (total, free) = self.root_space().unwrap_or((0, 0));
        let used = (total - free.min(total)).saturating_mul(10_000);
        HostDiskIo {
            disk_total: Gauge64(total),
            disk_free: Gauge64(free),
            part_max_used: Percentage(used.checked_div(total).unwrap_or(0) as i32),
            reads: counter32(reads),
            bytes_read: Counter64(sectors_read.wrapping_mul(SECTOR)),
            read_time: counter32(read_time),
            writes: counter32(writes),
            bytes_written: Counter64(sectors_written.wrapping_mul(SECTOR)),
            write_time: counter32(write_time),
        }
    }

    /// Total and available bytes of the root file system of the host: that of process 1, which only
    /// root can read, or else that of this process if it is known to run on the same host.
    fn root_space(&self) -> Option<(u64, u64)> {
        let of_first_process = statvfs(&self.roots.proc.join("1/root")).ok();
        let has_default_roots = self.roots.proc == Roots::default().proc;
        let space = match of_first_process {
            None if has_default_roots => statvfs("/").ok()?,
            space => space?,
        };
        let size = space.fragment_size();
        Some((space.blocks() * size, space.blocks_available() * size))
    }

    /// Whether it is a whole disk: not a partition, and not made of files or of other disks.
    fn is_disk(&self, name: &str) -> bool {
        const VIRTUAL: [&str; 7] = ["loop", "ram", "dm-", "md", "zram", "sr", "nbd"];
        let partition = format!("class/block/{name}/partition");
        !VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
            && !self.roots.sys.join(partition).exists()
    }

    /// Traffic of the interfaces that lead out of the host.
    fn net(&self, interfaces: &[Interface]) -> HostNetIo {
        let traffic = self.roots.traffic(None);
        let has_device = interfaces.iter().any(|i| i.kind == InterfaceKind::Device);
        let kind = if has_device {
            InterfaceKind::Device
        } else {
            InterfaceKind::Other
        };
        let counted = interfaces.iter().filter(|interface| interface.kind == kind);
        Traffic::sum(counted.filter_map(|interface| traffic.get(&interface.name))).into()
    }
}
