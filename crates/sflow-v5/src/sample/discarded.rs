use crate::drop_reason::DropReason;
use crate::error::DecodeError;
use crate::flow::FlowRecord;
use crate::frame::{Frame, Records};
use crate::source::{DataSource, Encoding};
use crate::structure::FlowStructure;
use crate::wire::Wire;
use crate::writer::Writer;

/// A dropped packet: the reason, and records that describe it.
///
/// Drops are not sampled: each is reported, up to the agent's rate limit.
///
/// Source: sFlow Dropped Packet Notification Structures, `discarded_packet`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiscardedPacket<'a> {
    /// Increases by one with each dropped packet that this data source reports.
    pub sequence_number: u32,
    /// The data source that reports the drop.
    pub source_id: DataSource,
    /// Number of drops that were not reported because of the rate limit or for lack of resources.
    pub drops: u32,
    /// `inputifindex`: input interface; 0 if unknown.
    pub input_if_index: u32,
    /// `outputifindex`: output interface; 0 if the packet was dropped before it was known.
    pub output_if_index: u32,
    /// Reason of the drop.
    pub reason: DropReason,
    /// Records that describe the packet.
    pub records: Records<'a, FlowRecord<'a>>,
}

impl<'a> DiscardedPacket<'a> {
    /// The records, each decoded when the iterator reaches it.
    #[inline]
    pub fn records(&self) -> impl Iterator<Item = FlowRecord<'a>> + Clone + use<'a> {
        self.records.iter()
    }

    /// The frames of the records, undecoded; they end in front of the first incomplete one.
    #[inline]
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a> {
        self.records.frames()
    }

    /// The first valid record of this type. All other records are skipped without decoding.
    #[inline]
    pub fn find<T: FlowStructure<'a>>(&self) -> Option<T> {
        self.records.find(
            T::FORMAT,
            |bytes| T::from_bytes(bytes),
            |record| T::from_record(record),
        )
    }

    #[inline(always)]
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut head, behind) = bytes
            .split_at_checked(32)
            .ok_or_else(|| DecodeError::truncated(bytes, 32))?;
        let head = &mut head;
        Ok(Self {
            sequence_number: u32::decode(head)?,
            source_id: DataSource::decode(Encoding::Expanded, head)?,
            drops: u32::decode(head)?,
            input_if_index: u32::decode(head)?,
            output_if_index: u32::decode(head)?,
            reason: DropReason::decode(head)?,
            records: Records::new(behind, u32::decode(head)?),
        })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        self.encode_fields(out);
        self.records.write(out);
    }

    /// Writes what precedes the records.
    pub(crate) fn encode_fields(&self, out: &mut Writer<'_>) {
        out.word(self.sequence_number);
        self.source_id.encode(Encoding::Expanded, out);
        out.word(self.drops);
        out.word(self.input_if_index);
        out.word(self.output_if_index);
        self.reason.encode(out);
    }
}
