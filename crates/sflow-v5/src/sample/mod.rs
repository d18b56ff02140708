//! Samples: what happened to a packet, or what a data source has counted.

mod counters;
mod discarded;
mod flow;
mod foundry;
mod named;
mod real_time;
#[cfg(feature = "serde")]
mod serialize;

pub use crate::encoder::RecordEncoder;
pub use crate::frame::{Record, RecordIter};
pub use crate::source::Encoding;
pub use counters::CountersSample;
pub use discarded::DiscardedPacket;
pub use flow::FlowSample;
pub use foundry::FoundryAcl;
pub use named::{Named, NamedIter, NamedValue, NamedValues};
pub use real_time::{RtFlow, RtFlowValue, RtMetric, RtMetricValue};

use crate::encoder::EncodeError;
use crate::error::{DecodeError, Error};
use crate::flow::FlowRecord;
use crate::format::DataFormat;
use crate::frame::{self, Frame};

use crate::writer::Writer;

const FLOW_SAMPLE: DataFormat = DataFormat::new(0, 1);
const COUNTERS_SAMPLE: DataFormat = DataFormat::new(0, 2);
const FLOW_SAMPLE_EXPANDED: DataFormat = DataFormat::new(0, 3);
const COUNTERS_SAMPLE_EXPANDED: DataFormat = DataFormat::new(0, 4);
const DISCARDED_PACKET: DataFormat = DataFormat::new(0, 5);
const RTMETRIC: DataFormat = DataFormat::new(4300, 1002);
const RTFLOW: DataFormat = DataFormat::new(4300, 1003);
pub(crate) const FOUNDRY_ACL: DataFormat = DataFormat::new(1991, 1);

/// Bytes of the longest sample that fits into a datagram of UDP.
const LONGEST: u32 = 65_507;

/// One sample of a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// `0:1` and `0:3`: a packet.
    Flow(FlowSample<'a>),
    /// `0:2` and `0:4`: the counters of a data source.
    Counters(CountersSample<'a>),
    /// `0:5`: a packet that was dropped.
    Discarded(DiscardedPacket<'a>),
    /// `4300:1002`: metrics that an application named itself.
    RtMetric(RtMetric<'a>),
    /// `4300:1003`: a flow whose keys an application named itself.
    RtFlow(RtFlow<'a>),
    /// `1991:1`: what was put around the next sample.
    FoundryAcl(FoundryAcl),
    /// A kind of sample that this crate does not know, with its bytes.
    Unknown(Frame<'a>),
    /// A sample that cannot be read, or the rest of a datagram whose framing is broken; with
    /// those bytes and the reason.
    Malformed(Frame<'a>, Error),
}

impl<'a> Sample<'a> {
    /// Every kind of sample that this crate knows, and its name.
    pub const REGISTERED: &'static [(DataFormat, &'static str)] = &[
        (FLOW_SAMPLE, "flow_sample"),
        (COUNTERS_SAMPLE, "counters_sample"),
        (FLOW_SAMPLE_EXPANDED, "flow_sample_expanded"),
        (COUNTERS_SAMPLE_EXPANDED, "counters_sample_expanded"),
        (DISCARDED_PACKET, "discarded_packet"),
        (FOUNDRY_ACL, "foundry_acl"),
        (RTMETRIC, "rtmetric"),
        (RTFLOW, "rtflow"),
    ];

    #[inline(always)]
    pub(crate) fn read(frame: Frame<'a>) -> Self {
        match frame.format {
            FLOW_SAMPLE => Self::flow(Encoding::Compact, frame),
            COUNTERS_SAMPLE => Self::counters(Encoding::Compact, frame),
            FLOW_SAMPLE_EXPANDED => Self::flow(Encoding::Expanded, frame),
            COUNTERS_SAMPLE_EXPANDED => Self::counters(Encoding::Expanded, frame),
            DISCARDED_PACKET => match DiscardedPacket::decode(frame.bytes) {
                Ok(sample) => Self::Discarded(sample),
                Err(stop) => Self::malformed("discarded_packet", stop, frame),
            },
            RTMETRIC => match RtMetric::decode(frame.bytes) {
                Ok(sample) => Self::RtMetric(sample),
                Err(stop) => Self::malformed("rtmetric", stop, frame),
            },
            RTFLOW => match RtFlow::decode(frame.bytes) {
                Ok(sample) => Self::RtFlow(sample),
                Err(stop) => Self::malformed("rtflow", stop, frame),
            },
            FOUNDRY_ACL => match FoundryAcl::decode(frame.bytes) {
                Ok(sample) => Self::FoundryAcl(sample),
                Err(stop) => Self::malformed("foundry_acl", stop, frame),
            },
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
    fn malformed(structure: &'static str, stop: DecodeError, frame: Frame<'a>) -> Self {
        Self::Malformed(frame, stop.report(structure, "", frame.bytes))
    }

    /// The last sample of a datagram, where the next frame is not wholly there.
    #[cold]
    pub(crate) fn broken(rest: &'a [u8]) -> Self {
        let (frame, error) = Frame::broken("sample", rest);
        Self::Malformed(frame, error)
    }

    /// The whole records of a sample that is cut, and the bytes behind them; `None` if there is
    /// no such record.
    #[cold]
    pub(crate) fn cut(rest: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, bytes) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_be_bytes([e, f, g, h]);
        // A longer one was not cut: it lies.
        if length > LONGEST {
            return None;
        }
        let format = DataFormat(u32::from_be_bytes([a, b, c, d]));
        let (sample, count, behind) = match Self::read(Frame { format, bytes }) {
            Self::Flow(sample) => {
                let (records, behind) = sample.records.whole();
                let count = records.frames.left;
                (Self::Flow(FlowSample { records, ..sample }), count, behind)
            }
            Self::Counters(sample) => {
                let (records, behind) = sample.records.whole();
                let count = records.frames.left;
                let sample = CountersSample { records, ..sample };
                (Self::Counters(sample), count, behind)
            }
            Self::Discarded(sample) => {
                let (records, behind) = sample.records.whole();
                let count = records.frames.left;
                let sample = DiscardedPacket { records, ..sample };
                (Self::Discarded(sample), count, behind)
            }
            Self::RtMetric(sample) => {
                let (metrics, count, behind) = sample.metrics.whole();
                let sample = RtMetric { metrics, ..sample };
                (Self::RtMetric(sample), count, behind)
            }
            Self::RtFlow(sample) => {
                let (fields, count, behind) = sample.fields.whole();
                (Self::RtFlow(RtFlow { fields, ..sample }), count, behind)
            }
            _ => return None,
        };
        (count > 0).then_some((sample, behind))
    }

    /// The bytes behind the whole records of a sample that is cut, and the reason.
    #[cold]
    pub(crate) fn behind_cut(rest: &'a [u8]) -> Self {
        let (frame, error) = Frame::broken("sample", rest);
        let bytes = Self::cut(rest).map_or(frame.bytes, |(_, behind)| behind);
        Self::Malformed(Frame { bytes, ..frame }, error)
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
            Self::Discarded(_) => DISCARDED_PACKET,
            Self::RtMetric(_) => RTMETRIC,
            Self::RtFlow(_) => RTFLOW,
            Self::FoundryAcl(_) => FOUNDRY_ACL,
            Self::Unknown(frame) | Self::Malformed(frame, _) => frame.format,
        }
    }

    /// The specification's name, if the kind is known.
    pub fn name(&self) -> Option<&'static str> {
        let mut registered = Self::REGISTERED.iter();
        registered
            .find(|(format, _)| *format == self.format())
            .map(|(_, name)| *name)
    }

    /// The frames of the records, undecoded; they end in front of the first incomplete one.
    ///
    /// Empty for samples that do not consist of records.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a> {
        let (flow, counters) = match self {
            Self::Flow(sample) => (Some(sample.records), None),
            Self::Counters(sample) => (None, Some(sample.records)),
            Self::Discarded(sample) => (Some(sample.records), None),
            _ => (None, None),
        };
        let flow = flow.unwrap_or_default().frames();
        flow.chain(counters.unwrap_or_default().frames())
    }

    /// Reads every record; the first thing that is malformed is the answer.
    ///
    /// # Errors
    ///
    /// Why the sample, or the first record of it that cannot be read, is malformed.
    pub fn validate(&self) -> Result<(), Error> {
        let error = match self {
            Self::Flow(sample) => sample.records().find_map(flow_error),
            Self::Counters(sample) => sample.records().find_map(|record| record.error()),
            Self::Discarded(sample) => sample.records().find_map(flow_error),
            Self::RtMetric(sample) => sample.metrics.iter().find_map(|item| item.value.error()),
            Self::RtFlow(sample) => sample.fields.iter().find_map(|item| item.value.error()),
            Self::FoundryAcl(_) | Self::Unknown(_) => None,
            Self::Malformed(_, error) => Some(*error),
        };
        error.map_or(Ok(()), Err)
    }

    /// Fails if a field does not fit into the sample's encoding.
    pub(crate) fn check_ranges(&self) -> Result<(), EncodeError> {
        match self {
            Self::Flow(sample) => sample.check_ranges(),
            Self::Counters(sample) => sample.check_ranges(),
            _ => Ok(()),
        }
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        let format = self.format();
        match self {
            Self::Flow(sample) => frame::write(format, out, |out| sample.encode(out)),
            Self::Counters(sample) => frame::write(format, out, |out| sample.encode(out)),
            Self::Discarded(sample) => frame::write(format, out, |out| sample.encode(out)),
            Self::RtMetric(sample) => frame::write(format, out, |out| sample.encode(out)),
            Self::RtFlow(sample) => frame::write(format, out, |out| sample.encode(out)),
            Self::FoundryAcl(sample) => frame::write(format, out, |out| sample.encode(out)),
            Self::Unknown(frame) | Self::Malformed(frame, _) => frame.write(out),
        }
    }

    /// Whether it counts together with the sample that follows it.
    pub(crate) const fn is_wrapper(&self) -> bool {
        matches!(self, Self::FoundryAcl(_))
    }
}

/// Why a record cannot be read, or one of a frame inside it; these are eight deep at most.
fn flow_error(record: FlowRecord<'_>) -> Option<Error> {
    match record {
        FlowRecord::Extended80211Aggregation(aggregation) => {
            let mut pdus = aggregation.pdus.iter();
            pdus.find_map(|pdu| pdu.records.iter().find_map(flow_error))
        }
        record => record.error(),
    }
}
