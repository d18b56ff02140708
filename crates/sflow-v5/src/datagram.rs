use core::fmt;
use core::iter::FusedIterator;

use crate::address::Address;
use crate::error::{DecodeError, Error, ErrorKind};
use crate::frame::{Frame, Frames};
use crate::sample::{FOUNDRY_ACL, FoundryAcl, Sample};
use crate::wire::Wire;
use crate::writer::Writer;

/// The version of sFlow that this crate decodes and encodes.
const VERSION: u32 = 5;

/// A datagram: its header, and its samples, which are decoded during iteration.
///
/// Source: sFlow Version 5, `sample_datagram_v5`.
///
/// ```
/// use sflow_v5::{CounterRecord, Datagram, Sample};
///
/// # fn handle(bytes: &[u8]) -> Result<(), sflow_v5::Error> {
/// let datagram = Datagram::parse(bytes)?;
/// for sample in datagram.samples() {
///     if let Sample::Counters(sample) = sample {
///         for record in sample.records() {
///             match record {
///                 CounterRecord::VirtCpu(cpu) => println!("{} ms", cpu.cpu_time),
///                 CounterRecord::Unknown(frame) => println!("{frame:?}"),
///                 CounterRecord::Malformed(frame, error) => println!("{frame:?}: {error}"),
///                 _ => {}
///             }
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datagram<'a> {
    /// The agent, and the position of the datagram in the agent's sequence.
    pub header: Header,
    samples: Samples<'a>,
}

impl<'a> Datagram<'a> {
    /// Decodes the header; [`samples`](Self::samples) decodes the samples.
    ///
    /// # Errors
    ///
    /// If the header is truncated, is not of version 5, or has an unknown address type. Whatever
    /// is malformed behind the header is an item of the iteration instead.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut input = bytes;
        let mut field = "";
        match Self::decode(&mut input, &mut field) {
            Ok(datagram) => Ok(datagram),
            Err(error) => Err(error.report("datagram", field, bytes)),
        }
    }

    #[inline(always)]
    fn decode(input: &mut &'a [u8], field: &mut &'static str) -> Result<Self, DecodeError> {
        *field = "version";
        let start = *input;
        let version = u32::decode(input)?;
        if version != VERSION {
            return Err(DecodeError::at(start, ErrorKind::Version(version)));
        }
        *field = "agent_address";
        let agent_address = Address::decode(input)?;
        *field = "";
        let (mut words, behind) = input
            .split_at_checked(16)
            .ok_or_else(|| DecodeError::truncated(input, 16))?;
        let words = &mut words;
        let header = Header {
            agent_address,
            sub_agent_id: u32::decode(words)?,
            sequence_number: u32::decode(words)?,
            uptime: u32::decode(words)?,
        };
        Ok(Self::new(header, behind, u32::decode(words)?))
    }

    pub(crate) const fn new(header: Header, behind: &'a [u8], count: u32) -> Self {
        let frames = Frames {
            bytes: behind,
            left: count,
        };
        Self {
            header,
            samples: Samples { frames, cut: &[] },
        }
    }

    #[cfg(feature = "bytes")]
    pub(crate) const fn frames(&self) -> Frames<'a> {
        self.samples.frames
    }

    /// The datagram with this header and the samples that
    /// [`encoded_samples`](Self::encoded_samples) returned.
    pub const fn from_encoded_samples(header: Header, samples: &'a [u8], count: u32) -> Self {
        Self::new(header, samples, count)
    }

    /// The encoded samples, and their number according to the datagram: the parts to store when
    /// the datagram has to outlive the borrow of its bytes.
    pub const fn encoded_samples(&self) -> (&'a [u8], u32) {
        (self.samples.frames.bytes, self.samples.frames.left)
    }

    /// The samples, each decoded when the iterator reaches it. The iteration cannot fail, and
    /// always ends.
    pub const fn samples(&self) -> Samples<'a> {
        self.samples
    }

    /// Checks that no sample and no record is malformed. Unknown samples and structures are
    /// valid.
    ///
    /// # Errors
    ///
    /// The error of the first malformed sample or record.
    pub fn validate(&self) -> Result<(), Error> {
        self.samples().try_for_each(|sample| sample.validate())
    }
}

/// The header of a datagram: the agent, and the position of the datagram in its sequence.
///
/// Source: sFlow Version 5, `sample_datagram_v5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Header {
    /// Identifies the agent; it can differ from the source address of the datagram.
    pub agent_address: Address,
    /// Distinguishes the independent streams of datagrams of one agent.
    pub sub_agent_id: u32,
    /// Incremented with each datagram of the sub-agent; reset when the agent restarts.
    pub sequence_number: u32,
    /// Time since the start of the agent, in milliseconds modulo 2^32.
    pub uptime: u32,
}

impl Header {
    pub(crate) fn encode(&self, out: &mut Writer<'_>) {
        out.word(VERSION);
        self.agent_address.encode(out);
        out.word(self.sub_agent_id);
        out.word(self.sequence_number);
        out.word(self.uptime);
    }
}

/// Iterates over the samples of a [`Datagram`].
///
/// A truncated last sample yields its complete records, followed by a [`Sample::Malformed`] with
/// the remaining bytes and the error.
#[derive(Clone, Copy)]
pub struct Samples<'a> {
    frames: Frames<'a>,
    /// A truncated sample whose complete records have been returned.
    cut: &'a [u8],
}

impl<'a> Iterator for Samples<'a> {
    type Item = Sample<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Sample<'a>> {
        let before = self.frames.bytes;
        match self.frames.next()? {
            Ok(frame) => {
                if frame.format == FOUNDRY_ACL {
                    self.frames = unwrapped(self.frames, frame, before);
                }
                Some(Sample::read(frame))
            }
            Err(rest) => {
                // By value, and through a variable: a reference to the iterator or to the item
                // in a call that is not inlined would keep both in memory.
                let (sample, behind) = truncated(*self, rest);
                *self = behind;
                Some(sample)
            }
        }
    }
}

/// Reads a truncated sample: first its complete records, then the remaining bytes. Also returns
/// the state of the iterator behind it.
#[cold]
#[inline(never)]
fn truncated<'a>(mut samples: Samples<'a>, rest: &'a [u8]) -> (Sample<'a>, Samples<'a>) {
    if !samples.cut.is_empty() {
        let sample = Sample::behind_cut(core::mem::take(&mut samples.cut));
        return (sample, samples);
    }
    let Some((sample, _)) = Sample::cut(rest) else {
        return (Sample::broken(rest), samples);
    };
    samples.cut = rest;
    samples.frames.left = 1;
    (sample, samples)
}

/// The frames behind a wrapper, starting with the sample that it contains, if that is inside the
/// same frame. Wrapper and sample count as one.
#[cold]
#[inline(never)]
fn unwrapped<'a>(frames: Frames<'a>, frame: Frame<'a>, before: &'a [u8]) -> Frames<'a> {
    let Some(inside) = frame.bytes.get(FoundryAcl::SIZE..) else {
        return frames;
    };
    let bytes = match Frame::parse(inside) {
        Ok(([], _)) => {
            let start = Frame::HEAD.saturating_add(FoundryAcl::SIZE);
            before.get(start..).unwrap_or(&[])
        }
        _ => frames.bytes,
    };
    if bytes.is_empty() {
        return frames;
    }
    Frames {
        bytes,
        left: frames.left.saturating_add(1),
    }
}

impl FusedIterator for Samples<'_> {}

impl fmt::Debug for Samples<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl PartialEq for Samples<'_> {
    fn eq(&self, other: &Self) -> bool {
        (*self).eq(*other)
    }
}

impl<'a> TryFrom<&'a [u8]> for Datagram<'a> {
    type Error = Error;

    /// As [`parse`](Self::parse).
    fn try_from(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse(bytes)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Datagram<'_> {
    /// The header's fields, and `samples`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut map = serializer.serialize_struct("datagram", 5)?;
        map.serialize_field("agent_address", &self.header.agent_address)?;
        map.serialize_field("sub_agent_id", &self.header.sub_agent_id)?;
        map.serialize_field("sequence_number", &self.header.sequence_number)?;
        map.serialize_field("uptime", &self.header.uptime)?;
        map.serialize_field("samples", &self.samples)?;
        map.end()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Samples<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(*self)
    }
}
