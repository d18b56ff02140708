use sflow_v5::counter::{IfCounters, PortName};
use sflow_v5::enums::{DataSourceKind, IfDirection};
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter32, Gauge32, Gauge64};
use sflow_v5::{CounterRecord, DataSource, EncodeError};

use super::{counter32, counter64};
use crate::host::{Host, Traffic};

/// The interfaces that every host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostInterface {
    /// To the network.
    Uplink,
    /// To the containers. Packets are sampled here.
    Bridge,
}

impl HostInterface {
    pub(crate) const ALL: [Self; 2] = [Self::Uplink, Self::Bridge];

    pub(crate) const fn index(self) -> u32 {
        match self {
            Self::Uplink => 2,
            Self::Bridge => 3,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Uplink => "eth0",
            Self::Bridge => "br0",
        }
    }

    pub(crate) fn source(self) -> DataSource {
        DataSource::new(DataSourceKind::INTERFACE, self.index())
    }

    const fn traffic(self, host: &Host) -> &Traffic {
        match self {
            Self::Uplink => &host.uplink,
            Self::Bridge => &host.bridge,
        }
    }

    pub(crate) fn counters(self, host: &Host) -> IfCounters {
        const ETHERNET: u32 = 6;
        const UP: u32 = 3;
        let traffic = self.traffic(host);
        IfCounters {
            if_index: self.index(),
            if_type: ETHERNET,
            if_speed: Gauge64(10_000_000_000),
            if_direction: IfDirection::FULL_DUPLEX,
            if_status: Gauge32(UP),
            if_in_octets: counter64(traffic.in_bytes),
            if_in_ucast_pkts: counter32(traffic.in_packets),
            if_in_multicast_pkts: Counter32::UNKNOWN,
            if_in_broadcast_pkts: Counter32::UNKNOWN,
            if_in_discards: Counter32(0),
            if_in_errors: Counter32(0),
            if_in_unknown_protos: Counter32::UNKNOWN,
            if_out_octets: counter64(traffic.out_bytes),
            if_out_ucast_pkts: counter32(traffic.out_packets),
            if_out_multicast_pkts: Counter32::UNKNOWN,
            if_out_broadcast_pkts: Counter32::UNKNOWN,
            if_out_discards: Counter32(0),
            if_out_errors: Counter32(0),
            if_promiscuous_mode: Gauge32(0),
        }
    }

    pub(crate) fn encode(
        self,
        counters: &IfCounters,
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&PortName {
            name: self.name().into(),
        })?;
        records.push(counters)
    }
}
