//! Counters of this host, its interfaces and its containers, and samples of its packets.
//!
//! [`Host`] reads the files of the kernel once for each sample. Every value that it returns
//! writes its own records:
//!
//! ```
//! use std::net::IpAddr;
//! use std::time::Duration;
//!
//! use sflow_agent::linux::{Host, PHYSICAL_HOST};
//! use sflow_agent::{Agent, Config};
//!
//! let now = Duration::ZERO;
//! let mut agent = Agent::new(Config::new(IpAddr::from([10, 0, 0, 1])), now);
//! agent.add("host", PHYSICAL_HOST, now)?;
//! let counters = Host::default().counters(None, 0);
//! agent.counters_sample(&"host", now, |records| counters.encode(records))?;
//! # Ok::<(), sflow_agent::Error>(())
//! ```
//!
//! The records are those of Host sFlow: `host_descr`, `host_adapters`, `host_cpu`,
//! `host_memory`, `host_disk_io`, `host_net_io` and `virt_node` of a host; `if_counters` and
//! `port_name` of an interface; `host_descr`, `host_adapters`, `host_parent`, `virt_cpu`,
//! `virt_memory`, `virt_disk_io` and `virt_net_io` of a container; `sampled_header` of a packet.

mod cgroup;
mod container;
mod files;
mod host;
mod interface;
mod packets;

use sflow_v5::DataSource;
use sflow_v5::counter::HostDescr;
use sflow_v5::enums::{DataSourceKind, MachineType, OsName};
use sflow_v5::types::{Counter32, Uuid};

pub use container::{Container, ContainerCounters, container_uuid};
pub use files::Roots;
pub use host::{Host, HostCounters};
pub use interface::{Interface, InterfaceCounters, InterfaceKind};
pub use packets::{Packet, PacketSampler};

/// The data source of a host itself: physical entity 1.
pub const PHYSICAL_HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);

/// `host_descr` of a machine with Linux.
fn description<'a>(name: &'a str, uuid: Uuid, release: &'a str) -> HostDescr<'a> {
    let machine_type = if cfg!(target_arch = "x86_64") {
        MachineType::X86_64
    } else if cfg!(target_arch = "x86") {
        MachineType::X86
    } else if cfg!(any(target_arch = "aarch64", target_arch = "arm")) {
        MachineType::ARM
    } else {
        MachineType::UNKNOWN
    };
    HostDescr {
        hostname: name.into(),
        uuid,
        machine_type,
        os_name: OsName::LINUX,
        os_release: release.into(),
    }
}

/// The first 64 bytes of a name, the limit of `host_descr`, or fewer if a character would be cut.
fn truncated(name: &str) -> &str {
    const LONGEST: usize = 64;
    let ends = name
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|end| *end <= LONGEST).last();
    &name[..end.unwrap_or(0)]
}

/// A total modulo 2^32.
const fn counter32(total: u64) -> Counter32 {
    Counter32(total as u32)
}
