//! What an agent reads at one moment: the records, filled in the way of Host sFlow.

mod container;
mod host;
mod packet;
mod port;

use sflow_v5::DataSource;
use sflow_v5::counter::HostDescr;
use sflow_v5::enums::{DataSourceKind, MachineType, OsName};
use sflow_v5::types::{Counter32, Counter64, Uuid};

pub(super) use container::ContainerReading;
pub(super) use host::HostReading;
pub(super) use packet::PacketReading;
pub(super) use port::Port;

/// The host itself, as a data source.
pub(super) const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);

const OS_RELEASE: &str = "6.1.0-simulated";

fn identity(name: &str, uuid: Uuid) -> HostDescr<'_> {
    HostDescr {
        hostname: name.into(),
        uuid,
        machine_type: MachineType::X86_64,
        os_name: OsName::LINUX,
        os_release: OS_RELEASE.into(),
    }
}

/// A sum as a counter of 32 bits, which wraps.
pub(super) fn short(sum: f64) -> Counter32 {
    Counter32(sum as u64 as u32)
}

/// A sum as a counter of 64 bits.
pub(super) fn long(sum: f64) -> Counter64 {
    Counter64(sum as u64)
}
