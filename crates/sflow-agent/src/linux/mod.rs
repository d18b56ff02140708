//! Counters of this host, its interfaces and its containers, and samples of its packets.
//!
//! [`HostAgent`] reports all of them. [`Host`] reads the files of the kernel once for each sample, and
//! [`PacketSampler`] waits for packets on a thread of its own. Every value that they return writes
//! its own records, so that an [`Agent`](crate::Agent) with other sources can use them too:
//!
//! ```no_run
//! use std::net::IpAddr;
//! use std::time::Duration;
//!
//! use sflow_agent::linux::{Host, PHYSICAL_HOST, PacketSampler};
//! use sflow_agent::{Agent, Config};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     const RATE: u32 = 400;
//!     let now = Duration::ZERO;
//!     let mut agent = Agent::new(Config::new(IpAddr::from([10, 0, 0, 1])), now);
//!     let host = Host::default();
//!     agent.add("host", PHYSICAL_HOST, now)?;
//!     let counters = host.counters(None, 0);
//!     agent.counters_sample(&"host", now, |records| counters.encode(records))?;
//!
//!     let interfaces = host.interfaces();
//!     let interface = interfaces.first().ok_or("the host has no interface")?;
//!     agent.add("interface", interface.source(), now)?;
//!     let sampler = PacketSampler::open(RATE)?;
//!     if let Some(packet) = sampler.next_packet()?
//!         && packet.if_index == interface.index
//!     {
//!         agent.add_to_pool(&"interface", RATE)?;
//!         let sample = packet.flow_sample(RATE);
//!         agent.flow_sample(&"interface", now, &sample, |records| packet.encode(records))?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The records are those of Host sFlow: `host_descr`, `host_adapters`, `host_cpu`,
//! `host_memory`, `host_disk_io`, `host_net_io` and `virt_node` of a host; `if_counters` and
//! `port_name` of an interface; `host_descr`, `host_adapters`, `host_parent`, `virt_cpu`,
//! `virt_memory`, `virt_disk_io` and `virt_net_io` of a container; `sampled_header` of a packet.

mod agent;
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

pub use agent::HostAgent;
pub use cgroup::ContainerUsage;
pub use container::{Container, ContainerCounters, container_uuid};
pub use files::Roots;
pub use host::{Host, HostCounters};
pub use interface::{Interface, InterfaceCounters, InterfaceKind};
pub use packets::{Delivery, Packet, PacketSampler};

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
