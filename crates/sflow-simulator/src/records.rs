//! The records of samples, filled in as Host sFlow does.

mod container;
mod host;
mod interface;
mod packet;

use sflow_v5::DataSource;
use sflow_v5::counter::HostDescr;
use sflow_v5::enums::{DataSourceKind, MachineType, OsName};
use sflow_v5::types::{Counter32, Counter64, Uuid};

pub(crate) use container::ContainerReading;
pub(crate) use host::HostReading;
pub(crate) use interface::HostInterface;
pub(crate) use packet::PacketReading;

/// Data source of the host itself.
pub(crate) const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);

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

/// A 32-bit counter, which wraps.
pub(crate) fn counter32(sum: f64) -> Counter32 {
    Counter32(sum as u64 as u32)
}

/// A 64-bit counter.
pub(crate) fn counter64(sum: f64) -> Counter64 {
    Counter64(sum as u64)
}
