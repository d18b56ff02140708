use std::collections::HashMap;

use nix::sys::statvfs::statvfs;
use sflow_v5::counter::{
    Adapter, HostAdapters, HostCpu, HostDiskIo, HostMemory, HostNetIo, VirtNode,
};
use sflow_v5::types::{Gauge32, Gauge64, GaugeF32, List, Percentage, Uuid};
use sflow_v5::{EncodeError, Encoder, Mac};

use super::kernel::{Interface, Kind, Roots, Traffic, long, short};
use super::reading::{HOST, identity, push};

/// What the agent reads of the host itself.
#[derive(Clone, Debug)]
pub(super) struct HostReading {
    name: String,
    release: String,
    uuid: Uuid,
    adapters: Vec<(u32, Mac)>,
    node: VirtNode,
    disk: HostDiskIo,
    memory: HostMemory,
    cpu: HostCpu,
    net: HostNetIo,
}

/// Adapters that are told: more would leave no space for the rest of the sample.
const ADAPTERS: usize = 40;

impl HostReading {
    /// `name` is what the host is to be called; `None` for what the kernel calls it.
    pub(super) fn take(
        roots: &Roots,
        name: Option<&str>,
        interfaces: &[Interface],
        containers: usize,
    ) -> Self {
        let memory = memory(roots);
        let cpu = cpu(roots);
        let adapters = interfaces
            .iter()
            .filter(|interface| interface.kind != Kind::Edge)
            .filter_map(|interface| Some((interface.index, interface.mac?)));
        Self {
            name: name.map_or_else(|| line(roots, "sys/kernel/hostname"), cut),
            release: line(roots, "sys/kernel/osrelease"),
            uuid: uuid(roots),
            adapters: adapters.take(ADAPTERS).collect(),
            node: VirtNode {
                mhz: cpu.cpu_speed,
                cpus: cpu.cpu_num,
                memory: memory.mem_total,
                memory_free: memory.mem_free,
                num_domains: Gauge32(containers as u32),
            },
            disk: disk(roots),
            memory,
            cpu,
            net: net(roots, interfaces),
        }
    }

    pub(super) fn push(&self, sequence: u32, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let adapters: Vec<Adapter<'_>> = self
            .adapters
            .iter()
            .map(|(index, mac)| Adapter {
                if_index: *index,
                mac_address: List::from(std::slice::from_ref(mac)),
            })
            .collect();
        let records = [
            identity(&self.name, self.uuid, &self.release).into(),
            HostAdapters {
                adapters: List::from(&adapters[..]),
            }
            .into(),
            self.cpu.into(),
            self.memory.into(),
            self.disk.into(),
            self.net.into(),
            self.node.into(),
        ];
        push(sequence, HOST, &records, encoder)
    }
}

/// The kernel counts time in ticks of a hundredth of a second, wherever it tells users of it.
const MILLISECONDS_PER_TICK: u64 = 10;

/// The memory of the host, in bytes.
pub(super) fn memory_size(roots: &Roots) -> u64 {
    meminfo(roots).get("MemTotal").copied().unwrap_or(0)
}

fn line(roots: &Roots, path: &str) -> String {
    cut(roots.process(path).trim())
}

/// No name is longer than this in sFlow.
fn cut(name: &str) -> String {
    const LENGTH: usize = 64;
    name.chars().take(LENGTH).collect()
}

/// The firmware's, which only root may read; otherwise what the kernel drew when it started.
fn uuid(roots: &Roots) -> Uuid {
    let known = [
        roots.system("class/dmi/id/product_uuid"),
        line(roots, "sys/kernel/random/boot_id"),
    ];
    let known = known.iter().find_map(|text| {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect();
        sixteen_bytes(&digits)
    });
    Uuid(known.unwrap_or_default())
}

/// The first sixteen bytes of something that is written in hexadecimal digits.
pub(super) fn sixteen_bytes(digits: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    for (position, byte) in bytes.iter_mut().enumerate() {
        let digits = digits.get(2 * position..2 * position + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

fn numbers(text: &str) -> Vec<u64> {
    text.split_ascii_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Lines that begin with a name, and what follows each.
fn named(text: &str) -> HashMap<&str, Vec<u64>> {
    text.lines()
        .filter_map(|line| line.split_once([' ', ':']))
        .map(|(name, rest)| (name, numbers(rest)))
        .collect()
}

fn cpu(roots: &Roots) -> HostCpu {
    let stat = roots.process("stat");
    let stat = named(&stat);
    let times = stat.get("cpu").map_or(&[][..], Vec::as_slice);
    let time = |place: usize| {
        let ticks = times.get(place).copied().unwrap_or(0);
        short(ticks.wrapping_mul(MILLISECONDS_PER_TICK))
    };
    let first = |name: &str| stat.get(name).and_then(|n| n.first()).copied().unwrap_or(0);
    let is_processor = |name: &str| {
        name.strip_prefix("cpu")
            .is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let processors = stat.keys().filter(|name| is_processor(name)).count();

    let load = roots.process("loadavg");
    let load: Vec<&str> = load.split_ascii_whitespace().collect();
    let average = |place: usize| {
        let average = load.get(place).and_then(|load| load.parse().ok());
        GaugeF32(average.unwrap_or(0.0))
    };
    let processes = load.get(3).and_then(|both| both.split_once('/'));
    let (running, total) = processes.unwrap_or_default();
    let uptime = roots.process("uptime");
    let uptime = uptime.split('.').next().and_then(|s| s.trim().parse().ok());
    HostCpu {
        load_one: average(0),
        load_five: average(1),
        load_fifteen: average(2),
        proc_run: Gauge32(running.parse().unwrap_or(0)),
        proc_total: Gauge32(total.parse().unwrap_or(0)),
        cpu_num: Gauge32(processors as u32),
        cpu_speed: Gauge32(megahertz(roots)),
        uptime: Gauge32(uptime.unwrap_or(0)),
        cpu_user: time(0),
        cpu_nice: time(1),
        cpu_system: time(2),
        cpu_idle: time(3),
        cpu_wio: time(4),
        cpu_intr: time(5),
        cpu_sintr: time(6),
        interrupts: short(first("intr")),
        contexts: short(first("ctxt")),
        cpu_steal: Some(time(7)),
        cpu_guest: Some(time(8)),
        cpu_guest_nice: Some(time(9)),
    }
}

fn megahertz(roots: &Roots) -> u32 {
    let text = roots.process("cpuinfo");
    let speed = text
        .lines()
        .find_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'))
        .and_then(|(_, speed)| speed.trim().parse::<f64>().ok());
    speed.unwrap_or(0.0) as u32
}

/// The lines of `/proc/meminfo`, in bytes.
fn meminfo(roots: &Roots) -> HashMap<String, u64> {
    let text = roots.process("meminfo");
    let lines = named(&text).into_iter();
    lines
        .filter_map(|(name, numbers)| Some((name.to_owned(), numbers.first()? * 1024)))
        .collect()
}

fn memory(roots: &Roots) -> HostMemory {
    let known = meminfo(roots);
    let bytes = |name: &str| Gauge64(known.get(name).copied().unwrap_or(0));
    let pages = roots.process("vmstat");
    let pages = named(&pages);
    let pages = |name: &str| {
        let pages = pages.get(name).and_then(|pages| pages.first());
        short(pages.copied().unwrap_or(0))
    };
    HostMemory {
        mem_total: bytes("MemTotal"),
        mem_free: bytes("MemFree"),
        mem_shared: bytes("Shmem"),
        mem_buffers: bytes("Buffers"),
        mem_cached: bytes("Cached"),
        swap_total: bytes("SwapTotal"),
        swap_free: bytes("SwapFree"),
        page_in: pages("pgpgin"),
        page_out: pages("pgpgout"),
        swap_in: pages("pswpin"),
        swap_out: pages("pswpout"),
    }
}

fn disk(roots: &Roots) -> HostDiskIo {
    const SECTOR: u64 = 512;
    let text = roots.process("diskstats");
    let mut sums = [0_u64; 11];
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace().skip(2);
        if !words.next().is_some_and(|name| is_disk(roots, name)) {
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
    let (total, free) = statvfs("/").map_or((0, 0), |space| {
        let size = space.fragment_size();
        (space.blocks() * size, space.blocks_available() * size)
    });
    let used = (total - free.min(total)).saturating_mul(10_000);
    HostDiskIo {
        disk_total: Gauge64(total),
        disk_free: Gauge64(free),
        part_max_used: Percentage(used.checked_div(total).unwrap_or(0) as i32),
        reads: short(reads),
        bytes_read: long(sectors_read.wrapping_mul(SECTOR)),
        read_time: short(read_time),
        writes: short(writes),
        bytes_written: long(sectors_written.wrapping_mul(SECTOR)),
        write_time: short(write_time),
    }
}

/// Whether it is a whole disk: neither a part of one, nor made of others or of files.
fn is_disk(roots: &Roots, name: &str) -> bool {
    const MADE: [&str; 7] = ["loop", "ram", "dm-", "md", "zram", "sr", "nbd"];
    let is_part = || {
        let path = format!("class/block/{name}/partition");
        roots.sys.join(path).exists()
    };
    !MADE.iter().any(|made| name.starts_with(made)) && !is_part()
}

/// What has passed the interfaces that lead out of the host.
fn net(roots: &Roots, interfaces: &[Interface]) -> HostNetIo {
    let traffic = roots.traffic(None);
    let of_kind = |kind: Kind| {
        let sum = |sum: Traffic, interface: &Interface| match traffic.get(&interface.name) {
            Some(traffic) => sum.and(traffic),
            None => sum,
        };
        let mut chosen = interfaces.iter().filter(|i| i.kind == kind).peekable();
        chosen
            .peek()
            .is_some()
            .then(|| chosen.fold(Traffic::default(), sum))
    };
    let sum = of_kind(Kind::Device).or_else(|| of_kind(Kind::Other));
    let sum = sum.unwrap_or_default();
    HostNetIo {
        bytes_in: long(sum.bytes_in),
        pkts_in: short(sum.packets_in),
        errs_in: short(sum.errors_in),
        drops_in: short(sum.drops_in),
        bytes_out: long(sum.bytes_out),
        pkts_out: short(sum.packets_out),
        errs_out: short(sum.errors_out),
        drops_out: short(sum.drops_out),
    }
}
