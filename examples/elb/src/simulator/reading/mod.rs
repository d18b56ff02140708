//! What an agent reads at one moment, kept until the datagram leaves: structures of the wire,
//! filled the way Host sFlow fills them.

mod container;
mod host;
mod packet;
mod port;

use sflow_v5::counter::{HostDescr, IfCounters, PortName};
use sflow_v5::enums::{DataSourceKind, MachineType, OsName};
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Counter32, Counter64, Uuid};
use sflow_v5::{CounterRecord, CountersSample, DataSource, EncodeError, Encoder, Records, Sample};

pub(super) use container::ContainerReading;
pub(super) use host::HostReading;
pub(super) use packet::PacketReading;
pub(super) use port::Port;

/// The host itself, as a data source.
pub(super) const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);

/// A sample to be.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    Host(u32, Box<HostReading>),
    Port(u32, Port, IfCounters),
    Container(u32, Box<ContainerReading>),
    Packet(PacketReading),
}

impl Reading {
    /// Writes the sample.
    pub(super) fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Host(sequence, reading) => reading.push(*sequence, encoder),
            Self::Port(sequence, port, counters) => {
                let name = PortName {
                    name: port.name().into(),
                };
                push(
                    *sequence,
                    port.source(),
                    &[name.into(), (*counters).into()],
                    encoder,
                )
            }
            Self::Container(sequence, reading) => reading.push(*sequence, encoder),
            Self::Packet(reading) => reading.push(encoder),
        }
    }
}

fn push(
    sequence: u32,
    source: DataSource,
    records: &[CounterRecord<'_>],
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    encoder.push(&Sample::Counters(CountersSample {
        sequence_number: sequence,
        source_id: source,
        encoding: Encoding::Expanded,
        records: Records::from(records),
    }))
}

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
