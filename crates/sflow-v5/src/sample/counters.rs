use crate::counter::CounterRecord;
use crate::encoder::EncodeError;
use crate::error::DecodeError;
use crate::frame::{Frame, Records};
use crate::source::{DataSource, Encoding};
use crate::structure::CounterStructure;
use crate::wire::Wire;
use crate::writer::Writer;

/// What a data source has counted.
///
/// Source: sFlow Version 5, `counters_sample` and `counters_sample_expanded`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CountersSample<'a> {
    /// Goes up by one with each counters sample of this data source; starts again when one of
    /// its counters does.
    pub sequence_number: u32,
    /// What counted.
    pub source_id: DataSource,
    /// How the sample stands on the wire.
    pub encoding: Encoding,
    /// What was counted.
    pub records: Records<'a, CounterRecord<'a>>,
}

impl<'a> CountersSample<'a> {
    /// The records, each read as it is reached.
    pub fn records(&self) -> impl Iterator<Item = CounterRecord<'a>> + Clone + use<'a> {
        self.records.iter()
    }

    /// The frames of the records, undecoded; they end in front of the first incomplete one.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a> {
        self.records.frames()
    }

    /// The first record of this type that can be read; all others are passed over unread.
    pub fn find<T: CounterStructure<'a>>(&self) -> Option<T> {
        self.records.find(T::FORMAT, T::read, T::from_record)
    }

    #[inline(always)]
    pub(super) fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let fixed = match encoding {
            Encoding::Compact => 12,
            Encoding::Expanded => 16,
        };
        let (mut head, behind) = bytes
            .split_at_checked(fixed)
            .ok_or_else(|| DecodeError::truncated(bytes, fixed))?;
        let head = &mut head;
        Ok(Self {
            sequence_number: u32::decode(head)?,
            source_id: DataSource::decode(encoding, head)?,
            encoding,
            records: Records::new(behind, u32::decode(head)?),
        })
    }

    /// Fails if a field does not fit into the encoding.
    pub(crate) fn check_ranges(&self) -> Result<(), EncodeError> {
        match self.encoding {
            Encoding::Compact => self.source_id.check_compact(),
            Encoding::Expanded => Ok(()),
        }
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        self.encode_fields(out);
        self.records.write(out);
    }

    /// Writes what precedes the records.
    pub(crate) fn encode_fields(&self, out: &mut Writer<'_>) {
        out.word(self.sequence_number);
        self.source_id.encode(self.encoding, out);
    }
}
