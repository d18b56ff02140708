//! Control groups: files of version 2 (one hierarchy) and version 1 (one per controller).
//!
//! Sources: `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/` of the Linux kernel.

use std::path::{Component, Path, PathBuf};

use super::files::{Roots, named_numbers, numbers, read};

/// What a container has used since it started, and its limits.
///
/// [`Host::container_counters`](super::Host::container_counters) reads it from the control group of
/// the container. Programs that get it from a container engine start with the default value and set
/// the fields:
///
/// ```
/// use sflow_agent::linux::{Container, ContainerCounters, ContainerUsage};
///
/// let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// let mut usage = ContainerUsage::default();
/// (usage.cpu_milliseconds, usage.memory) = (1_500, 64 << 20);
/// let counters = ContainerCounters::from_usage(&Container::new(id, "web.1"), &usage, 8 << 30);
/// assert_eq!(counters.memory.max_memory.0, 8 << 30);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerUsage {
    /// Processor time in milliseconds.
    pub cpu_milliseconds: u64,
    /// Limit in processors, rounded; 0 if unlimited.
    pub cpus: u32,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// Limit in bytes; `None` if unlimited.
    pub memory_limit: Option<u64>,
    /// Read operations of all disks.
    pub reads: u64,
    /// Bytes read from all disks.
    pub bytes_read: u64,
    /// Write operations of all disks.
    pub writes: u64,
    /// Bytes written to all disks.
    pub bytes_written: u64,
    /// Whether its processes are suspended.
    pub is_paused: bool,
}

impl ContainerUsage {
    /// Reads the control group with this path, or else that of a process; `None` if it does not
    /// exist.
    pub(super) fn read(roots: &Roots, cgroup: Option<&Path>, process: Option<u32>) -> Option<Self> {
        let mounted = roots.sys.join("fs/cgroup");
        let membership = match process {
            Some(process) if cgroup.is_none() => roots.proc_file(format!("{process}/cgroup")),
            _ => String::new(),
        };
        let path = |controller: &str| match cgroup {
            Some(path) => below(path),
            None => below(Path::new(path_of(&membership, controller)?)),
        };
        if mounted.join("cgroup.controllers").exists() {
            Self::version_2(&mounted.join(path("")?))
        } else {
            Self::version_1(|controller| {
                let path = path(controller)?;
                // Controllers that share a hierarchy are mounted under both names together.
                let names = [controller, "cpu,cpuacct", "cpuacct,cpu"];
                let shared = if controller.starts_with("cpu") { 3 } else { 1 };
                let mut groups = names[..shared]
                    .iter()
                    .map(|name| mounted.join(name).join(&path));
                groups.find(|group| group.is_dir())
            })
        }
    }

    fn version_2(group: &Path) -> Option<Self> {
        let file = |name: &str| read(&group.join(name)).unwrap_or_default();
        let cpu = read(&group.join("cpu.stat"))?;
        let cpu_microseconds = value(&cpu, "usage_usec")?;
        let limit = file("cpu.max");
        let limit = numbers(&limit);
        let mut usage = Self {
            cpu_milliseconds: cpu_microseconds / 1_000,
            // "max" instead of the quota is not a number.
            cpus: match limit[..] {
                [quota, period] => processors(quota, period),
                _ => 0,
            },
            memory: file("memory.current").trim().parse().unwrap_or(0),
            memory_limit: file("memory.max").trim().parse().ok(),
            is_paused: value(&file("cgroup.events"), "frozen") == Some(1),
            ..Self::default()
        };
        let io = file("io.stat");
        for (key, number) in io
            .split_ascii_whitespace()
            .filter_map(|w| w.split_once('='))
        {
            let sum = match key {
                "rios" => &mut usage.reads,
                "rbytes" => &mut usage.bytes_read,
                "wios" => &mut usage.writes,
                "wbytes" => &mut usage.bytes_written,
                _ => continue,
            };
            *sum = sum.saturating_add(number.parse().unwrap_or(0));
        }
        Some(usage)
    }

    fn version_1(group: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        let file = |controller: &str, name: &str| read(&group(controller)?.join(name));
        let number = |controller: &str, name: &str| -> Option<u64> {
            file(controller, name)?.trim().parse().ok()
        };
        let cpu_nanoseconds = number("cpuacct", "cpuacct.usage")?;
        // The quota is -1 without a limit.
        let quota = number("cpu", "cpu.cfs_quota_us");
        let period = number("cpu", "cpu.cfs_period_us");
        let block = |names: [&str; 3]| {
            let text = names.iter().find_map(|name| {
                file("blkio", name).filter(|text| text.lines().any(|line| line.contains(':')))
            });
            let text = text.unwrap_or_default();
            (operations(&text, "Read"), operations(&text, "Write"))
        };
        let (reads, writes) = block([
            "blkio.throttle.io_serviced_recursive",
            "blkio.throttle.io_serviced",
            "blkio.io_serviced_recursive",
        ]);
        let (bytes_read, bytes_written) = block([
            "blkio.throttle.io_service_bytes_recursive",
            "blkio.throttle.io_service_bytes",
            "blkio.io_service_bytes_recursive",
        ]);
        Some(Self {
            cpu_milliseconds: cpu_nanoseconds / 1_000_000,
            cpus: quota
                .zip(period)
                .map_or(0, |(quota, period)| processors(quota, period)),
            memory: number("memory", "memory.usage_in_bytes").unwrap_or(0),
            memory_limit: number("memory", "memory.limit_in_bytes"),
            reads,
            bytes_read,
            writes,
            bytes_written,
            is_paused: file("freezer", "freezer.state").is_some_and(|s| s.trim() == "FROZEN"),
        })
    }
}

/// A path of `/proc/PID/cgroup`: of version 2 for an empty controller.
fn path_of<'a>(membership: &'a str, controller: &str) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let mut controllers = controllers.split(',');
        controllers.any(|name| name == controller).then_some(path)
    })
}

/// A path relative to the mount point; `None` if it leads out of it, as that of a process in
/// another cgroup namespace may, or if it is the mount point, which is the whole host.
fn below(path: &Path) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => relative.push(name),
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (relative != Path::new("")).then_some(relative)
}

/// The first number after a name at the start of a line.
fn value(text: &str, name: &str) -> Option<u64> {
    named_numbers(text).get(name)?.first().copied()
}

/// A quota of processor time per period, in whole processors.
fn processors(quota: u64, period: u64) -> u32 {
    if period == 0 {
        return 0;
    }
    (quota as f64 / period as f64).round() as u32
}

/// The sum over all devices: lines of device, operation and number.
fn operations(text: &str, operation: &str) -> u64 {
    let numbers = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        if words.next()? != operation {
            return None;
        }
        words.next()?.parse::<u64>().ok()
    });
    numbers.fold(0, u64::saturating_add)
}
