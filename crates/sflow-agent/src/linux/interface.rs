use std::fs;
use std::path::Path;

use sflow_v5::counter::{IfCounters, PortName};
use sflow_v5::enums::{DataSourceKind, IfDirection};
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64};
use sflow_v5::{CounterRecord, DataSource, EncodeError, Mac};

use super::counter32;
use super::files::Roots;

/// A network interface of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Interface {
    /// `ifIndex`.
    pub index: u32,
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its address; `None` if it has none.
    pub mac: Option<Mac>,
    /// What the interface connects.
    pub kind: InterfaceKind,
}

impl Interface {
    /// The data source that the interface reports as.
    pub const fn source(&self) -> DataSource {
        DataSource::new(DataSourceKind::INTERFACE, self.index)
    }
}

/// What an [`Interface`] connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InterfaceKind {
    /// Hardware, or what a hypervisor offers as such.
    Device,
    /// A bridge.
    Bridge,
    /// The end of a virtual cable to a container, at the host: `veth…`.
    Container,
    /// Any other: a tunnel, a VLAN, a bond.
    Other,
}

/// Counters of an interface: the records `if_counters` and `port_name`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InterfaceCounters {
    /// Its name.
    pub name: String,
    /// Its counters. All packets are counted as unicast, and multicast and broadcast are unknown, as
    /// in Host sFlow: `/proc/net/dev` has no count of broadcast and of sent multicast packets. Its
    /// count of received multicast packets may include packets that the hardware filtered and that
    /// the count of all packets does not include, so unicast packets cannot be computed from both.
    pub counters: IfCounters,
}

impl InterfaceCounters {
    /// Writes the records.
    ///
    /// # Errors
    ///
    /// If they do not fit.
    pub fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&self.counters)?;
        records.push(&PortName {
            name: self.name.as_str().into(),
        })
    }
}

impl Interface {
    /// All interfaces except loopback, by index.
    pub(super) fn all(roots: &Roots) -> Vec<Self> {
        let names = fs::read_dir(roots.sys.join("class/net"));
        let names = names.into_iter().flatten().flatten();
        let mut interfaces: Vec<Self> = names
            .filter_map(|entry| Self::named(entry.file_name().into_string().ok()?, roots))
            .collect();
        interfaces.sort_unstable();
        interfaces
    }

    fn named(name: String, roots: &Roots) -> Option<Self> {
        const LOOPBACK: &str = "772";
        let directory = Path::new("class/net").join(&name);
        let file = |name: &str| roots.sys_file(directory.join(name));
        if file("type") == LOOPBACK {
            return None;
        }
        let has = |name: &str| roots.sys.join(&directory).join(name).exists();
        let kind = if has("bridge") {
            InterfaceKind::Bridge
        } else if name.starts_with("veth") {
            InterfaceKind::Container
        } else if has("device") {
            InterfaceKind::Device
        } else {
            InterfaceKind::Other
        };
        Some(Self {
            index: file("ifindex").parse().ok()?,
            mac: file("address")
                .parse()
                .ok()
                .filter(|mac: &Mac| mac.0 != [0; 6]),
            kind,
            name,
        })
    }

    /// Its counters; `None` if it no longer exists.
    pub(super) fn counters(&self, roots: &Roots) -> Option<InterfaceCounters> {
        const ETHERNET: u32 = 6;
        /// Flags of the kernel: `IFF_UP` and `IFF_PROMISC`.
        const UP: u32 = 0x1;
        const PROMISCUOUS: u32 = 0x100;
        let traffic = *roots.traffic(None).get(&self.name)?;
        let directory = Path::new("class/net").join(&self.name);
        let file = |name: &str| roots.sys_file(directory.join(name));
        let flags = file("flags");
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
        // The state of interfaces without a carrier, such as tunnels, is "unknown".
        let is_operational = matches!(&*file("operstate"), "up" | "unknown");
        // Bit 0: administratively up; bit 1: operational.
        let status = match (flags & UP != 0, is_operational) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 3,
        };
        // In Mbit/s; -1 or unreadable if the interface has no speed.
        let speed = file("speed").parse().unwrap_or(0_u64);
        let direction = match file("duplex").as_str() {
            "full" => IfDirection::FULL_DUPLEX,
            "half" => IfDirection::HALF_DUPLEX,
            _ => IfDirection::UNKNOWN,
        };
        let counters = IfCounters {
            if_index: self.index,
            if_type: ETHERNET,
            if_speed: Gauge64(speed.saturating_mul(1_000_000)),
            if_direction: direction,
            if_status: Gauge32(status),
            if_in_octets: Counter64(traffic.bytes_in),
            if_in_ucast_pkts: counter32(traffic.packets_in),
            if_in_multicast_pkts: Counter32::UNKNOWN,
            if_in_broadcast_pkts: Counter32::UNKNOWN,
            if_in_discards: counter32(traffic.drops_in),
            if_in_errors: counter32(traffic.errors_in),
            if_in_unknown_protos: Counter32::UNKNOWN,
            if_out_octets: Counter64(traffic.bytes_out),
            if_out_ucast_pkts: counter32(traffic.packets_out),
            if_out_multicast_pkts: Counter32::UNKNOWN,
            if_out_broadcast_pkts: Counter32::UNKNOWN,
            if_out_discards: counter32(traffic.drops_out),
            if_out_errors: counter32(traffic.errors_out),
            if_promiscuous_mode: Gauge32(u32::from(flags & PROMISCUOUS != 0)),
        };
        Some(InterfaceCounters {
            name: self.name.clone(),
            counters,
        })
    }
}
