//! Readings of an agent.

use sflow_v5::counter::{Adapter, HostAdapters, HostDescr};
use sflow_v5::enums::{AsPathKind, HeaderProtocol, MachineType, OsName};
use sflow_v5::flow::{
    AsPathSegment, ExtendedGateway, ExtendedRouter, ExtendedSwitch, SampledHeader,
};
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Community, List, Opaque, Text, Uuid};
use sflow_v5::{Address, CounterRecord, EncodeError, FlowRecord, Mac};

use super::packet::Packet;

/// A packet and its path.
#[derive(Clone, Debug)]
pub(super) struct PacketReading {
    pub(super) packet: Packet,
    pub(super) switch: ExtendedSwitch,
    pub(super) router: Option<ExtendedRouter>,
    pub(super) gateway: Option<Gateway>,
}

/// The path of a packet between autonomous systems.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    pub(super) nexthop: Address,
    pub(super) src_as: u32,
    pub(super) path: Vec<u32>,
    pub(super) communities: Vec<Community>,
}

impl PacketReading {
    pub(super) fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, FlowRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: self.packet.frame_length,
            stripped: 4,
            header: Opaque(&self.packet.header),
        })?;
        records.push(&self.switch)?;
        if let Some(router) = &self.router {
            records.push(router)?;
        }
        if let Some(gateway) = &self.gateway {
            let segments = [AsPathSegment {
                kind: AsPathKind::SEQUENCE,
                as_number: List::from(&gateway.path[..]),
            }];
            records.push(&ExtendedGateway {
                nexthop: gateway.nexthop,
                as_number: 64_512,
                src_as: gateway.src_as,
                src_peer_as: gateway.path.first().copied().unwrap_or_default(),
                dst_as_path: List::from(&segments[..]),
                communities: List::from(&gateway.communities[..]),
                localpref: 100,
            })?;
        }
        Ok(())
    }
}

/// A host or a container.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    pub(super) adapters: Vec<(u32, Mac)>,
}

impl Machine {
    /// Writes its description, these counters, and its adapters.
    pub(super) fn encode(
        &self,
        counters: &[CounterRecord<'_>],
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&HostDescr {
            hostname: Text::from(self.name.as_str()),
            uuid: self.uuid,
            machine_type: MachineType::X86_64,
            os_name: OsName::LINUX,
            os_release: Text::from("6.1.0-37-amd64"),
        })?;
        for record in counters {
            records.push_record(record)?;
        }
        let adapters: Vec<_> = self
            .adapters
            .iter()
            .map(|(if_index, mac)| Adapter {
                if_index: *if_index,
                mac_address: List::from(std::slice::from_ref(mac)),
            })
            .collect();
        records.push(&HostAdapters {
            adapters: List::from(&adapters[..]),
        })
    }
}
