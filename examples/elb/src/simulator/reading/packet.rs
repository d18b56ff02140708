use sflow_metrics::Timestamp;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{ExtendedTimestamp, SampledHeader};
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::Opaque;
use sflow_v5::{EncodeError, FlowRecord, FlowSample, Interface};

use super::Port;
use crate::simulator::packets::Packet;

/// A packet that was sampled on the bridge.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulator) struct PacketReading {
    pub(in crate::simulator) at: Timestamp,
    pub(in crate::simulator) packet: Packet,
}

impl PacketReading {
    pub(in crate::simulator) fn flow_sample(&self, sampling_rate: u32) -> FlowSample<'static> {
        let bridge = Interface::index(Port::Bridge.index());
        let unknown = Interface::default();
        let (input, output) = if self.packet.inbound {
            (bridge, unknown)
        } else {
            (unknown, bridge)
        };
        FlowSample {
            sampling_rate,
            input,
            output,
            ..FlowSample::default()
        }
    }

    pub(in crate::simulator) fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, FlowRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&ExtendedTimestamp {
            nanoseconds: self.at.as_nanos(),
        })?;
        records.push(&SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: self.packet.frame_length,
            stripped: Packet::STRIPPED,
            header: Opaque(self.packet.header()),
        })
    }
}
