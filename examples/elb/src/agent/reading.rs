//! What is read at one moment, kept until the datagram leaves: structures of the wire, filled
//! the way Host sFlow fills them.

use sflow_v5::counter::{HostDescr, IfCounters, PortName};
use sflow_v5::enums::{DataSourceKind, HeaderProtocol, MachineType, OsName};
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Opaque, Uuid};
use sflow_v5::{
    CounterRecord, CountersSample, DataSource, EncodeError, Encoder, FlowSample, Interface,
    Records, Sample,
};

use super::container::ContainerReading;
use super::host::HostReading;

/// The host itself, as a data source.
pub(super) const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);

/// A sample to be.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    Host(u32, Box<HostReading>),
    Port(u32, String, Box<IfCounters>),
    Container(u32, Box<ContainerReading>),
    Packet(Box<PacketReading>),
}

impl Reading {
    /// Writes the sample.
    pub(super) fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Host(sequence, reading) => reading.push(*sequence, encoder),
            Self::Port(sequence, name, counters) => {
                let source = DataSource::new(DataSourceKind::INTERFACE, counters.if_index);
                let name = PortName {
                    name: name.as_str().into(),
                };
                let records = [(**counters).into(), name.into()];
                push(*sequence, source, &records, encoder)
            }
            Self::Container(sequence, reading) => reading.push(*sequence, encoder),
            Self::Packet(reading) => reading.push(encoder),
        }
    }
}

/// A packet that was sampled at the edge of a container.
#[derive(Clone, Debug)]
pub(super) struct PacketReading {
    pub(super) sequence: u32,
    pub(super) rate: u32,
    pub(super) pool: u32,
    pub(super) drops: u32,
    /// Of the interface of the host that the container hangs on.
    pub(super) port: u32,
    /// Whether the host received it, that is, the container sent it.
    pub(super) inbound: bool,
    /// Bytes on the wire, without the checksum, which no host sees.
    pub(super) length: u32,
    pub(super) header: Vec<u8>,
}

impl PacketReading {
    const CHECKSUM: u32 = 4;

    fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let records = [SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: self.length + Self::CHECKSUM,
            stripped: Self::CHECKSUM,
            header: Opaque(&self.header),
        }
        .into()];
        let (port, unknown) = (Interface::index(self.port), Interface::default());
        let (input, output) = if self.inbound {
            (port, unknown)
        } else {
            (unknown, port)
        };
        encoder.push(&Sample::Flow(FlowSample {
            sequence_number: self.sequence,
            source_id: DataSource::new(DataSourceKind::INTERFACE, self.port),
            sampling_rate: self.rate,
            sample_pool: self.pool,
            drops: self.drops,
            input,
            output,
            encoding: Encoding::Expanded,
            records: Records::from(&records[..]),
        }))
    }
}

/// Writes one sample of counters.
pub(super) fn push(
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

/// Who a host or a container is.
pub(super) fn identity<'a>(name: &'a str, uuid: Uuid, release: &'a str) -> HostDescr<'a> {
    let machine_type = if cfg!(target_arch = "x86_64") {
        MachineType::X86_64
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
