use crate::drop_reason::DropReason;
use crate::error::DecodeError;
use crate::flow::FlowRecord;
use crate::frame::{Frame, Records};
use crate::source::{DataSource, Encoding};
use crate::structure::FlowStructure;
use crate::wire::Wire;
use crate::writer::Writer;

/// A packet that was dropped: why, and what is known of it.
///
/// Not one of many: each drop is reported, up to a rate that the agent keeps to.
///
/// Source: sFlow Dropped Packet Notification Structures, `discarded_packet`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiscardedPacket<'a> {
    /// Goes up by one with each of this data source.
    pub sequence_number: u32,
    /// What noticed it.
    pub source_id: DataSource,
    /// Drops that were not reported, for their rate or for lack of resources.
    pub drops: u32,
    /// `inputifindex`: where the packet came in; 0 if unknown.
    pub input_if_index: u32,
    /// `outputifindex`: where it was to go out; 0 if it was dropped before that was known.
    pub output_if_index: u32,
    /// Why.
    pub reason: DropReason,
    /// What is known of the packet.
    pub records: Records<'a, FlowRecord<'a>>,
}

impl<'a> DiscardedPacket<'a> {
    /// The records, each read as it is reached.
    pub fn records(&self) -> impl Iterator<Item = FlowRecord<'a>> + Clone + use<'a> {
        self.records.iter()
    }

    /// The frames of the records, undecoded; they end in front of the first incomplete one.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a> {
        self.records.frames()
    }

    /// The first record of this type that can be read; all others are passed over unread.
    pub fn find<T: FlowStructure<'a>>(&self) -> Option<T> {
        self.records.find(T::FORMAT, T::read, T::from_record)
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
