use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use sflow_v5::types::Counter64;

use super::counter32;

/// Where the file systems of the kernel are mounted. In a container, mount those of the host
/// elsewhere and give their paths here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Default: `/proc`. The space of the root file system is read through `1/root` in it, which
    /// requires root. With another path and without that right it is unknown.
    pub proc: PathBuf,
    /// Default: `/sys`. Control groups are read below `fs/cgroup` in it.
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
        }
    }
}

impl Roots {
    /// A file of `/proc`; empty if it cannot be read.
    pub(super) fn proc_file(&self, path: impl AsRef<Path>) -> String {
        read(&self.proc.join(path)).unwrap_or_default()
    }

    /// A file of `/sys`, trimmed; empty if it cannot be read.
    pub(super) fn sys_file(&self, path: impl AsRef<Path>) -> String {
        read(&self.sys.join(path))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// Traffic of each interface in the network namespace of a process, or of this one.
    pub(super) fn traffic(&self, process: Option<u32>) -> HashMap<String, Traffic> {
        let text = match process {
            Some(process) => self.proc_file(format!("{process}/net/dev")),
            None => self.proc_file("net/dev"),
        };
        let lines = text.lines().filter_map(|line| {
            let (name, columns) = line.split_once(':')?;
            Some((name.trim().to_owned(), Traffic::parse(columns)?))
        });
        lines.collect()
    }
}

/// The content of a file; bytes that are not UTF-8 are replaced.
pub(super) fn read(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// All words that are numbers.
pub(super) fn numbers(text: &str) -> Vec<u64> {
    text.split_ascii_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Lines of a name and numbers, separated by spaces or a colon.
pub(super) fn named_numbers(text: &str) -> HashMap<&str, Vec<u64>> {
    text.lines()
        .filter_map(|line| line.split_once([' ', ':']))
        .map(|(name, rest)| (name, numbers(rest)))
        .collect()
}

/// What has passed an interface since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) bytes_in: u64,
    pub(super) packets_in: u64,
    pub(super) errors_in: u64,
    pub(super) drops_in: u64,
    pub(super) bytes_out: u64,
    pub(super) packets_out: u64,
    pub(super) errors_out: u64,
    pub(super) drops_out: u64,
}

impl Traffic {
    /// The columns of an interface in `net/dev`.
    fn parse(columns: &str) -> Option<Self> {
        let numbers = numbers(columns);
        let &[
            bytes_in,
            packets_in,
            errors_in,
            drops_in,
            _,
            _,
            _,
            _,
            bytes_out,
            packets_out,
            errors_out,
            drops_out,
            ..,
        ] = numbers.as_slice()
        else {
            return None;
        };
        Some(Self {
            bytes_in,
            packets_in,
            errors_in,
            drops_in,
            bytes_out,
            packets_out,
            errors_out,
            drops_out,
        })
    }

    pub(super) fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            bytes_in: sum.bytes_in.saturating_add(one.bytes_in),
            packets_in: sum.packets_in.saturating_add(one.packets_in),
            errors_in: sum.errors_in.saturating_add(one.errors_in),
            drops_in: sum.drops_in.saturating_add(one.drops_in),
            bytes_out: sum.bytes_out.saturating_add(one.bytes_out),
            packets_out: sum.packets_out.saturating_add(one.packets_out),
            errors_out: sum.errors_out.saturating_add(one.errors_out),
            drops_out: sum.drops_out.saturating_add(one.drops_out),
        })
    }
}

impl From<Traffic> for sflow_v5::counter::HostNetIo {
    fn from(traffic: Traffic) -> Self {
        Self {
            bytes_in: Counter64(traffic.bytes_in),
            pkts_in: counter32(traffic.packets_in),
            errs_in: counter32(traffic.errors_in),
            drops_in: counter32(traffic.drops_in),
            bytes_out: Counter64(traffic.bytes_out),
            pkts_out: counter32(traffic.packets_out),
            errs_out: counter32(traffic.errors_out),
            drops_out: counter32(traffic.drops_out),
        }
    }
}

impl From<Traffic> for sflow_v5::counter::VirtNetIo {
    fn from(traffic: Traffic) -> Self {
        Self {
            rx_bytes: Counter64(traffic.bytes_in),
            rx_packets: counter32(traffic.packets_in),
            rx_errs: counter32(traffic.errors_in),
            rx_drop: counter32(traffic.drops_in),
            tx_bytes: Counter64(traffic.bytes_out),
            tx_packets: counter32(traffic.packets_out),
            tx_errs: counter32(traffic.errors_out),
            tx_drop: counter32(traffic.drops_out),
        }
    }
}
