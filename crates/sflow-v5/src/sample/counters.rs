use crate::counter::CounterRecord;
use crate::error::{DecodeError, EncodeError};
use crate::frame::{Frame, Records};
use crate::source::{DataSource, Encoding};
use crate::structure::CounterStructure;
use crate::wire::Wire;
use crate::writer::Writer;

/// The counters of a data source.
///
/// Source: sFlow Version 5, `counters_sample` and `counters_sample_expanded`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CountersSample<'a> {
    /// Increases by one with each counters sample of this data source; restarts if one of the
    /// counters restarts.
    pub sequence_number: u32,
    /// The data source.
    pub source_id: DataSource,
    /// Encoding of the data source.
    pub encoding: Encoding,
    /// Records of counters.
    pub records: Records<'a, CounterRecord<'a>>,
}

impl<'a> CountersSample<'a> {
    /// The records, each decoded when the iterator reaches it.
    #[inline]
    pub fn records(&self) -> impl Iterator<Item = CounterRecord<'a>> + Clone + use<'a> {
        self.records.iter()
    }

    /// The frames of the records, undecoded; they end in front of the first incomplete one.
    #[inline]
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a> {
        self.records.frames()
    }

    /// The first valid record of this type. All other records are skipped without decoding.
    #[inline]
    pub fn find<T: CounterStructure<'a>>(&self) -> Option<T> {
        self.records.find(
            T::FORMAT,
            |bytes| T::from_bytes(bytes),
            |record| T::from_record(record),
        )
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

    /// Writes the fields in front of the records.
    pub(crate) fn encode_fields(&self, out: &mut Writer<'_>) {
        out.word(self.sequence_number);
        self.source_id.encode(self.encoding, out);
    }
}
