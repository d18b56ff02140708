use sflow_metrics::Timestamp;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{ExtendedTimestamp, SampledHeader};
use sflow_v5::sample::Encoding;
use sflow_v5::types::Opaque;
use sflow_v5::{EncodeError, Encoder, FlowRecord, FlowSample, Interface, Records, Sample};

use super::Port;
use crate::simulator::packets::Packet;

/// A packet that was sampled on the bridge.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulator) struct PacketReading {
    pub(in crate::simulator) sequence: u32,
    pub(in crate::simulator) rate: u32,
    pub(in crate::simulator) pool: u32,
    pub(in crate::simulator) drops: u32,
    pub(in crate::simulator) at: Timestamp,
    pub(in crate::simulator) packet: Packet,
}

impl PacketReading {
    pub(super) fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let records: [FlowRecord<'_>; 2] = [
            ExtendedTimestamp {
                nanoseconds: self.at.as_nanos(),
            }
            .into(),
            SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: self.packet.frame_length,
                stripped: Packet::STRIPPED,
                header: Opaque(self.packet.header()),
            }
            .into(),
        ];
        let bridge = Interface::index(Port::Bridge.index());
        let unknown = Interface::default();
        let (input, output) = if self.packet.inbound {
            (bridge, unknown)
        } else {
            (unknown, bridge)
        };
        encoder.push(&Sample::Flow(FlowSample {
            sequence_number: self.sequence,
            source_id: Port::Bridge.source(),
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
