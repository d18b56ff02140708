use crate::error::{DecodeError, EncodeError};
use crate::flow::FlowRecord;
use crate::frame::{Frame, Records};
use crate::source::{DataSource, Encoding, Interface};
use crate::structure::FlowStructure;
use crate::wire::Wire;
use crate::writer::Writer;

/// A sampled packet: one of `sampling_rate` packets, its interfaces, and records that describe it.
///
/// Source: sFlow Version 5, `flow_sample` and `flow_sample_expanded`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlowSample<'a> {
    /// Increases by one with each flow sample of this data source.
    pub sequence_number: u32,
    /// The data source that sampled the packet.
    pub source_id: DataSource,
    /// One of this many packets is sampled; 0 if unknown.
    pub sampling_rate: u32,
    /// Number of packets that could have been sampled, modulo 2^32.
    pub sample_pool: u32,
    /// Number of samples that the agent dropped for lack of resources.
    pub drops: u32,
    /// Input interface.
    pub input: Interface,
    /// Output interface, or the reason for which the packet was dropped.
    pub output: Interface,
    /// Encoding of data source and interfaces.
    pub encoding: Encoding,
    /// Records that describe the packet.
    pub records: Records<'a, FlowRecord<'a>>,
}

impl<'a> FlowSample<'a> {
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
    pub(super) fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let fixed = match encoding {
            Encoding::Compact => 32,
            Encoding::Expanded => 44,
        };
        let (mut head, behind) = bytes
            .split_at_checked(fixed)
            .ok_or_else(|| DecodeError::truncated(bytes, fixed))?;
        let head = &mut head;
        Ok(Self {
            sequence_number: u32::decode(head)?,
            source_id: DataSource::decode(encoding, head)?,
            sampling_rate: u32::decode(head)?,
            sample_pool: u32::decode(head)?,
            drops: u32::decode(head)?,
            input: Interface::decode(encoding, head)?,
            output: Interface::decode(encoding, head)?,
            encoding,
            records: Records::new(behind, u32::decode(head)?),
        })
    }

    /// Fails if a field does not fit into the encoding.
    pub(crate) fn check_ranges(&self) -> Result<(), EncodeError> {
        if self.encoding == Encoding::Expanded {
            return Ok(());
        }
        self.source_id.check_compact()?;
        self.input.check_compact("input.format", "input.value")?;
        self.output.check_compact("output.format", "output.value")
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        self.encode_fields(out);
        self.records.write(out);
    }

    /// Writes the fields in front of the records.
    pub(crate) fn encode_fields(&self, out: &mut Writer<'_>) {
        let length = match self.encoding {
            Encoding::Compact => 28,
            Encoding::Expanded => 40,
        };
        out.fixed(length, |out| {
            out.word(self.sequence_number);
            self.source_id.encode(self.encoding, out);
            out.word(self.sampling_rate);
            out.word(self.sample_pool);
            out.word(self.drops);
            self.input.encode(self.encoding, out);
            self.output.encode(self.encoding, out);
        });
    }
}
