use std::time::Duration;

use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{ExtendedTimestamp, SampledHeader};
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::Opaque;
use sflow_v5::{EncodeError, FlowRecord, FlowSample};

use super::HostInterface;
use crate::packet::Packet;

/// A packet sampled on the bridge of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketReading {
    /// Time since the Unix epoch.
    pub(crate) at: Duration,
    pub(crate) packet: Packet,
}

impl PacketReading {
    pub(crate) fn flow_sample(&self, sampling_rate: u32) -> FlowSample<'static> {
        let bridge = sflow_v5::Interface::index(HostInterface::Bridge.index());
        let unknown = sflow_v5::Interface::default();
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

    pub(crate) fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, FlowRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&ExtendedTimestamp {
            nanoseconds: self.at.as_nanos() as u64,
        })?;
        records.push(&SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: self.packet.frame_length,
            stripped: Packet::STRIPPED,
            header: Opaque(self.packet.header()),
        })
    }
}
