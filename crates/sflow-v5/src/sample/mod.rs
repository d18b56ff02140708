//! Samples: a sampled or dropped packet, the counters of a data source, or metrics of an application.

mod counters;
mod discarded;
mod flow;
mod foundry;
mod named;
mod real_time;
mod record_encoder;
#[cfg(feature = "serde")]
mod serialize;

pub use crate::frame::{Record, RecordIter};
pub use crate::source::Encoding;
pub use counters::CountersSample;
pub use discarded::DiscardedPacket;
pub use flow::FlowSample;
pub use foundry::FoundryAcl;
pub use named::{Named, NamedIter, NamedValue, NamedValues};
pub use real_time::{RtFlow, RtFlowValue, RtMetric, RtMetricValue};
pub use record_encoder::RecordEncoder;

use crate::error::{DecodeError, EncodeError, Error};
use crate::flow::FlowRecord;
use crate::format::DataFormat;
use crate::frame::{self, Frame, Records};
use crate::writer::Writer;

const FLOW_SAMPLE: DataFormat = DataFormat::new(0, 1);
const COUNTERS_SAMPLE: DataFormat = DataFormat::new(0, 2);
const FLOW_SAMPLE_EXPANDED: DataFormat = DataFormat::new(0, 3);
const COUNTERS_SAMPLE_EXPANDED: DataFormat = DataFormat::new(0, 4);
const DISCARDED_PACKET: DataFormat = DataFormat::new(0, 5);
const RTMETRIC: DataFormat = DataFormat::new(4300, 1002);
const RTFLOW: DataFormat = DataFormat::new(4300, 1003);
pub(crate) const FOUNDRY_ACL: DataFormat = DataFormat::new(1991, 1);

/// Length of the largest sample that fits into a UDP datagram.
const LONGEST: u32 = 65_507;

/// One sample of a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// `0:1` and `0:3`: a sampled packet.
    Flow(FlowSample<'a>),
    /// `0:2` and `0:4`: the counters of a data source.
    Counters(CountersSample<'a>),
    /// `0:5`: a dropped packet.
    Discarded(DiscardedPacket<'a>),
    /// `4300:1002`: metrics named by an application.
    RtMetric(RtMetric<'a>),
    /// `4300:1003`: a flow with keys named by an application.
    RtFlow(RtFlow<'a>),
    /// `1991:1`: a wrapper around the next sample.
    FoundryAcl(FoundryAcl),
    /// A sample with a number that this crate does not know.
    Unknown(Frame<'a>),
    /// A sample whose bytes are invalid, or the rest of a datagram whose framing is invalid; with
    /// these bytes and the reason.
    Malformed(Frame<'a>, Error),
}

impl<'a> Sample<'a> {
    /// The kinds of samples that this crate knows, and their names.
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
                Err(error) => Self::malformed("discarded_packet", error, frame),
            },
            RTMETRIC => match RtMetric::decode(frame.bytes) {
                Ok(sample) => Self::RtMetric(sample),
                Err(error) => Self::malformed("rtmetric", error, frame),
            },
            RTFLOW => match RtFlow::decode(frame.bytes) {
                Ok(sample) => Self::RtFlow(sample),
                Err(error) => Self::malformed("rtflow", error, frame),
            },
            FOUNDRY_ACL => match FoundryAcl::decode(frame.bytes) {
                Ok(sample) => Self::FoundryAcl(sample),
                Err(error) => Self::malformed("foundry_acl", error, frame),
            },
            _ => Self::Unknown(frame),
        }
    }

    #[inline(always)]
    fn flow(encoding: Encoding, frame: Frame<'a>) -> Self {
        match FlowSample::decode(encoding, frame.bytes) {
            Ok(sample) => Self::Flow(sample),
            Err(error) => Self::malformed("flow_sample", error, frame),
        }
    }

    #[inline(always)]
    fn counters(encoding: Encoding, frame: Frame<'a>) -> Self {
        match CountersSample::decode(encoding, frame.bytes) {
            Ok(sample) => Self::Counters(sample),
            Err(error) => Self::malformed("counters_sample", error, frame),
        }
    }

    // Inlined: a call that returns a sample would need its place in memory.
    #[inline(always)]
    fn malformed(structure: &'static str, error: DecodeError, frame: Frame<'a>) -> Self {
        Self::Malformed(frame, error.report(structure, "", frame.bytes))
    }

    /// The last sample of a datagram with an incomplete frame.
    #[cold]
    pub(crate) fn broken(rest: &'a [u8]) -> Self {
        let (frame, error) = Frame::broken("sample", rest);
        Self::Malformed(frame, error)
    }

    /// A truncated sample with its complete records, and the bytes behind them; `None` if there is
    /// no complete record.
    #[cold]
    pub(crate) fn cut(rest: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, bytes) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_be_bytes([e, f, g, h]);
        // No sample is longer, so the length is wrong.
        if length > LONGEST {
            return None;
        }
        let format = DataFormat(u32::from_be_bytes([a, b, c, d]));
        let (sample, count, behind) = match Self::read(Frame { format, bytes }) {
            Self::Flow(sample) => {
                let (records, behind) = sample.records.complete();
                let count = records.frames.left;
                (Self::Flow(FlowSample { records, ..sample }), count, behind)
            }
            Self::Counters(sample) => {
                let (records, behind) = sample.records.complete();
                let count = records.frames.left;
                let sample = CountersSample { records, ..sample };
                (Self::Counters(sample), count, behind)
            }
            Self::Discarded(sample) => {
                let (records, behind) = sample.records.complete();
                let count = records.frames.left;
                let sample = DiscardedPacket { records, ..sample };
                (Self::Discarded(sample), count, behind)
            }
            Self::RtMetric(sample) => {
                let (metrics, count, behind) = sample.metrics.complete();
                let sample = RtMetric { metrics, ..sample };
                (Self::RtMetric(sample), count, behind)
            }
            Self::RtFlow(sample) => {
                let (fields, count, behind) = sample.fields.complete();
                (Self::RtFlow(RtFlow { fields, ..sample }), count, behind)
            }
            _ => return None,
        };
        (count > 0).then_some((sample, behind))
    }

    /// The bytes behind the complete records of a truncated sample, and the reason.
    #[cold]
    pub(crate) fn behind_cut(rest: &'a [u8]) -> Self {
        let (frame, error) = Frame::broken("sample", rest);
        let bytes = Self::cut(rest).map_or(frame.bytes, |(_, behind)| behind);
        Self::Malformed(Frame { bytes, ..frame }, error)
    }

    /// Number of the kind and encoding of the sample.
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

    /// Name in the specification, if the kind is known.
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

    /// Decodes every record and returns the first error.
    ///
    /// # Errors
    ///
    /// If the sample or one of its records is malformed.
    pub fn validate(&self) -> Result<(), Error> {
        let error = match self {
            Self::Flow(sample) => first_error(sample.records, flow_error),
            Self::Counters(sample) => first_error(sample.records, Record::error),
            Self::Discarded(sample) => first_error(sample.records, flow_error),
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

    /// Whether the datagram counts this and the next sample as one.
    pub(crate) const fn is_wrapper(&self) -> bool {
        matches!(self, Self::FoundryAcl(_))
    }
}

/// The error of the first malformed record. Records are inspected in place: passing one on would
/// copy it.
#[inline]
fn first_error<'a, R: Record<'a>>(
    records: Records<'a, R>,
    error: impl Fn(&R) -> Option<Error>,
) -> Option<Error> {
    let mut records = records.iter();
    while let Some(record) = &records.next() {
        if let Some(error) = error(record) {
            return Some(error);
        }
    }
    None
}

/// The error of a flow record, or the first error inside an aggregation of 802.11 frames. At most
/// eight aggregations are nested.
fn flow_error(record: &FlowRecord<'_>) -> Option<Error> {
    match record {
        FlowRecord::Extended80211Aggregation(aggregation) => {
            let mut pdus = aggregation.pdus.iter();
            pdus.find_map(|pdu| first_error(pdu.records, flow_error))
        }
        record => record.error(),
    }
}
