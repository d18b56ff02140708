//! Samples: what happened to a packet, or what a data source has counted.

use crate::counter::CounterRecord;
use crate::error::{Error, Stop};
use crate::flow::FlowRecord;
use crate::format::DataFormat;
use crate::frame::{self, Frame, Record, Records};
use crate::source::{DataSource, Encoding, Interface};
use crate::structure::{CounterStructure, FlowStructure};
use crate::wire::Wire;
use crate::writer::Writer;

const FLOW_SAMPLE: DataFormat = DataFormat::new(0, 1);
const COUNTERS_SAMPLE: DataFormat = DataFormat::new(0, 2);
const FLOW_SAMPLE_EXPANDED: DataFormat = DataFormat::new(0, 3);
const COUNTERS_SAMPLE_EXPANDED: DataFormat = DataFormat::new(0, 4);

/// One sample of a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// `0:1` and `0:3`: a packet.
    Flow(FlowSample<'a>),
    /// `0:2` and `0:4`: the counters of a data source.
    Counters(CountersSample<'a>),
    /// A kind of sample that this crate does not know, with its bytes.
    Unknown(Frame<'a>),
    /// A sample that cannot be read, or the rest of a datagram whose framing is broken; with
    /// those bytes and the reason.
    Malformed(Frame<'a>, Error),
}

impl<'a> Sample<'a> {
    #[inline(always)]
    pub(crate) fn read(frame: Frame<'a>) -> Self {
        match frame.format {
            FLOW_SAMPLE => Self::flow(Encoding::Compact, frame),
            COUNTERS_SAMPLE => Self::counters(Encoding::Compact, frame),
            FLOW_SAMPLE_EXPANDED => Self::flow(Encoding::Expanded, frame),
            COUNTERS_SAMPLE_EXPANDED => Self::counters(Encoding::Expanded, frame),
            _ => Self::Unknown(frame),
        }
    }

    #[inline(always)]
    fn flow(encoding: Encoding, frame: Frame<'a>) -> Self {
        match FlowSample::decode(encoding, frame.bytes) {
            Ok(sample) => Self::Flow(sample),
            Err(stop) => Self::malformed("flow_sample", stop, frame),
        }
    }

    #[inline(always)]
    fn counters(encoding: Encoding, frame: Frame<'a>) -> Self {
        match CountersSample::decode(encoding, frame.bytes) {
            Ok(sample) => Self::Counters(sample),
            Err(stop) => Self::malformed("counters_sample", stop, frame),
        }
    }

    #[cold]
    fn malformed(structure: &'static str, stop: Stop, frame: Frame<'a>) -> Self {
        Self::Malformed(frame, stop.report(structure, "", frame.bytes))
    }

    /// The last sample of a datagram, where the next frame is not wholly there.
    #[cold]
    pub(crate) fn broken(rest: &'a [u8]) -> Self {
        let (frame, error) = Frame::broken("sample", rest);
        Self::Malformed(frame, error)
    }

    /// The number under which it stands on the wire.
    pub const fn format(&self) -> DataFormat {
        match self {
            Self::Flow(FlowSample {
                encoding: Encoding::Compact,
                ..
            }) => FLOW_SAMPLE,
            Self::Flow(_) => FLOW_SAMPLE_EXPANDED,
            Self::Counters(CountersSample {
                encoding: Encoding::Compact,
                ..
            }) => COUNTERS_SAMPLE,
            Self::Counters(_) => COUNTERS_SAMPLE_EXPANDED,
            Self::Unknown(frame) | Self::Malformed(frame, _) => frame.format,
        }
    }

    /// The specification's name, if the kind is known.
    pub fn name(&self) -> Option<&'static str> {
        match self.format() {
            FLOW_SAMPLE => Some("flow_sample"),
            COUNTERS_SAMPLE => Some("counters_sample"),
            FLOW_SAMPLE_EXPANDED => Some("flow_sample_expanded"),
            COUNTERS_SAMPLE_EXPANDED => Some("counters_sample_expanded"),
            _ => None,
        }
    }

    /// Reads every record; the first thing that is malformed is the answer.
    ///
    /// # Errors
    ///
    /// Why the sample, or the first record of it that cannot be read, is malformed.
    pub fn validate(&self) -> Result<(), Error> {
        let error = match self {
            Self::Flow(sample) => sample.records().find_map(|record| record.error()),
            Self::Counters(sample) => sample.records().find_map(|record| record.error()),
            Self::Unknown(_) => None,
            Self::Malformed(_, error) => Some(*error),
        };
        error.map_or(Ok(()), Err)
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        match self {
            Self::Flow(sample) => frame::write(self.format(), out, |out| sample.encode(out)),
            Self::Counters(sample) => frame::write(self.format(), out, |out| sample.encode(out)),
            Self::Unknown(frame) | Self::Malformed(frame, _) => frame.write(out),
        }
    }
}

/// One packet in `sampling_rate`: where it passed, and what is known of it.
///
/// Source: sFlow Version 5, `flow_sample` and `flow_sample_expanded`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlowSample<'a> {
    /// Goes up by one with each flow sample of this data source.
    pub sequence_number: u32,
    /// What sampled it.
    pub source_id: DataSource,
    /// One packet of so many was sampled; 0 if unknown.
    pub sampling_rate: u32,
    /// Packets that could have been sampled, modulo 2^32.
    pub sample_pool: u32,
    /// Samples that the agent lost for lack of resources.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out, or why not.
    pub output: Interface,
    /// How the sample stands on the wire.
    pub encoding: Encoding,
    /// What is known of the packet.
    pub records: Records<'a, FlowRecord<'a>>,
}

impl<'a> FlowSample<'a> {
    /// The records, each read as it is reached.
    pub fn records(&self) -> impl Iterator<Item = FlowRecord<'a>> + Clone + use<'a> {
        self.records.iter()
    }

    /// The first record of this type that can be read; all others are passed over unread.
    pub fn find<T: FlowStructure<'a>>(&self) -> Option<T> {
        self.records.find(T::FORMAT, T::read, T::of)
    }

    #[inline(always)]
    fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Self, Stop> {
        let fixed = match encoding {
            Encoding::Compact => 32,
            Encoding::Expanded => 44,
        };
        let (mut head, behind) = bytes
            .split_at_checked(fixed)
            .ok_or_else(|| Stop::truncated(bytes, fixed))?;
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

    fn encode(&self, out: &mut Writer<'_>) {
        out.word(self.sequence_number);
        self.source_id.encode(self.encoding, out);
        out.word(self.sampling_rate);
        out.word(self.sample_pool);
        out.word(self.drops);
        self.input.encode(self.encoding, out);
        self.output.encode(self.encoding, out);
        self.records.write(out);
    }
}

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

    /// The first record of this type that can be read; all others are passed over unread.
    pub fn find<T: CounterStructure<'a>>(&self) -> Option<T> {
        self.records.find(T::FORMAT, T::read, T::of)
    }

    #[inline(always)]
    fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Self, Stop> {
        let fixed = match encoding {
            Encoding::Compact => 12,
            Encoding::Expanded => 16,
        };
        let (mut head, behind) = bytes
            .split_at_checked(fixed)
            .ok_or_else(|| Stop::truncated(bytes, fixed))?;
        let head = &mut head;
        Ok(Self {
            sequence_number: u32::decode(head)?,
            source_id: DataSource::decode(encoding, head)?,
            encoding,
            records: Records::new(behind, u32::decode(head)?),
        })
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.word(self.sequence_number);
        self.source_id.encode(self.encoding, out);
        self.records.write(out);
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Sample<'_> {
    /// `{"format", "name", …, "records"}`, or the bytes of what is not understood.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let sample_map = |serializer: S, fields: usize| -> Result<S::SerializeStruct, S::Error> {
            let mut map = serializer.serialize_struct("sample", fields)?;
            map.serialize_field("format", &self.format())?;
            map.serialize_field("name", &self.name())?;
            Ok(map)
        };
        match self {
            Self::Flow(sample) => {
                let mut map = sample_map(serializer, 10)?;
                map.serialize_field("sequence_number", &sample.sequence_number)?;
                map.serialize_field("source_id", &sample.source_id)?;
                map.serialize_field("sampling_rate", &sample.sampling_rate)?;
                map.serialize_field("sample_pool", &sample.sample_pool)?;
                map.serialize_field("drops", &sample.drops)?;
                map.serialize_field("input", &sample.input)?;
                map.serialize_field("output", &sample.output)?;
                map.serialize_field("records", &sample.records)?;
                map.end()
            }
            Self::Counters(sample) => {
                let mut map = sample_map(serializer, 5)?;
                map.serialize_field("sequence_number", &sample.sequence_number)?;
                map.serialize_field("source_id", &sample.source_id)?;
                map.serialize_field("records", &sample.records)?;
                map.end()
            }
            Self::Unknown(frame) => serde::Serialize::serialize(frame, serializer),
            Self::Malformed(frame, error) => frame.serialize_with(Some(error), serializer),
        }
    }
}
