//! What the kernel tells in its files, as little of it as is needed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use sflow_v5::Mac;
use sflow_v5::types::{Counter32, Counter64};

/// Where the kernel's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
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
    /// A file of `/proc`; one that cannot be read is empty, and what it would tell is nought.
    pub(super) fn process(&self, path: impl AsRef<Path>) -> String {
        text(&self.proc.join(path))
    }

    /// A file of `/sys`, without the end of its line.
    pub(super) fn system(&self, path: impl AsRef<Path>) -> String {
        text(&self.sys.join(path)).trim().to_owned()
    }

    /// All interfaces in the order of their index, but the loopback.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let folder = self.sys.join("class/net");
        let names = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut interfaces: Vec<Interface> = names
            .filter_map(|entry| self.interface(entry.file_name().into_string().ok()?))
            .collect();
        interfaces.sort_by_key(|interface| interface.index);
        interfaces
    }

    fn interface(&self, name: String) -> Option<Interface> {
        const LOOPBACK: &str = "772";
        let folder = Path::new("class/net").join(&name);
        if self.system(folder.join("type")) == LOOPBACK || name == "lo" {
            return None;
        }
        let has = |what: &str| self.sys.join(&folder).join(what).exists();
        let kind = if has("bridge") {
            Kind::Bridge
        } else if name.starts_with("veth") {
            Kind::Edge
        } else if has("device") {
            Kind::Device
        } else {
            Kind::Other
        };
        Some(Interface {
            index: self.system(folder.join("ifindex")).parse().ok()?,
            mac: mac(&self.system(folder.join("address"))),
            kind,
            name,
        })
    }

    /// What has passed each interface of a process's network, or of the host's.
    pub(super) fn traffic(&self, process: Option<u64>) -> HashMap<String, Traffic> {
        let text = match process {
            Some(process) => self.process(format!("{process}/net/dev")),
            None => self.process("net/dev"),
        };
        let lines = text.lines().filter_map(|line| {
            let (name, numbers) = line.split_once(':')?;
            let numbers: Vec<u64> = numbers
                .split_ascii_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect();
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
            let traffic = Traffic {
                bytes_in,
                packets_in,
                errors_in,
                drops_in,
                bytes_out,
                packets_out,
                errors_out,
                drops_out,
            };
            Some((name.trim().to_owned(), traffic))
        });
        lines.collect()
    }
}

/// An interface of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) mac: Option<Mac>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Hardware, or what a hypervisor offers as such.
    Device,
    Bridge,
    /// The host's end of a container's network.
    Edge,
    Other,
}

/// What has passed an interface, since it exists.
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
    #[must_use]
    pub(super) fn and(self, other: &Self) -> Self {
        Self {
            bytes_in: self.bytes_in.saturating_add(other.bytes_in),
            packets_in: self.packets_in.saturating_add(other.packets_in),
            errors_in: self.errors_in.saturating_add(other.errors_in),
            drops_in: self.drops_in.saturating_add(other.drops_in),
            bytes_out: self.bytes_out.saturating_add(other.bytes_out),
            packets_out: self.packets_out.saturating_add(other.packets_out),
            errors_out: self.errors_out.saturating_add(other.errors_out),
            drops_out: self.drops_out.saturating_add(other.drops_out),
        }
    }
}

/// A sum as a counter of 32 bits, which wraps.
pub(super) const fn short(sum: u64) -> Counter32 {
    Counter32(sum as u32)
}

/// A sum as a counter of 64 bits.
pub(super) const fn long(sum: u64) -> Counter64 {
    Counter64(sum)
}

/// An address as it is written; none for the empty one.
pub(super) fn mac(text: &str) -> Option<Mac> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    (parts.next().is_none() && bytes != [0; 6]).then_some(Mac(bytes))
}

fn text(path: &Path) -> String {
    fs::read(path).map_or_else(
        |_| String::new(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}
