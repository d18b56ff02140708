//! What an agent has to say: read, and not yet sent.

use std::rc::Rc;

use sflow_v5::counter::{Adapter, HostAdapters, HostDescr};
use sflow_v5::enums::{AsPathKind, HeaderProtocol, MachineType, OsName};
use sflow_v5::flow::{
    AsPathSegment, ExtendedGateway, ExtendedRouter, ExtendedSwitch, SampledHeader,
};
use sflow_v5::types::{Community, List, Opaque, Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, EncodeError, Encoder, FlowRecord, FlowSample, Mac,
    Records, Sample,
};

use super::packet::Packet;

/// A sample that owns what its records borrow.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    Packet(Box<PacketReading>),
    Counters(CountersReading),
}

impl Reading {
    pub(super) fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Packet(reading) => reading.push(encoder),
            Self::Counters(reading) => reading.push(encoder),
        }
    }
}

/// A packet, and where it passed.
#[derive(Clone, Debug)]
pub(super) struct PacketReading {
    pub(super) sample: FlowSample<'static>,
    pub(super) packet: Packet,
    pub(super) switch: ExtendedSwitch,
    pub(super) router: Option<ExtendedRouter>,
    pub(super) gateway: Option<Gateway>,
}

/// Where a packet travels between autonomous systems.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    pub(super) nexthop: Address,
    pub(super) src_as: u32,
    pub(super) path: Vec<u32>,
    pub(super) communities: Vec<Community>,
}

impl PacketReading {
    fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let gateway = self.gateway.as_ref();
        let segments = [AsPathSegment {
            kind: AsPathKind::SEQUENCE,
            as_number: List::from(gateway.map_or(&[][..], |gateway| &gateway.path)),
        }];
        let header = SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: self.packet.frame_length,
            stripped: 4,
            header: Opaque(&self.packet.header),
        };
        let mut records = vec![FlowRecord::from(header), FlowRecord::from(self.switch)];
        records.extend(self.router.map(FlowRecord::from));
        records.extend(gateway.map(|gateway| {
            FlowRecord::from(ExtendedGateway {
                nexthop: gateway.nexthop,
                as_number: 64_512,
                src_as: gateway.src_as,
                src_peer_as: gateway.path.first().copied().unwrap_or_default(),
                dst_as_path: List::from(&segments[..]),
                communities: List::from(&gateway.communities[..]),
                localpref: 100,
            })
        }));
        encoder.push(&Sample::Flow(FlowSample {
            records: Records::from(&records[..]),
            ..self.sample
        }))
    }
}

/// What a data source has counted.
#[derive(Clone, Debug)]
pub(super) struct CountersReading {
    pub(super) sample: CountersSample<'static>,
    /// Whose counters they are, if that is said with them.
    pub(super) whose: Option<Rc<Machine>>,
    pub(super) records: Vec<CounterRecord<'static>>,
}

/// A host or a container.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    pub(super) adapters: Vec<(u32, Mac)>,
}

impl CountersReading {
    fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let Some(machine) = &self.whose else {
            return self.push_records(&self.records, encoder);
        };
        let adapters: Vec<_> = machine
            .adapters
            .iter()
            .map(|(if_index, mac)| Adapter {
                if_index: *if_index,
                mac_address: List::from(std::slice::from_ref(mac)),
            })
            .collect();
        let description = HostDescr {
            hostname: Text::from(machine.name.as_str()),
            uuid: machine.uuid,
            machine_type: MachineType::X86_64,
            os_name: OsName::LINUX,
            os_release: Text::from("6.1.0-37-amd64"),
        };
        let adapters = HostAdapters {
            adapters: List::from(&adapters[..]),
        };
        let mut records = vec![CounterRecord::from(description)];
        records.extend(&self.records);
        records.push(CounterRecord::from(adapters));
        self.push_records(&records, encoder)
    }

    fn push_records(
        &self,
        records: &[CounterRecord<'_>],
        encoder: &mut Encoder<'_>,
    ) -> Result<(), EncodeError> {
        encoder.push(&Sample::Counters(CountersSample {
            records: Records::from(records),
            ..self.sample
        }))
    }
}
