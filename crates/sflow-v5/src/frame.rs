//! `data_format` + `opaque<>`: the encoding that samples, flow records and counter records share.

use core::fmt;
use core::iter::FusedIterator;

use nom::Parser;

use crate::error::{DecodeError, EncodeError, Error, ErrorKind};
use crate::format::DataFormat;
use crate::structure::Structure;
use crate::text::Opaque;
use crate::walk::{Field, Value};
use crate::wire::{Parsed, Size, Wire, body, parser};
use crate::writer::Writer;

/// An undecoded sample or record: its number and its bytes.
///
/// A frame is 24 bytes long and cheap to copy, so it is the form in which records are collected or
/// passed on: see [`design`](crate::design).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Number of the structure; `0:0` if the frame is too short for a number.
    pub format: DataFormat,
    /// The body, without padding.
    pub bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Length on the wire.
    pub(crate) const SIZE: Size = Size::AtLeast(Self::HEAD);
    /// Length of the number and the length in front of the body.
    pub(crate) const HEAD: usize = 8;

    /// Encodes a structure into `buffer`, as the frame of an unknown record or sample.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferFull`] if `buffer` is too small.
    pub fn encode<'s, T: Wire<'s>>(
        format: DataFormat,
        structure: &T,
        buffer: &'a mut [u8],
    ) -> Result<Self, EncodeError> {
        let mut out = Writer::new(buffer);
        structure.encode(&mut out);
        if out.is_full() {
            return Err(EncodeError::BufferFull);
        }
        Ok(Self {
            format,
            bytes: out.finish(),
        })
    }

    /// Decodes the bytes as a structure, whatever the number of the frame.
    ///
    /// ```
    /// use sflow_v5::counter::VirtCpu;
    /// use sflow_v5::{CounterStructure, CountersSample, Error};
    ///
    /// fn processor_times(sample: &CountersSample<'_>) -> Result<Vec<u32>, Error> {
    ///     sample
    ///         .frames()
    ///         .filter(|frame| frame.format == VirtCpu::FORMAT)
    ///         .map(|frame| frame.read::<VirtCpu>().map(|cpu| cpu.cpu_time.0))
    ///         .collect()
    /// }
    /// # assert_eq!(processor_times(&CountersSample::default()), Ok(vec![]));
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are not such a structure.
    #[inline(always)]
    pub fn read<T: Structure<'a>>(&self) -> Result<T, Error> {
        T::parse(self.bytes)
    }

    /// Parses one frame.
    #[inline(always)]
    pub(crate) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        (parser::<u32>, parser::<Opaque<'a>>)
            .map(|(format, Opaque(bytes))| Self {
                format: DataFormat(format),
                bytes,
            })
            .parse_complete(input)
    }

    /// Reads one frame and advances `input` behind it.
    pub(crate) fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        match Self::parse(input) {
            Ok((rest, frame)) => {
                *input = rest;
                Ok(frame)
            }
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error.0),
            Err(nom::Err::Incomplete(_)) => Err(DecodeError::truncated(input, 1)),
        }
    }

    /// [`parse`](Self::parse) with one bounds check for number and length, and without an error.
    #[inline(always)]
    pub(crate) fn split(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[a, b, c, d, e, f, g, h], behind) = input.split_first_chunk()?;
        let format = DataFormat(u32::from_be_bytes([a, b, c, d]));
        let (bytes, rest) = body(behind, u32::from_be_bytes([e, f, g, h]))?;
        Some((Self { format, bytes }, rest))
    }

    /// An incomplete frame of `parent`, and the error.
    #[cold]
    pub(crate) fn broken(parent: &'static str, rest: &'a [u8]) -> (Self, Error) {
        let error = match Self::decode(&mut { rest }) {
            Ok(_) => DecodeError::truncated(rest, 1),
            Err(error) => error,
        };
        let error = error.report(parent, "", rest);
        // A truncated frame keeps its number.
        let (bytes, format) = match rest.split_first_chunk() {
            Some((&[a, b, c, d, _, _, _, _], body))
                if matches!(error.kind, ErrorKind::Length { .. }) =>
            {
                (body, DataFormat(u32::from_be_bytes([a, b, c, d])))
            }
            _ => (rest, DataFormat::default()),
        };
        (Self { format, bytes }, error)
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.word(self.format.0);
        out.opaque(self.bytes);
    }
}

/// Writes a structure as a frame; one bounds check suffices if its size is constant.
#[inline(always)]
pub(crate) fn write_structure<'a, T: Structure<'a>>(
    format: DataFormat,
    structure: &T,
    out: &mut Writer<'_>,
) {
    match T::SIZE {
        Size::Fixed(length) if length.is_multiple_of(4) => {
            out.fixed(length.saturating_add(Frame::HEAD), |out| {
                out.word(format.0);
                out.length(length);
                structure.encode(out);
            });
        }
        _ => write(format, out, |out| structure.encode(out)),
    }
}

/// Writes a frame.
#[inline(always)]
pub(crate) fn write<T>(
    format: DataFormat,
    out: &mut Writer<'_>,
    body: impl FnOnce(&mut Writer<'_>) -> T,
) -> T {
    out.word(format.0);
    let (length, result) = out.delimited(body);
    out.pad(length);
    result
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.format, self.bytes.len())
    }
}

/// Consecutive frames: the announced number of them.
///
/// The first incomplete frame is the last item, an error that contains the remaining bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frames<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) left: u32,
}

impl<'a> Frames<'a> {
    /// The next frame, or the remaining bytes if it is incomplete.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Result<Frame<'a>, &'a [u8]>> {
        self.left = self.left.checked_sub(1)?;
        match Frame::split(self.bytes) {
            Some((frame, rest)) => {
                self.bytes = rest;
                Some(Ok(frame))
            }
            None => Some(Err(core::mem::take(self).bytes)),
        }
    }
}

/// A record of a sample: [`FlowRecord`](crate::FlowRecord) or
/// [`CounterRecord`](crate::CounterRecord).
///
/// A bound for code that is generic over [`Records`]; it cannot be implemented for other types.
///
/// ```
/// use sflow_v5::{Error, Records, sample::Record};
///
/// fn first_error<'a, R: Record<'a>>(records: &Records<'a, R>) -> Option<Error> {
///     records.into_iter().find_map(|record| record.error())
/// }
/// # let records = Records::<sflow_v5::CounterRecord<'_>>::default();
/// # assert_eq!(first_error(&records), None);
/// ```
pub trait Record<'a>: Copy + sealed::Sealed {
    /// Decodes the contents of a frame. Always `Some`: this is the value that the iterator returns,
    /// so that the record is not copied (see [`design`](crate::design)).
    #[doc(hidden)]
    fn read(format: DataFormat, bytes: &'a [u8]) -> Option<Self>;
    /// Makes a malformed record.
    #[doc(hidden)]
    fn malformed(frame: Frame<'a>, error: Error) -> Self;
    /// Writes the record as a frame.
    #[doc(hidden)]
    fn write(&self, out: &mut Writer<'_>);
    /// Number of the structure.
    fn format(&self) -> DataFormat;
    /// Name of the structure in the specification, if the structure is known.
    fn name(&self) -> Option<&'static str>;
    /// The fields whose value is known, in order, each with its name, kind and unit.
    fn known_fields(&self) -> impl Iterator<Item = (&'static Field, Value<'a>)>;
    /// The error, if the record is malformed.
    fn error(&self) -> Option<Error>;
}

pub(crate) mod sealed {
    /// Prevents implementations of [`Record`](super::Record) outside this crate.
    pub trait Sealed {}
}

/// Decodes a record as the structure `T`.
///
/// Inlined into a separate function for each structure, so that the compiler does not mix their
/// stores.
#[inline(always)]
pub(crate) fn read<'a, T, R>(format: DataFormat, bytes: &'a [u8]) -> Option<R>
where
    T: Structure<'a> + Into<R>,
    R: Record<'a>,
{
    match T::from_bytes(bytes) {
        Some(structure) => Some(structure.into()),
        None => malformed::<T, R>(format, bytes),
    }
}

/// A record whose bytes are not a valid `T`.
#[cold]
#[inline(never)]
fn malformed<'a, T, R>(format: DataFormat, bytes: &'a [u8]) -> Option<R>
where
    T: Structure<'a>,
    R: Record<'a>,
{
    Some(R::malformed(Frame { format, bytes }, T::diagnose(bytes)))
}

/// The last record of a sample with an incomplete frame.
#[cold]
#[inline(never)]
fn broken<'a, R: Record<'a>>(rest: &'a [u8]) -> Option<R> {
    let (frame, error) = Frame::broken("record", rest);
    Some(R::malformed(frame, error))
}

/// The records of a sample: encoded, or, to be encoded, in a slice.
#[derive(Clone, Copy)]
pub struct Records<'a, R> {
    pub(crate) frames: Frames<'a>,
    items: &'a [R],
}

impl<'a, R> Records<'a, R> {
    pub(crate) const fn new(bytes: &'a [u8], count: u32) -> Self {
        Self {
            frames: Frames { bytes, left: count },
            items: &[],
        }
    }

    /// The number of records according to the sample; the sample contains fewer if a frame is
    /// incomplete. 0 for records that come from a slice.
    #[inline]
    pub const fn declared_count(&self) -> u32 {
        self.frames.left
    }
}

impl<'a, R: Record<'a>> Records<'a, R> {
    /// The records, each decoded when the iterator reaches it.
    #[inline]
    pub const fn iter(&self) -> RecordIter<'a, R> {
        RecordIter {
            frames: self.frames,
            items: self.items,
        }
    }

    /// The frames of the records, undecoded.
    ///
    /// They end in front of the first frame that is incomplete, which [`iter`](Self::iter)
    /// reports as a malformed record. Records that come from a slice have no frames.
    #[inline]
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a, R> {
        let mut frames = self.frames;
        core::iter::from_fn(move || frames.next()?.ok())
    }

    /// The complete records, and the bytes behind them.
    pub(crate) fn complete(self) -> (Self, &'a [u8]) {
        let (mut frames, mut count) = (self.frames, 0_u32);
        let mut behind = frames.bytes;
        while let Some(Ok(_)) = frames.next() {
            count = count.saturating_add(1);
            behind = frames.bytes;
        }
        let taken = self.frames.bytes.len().saturating_sub(behind.len());
        let bytes = self.frames.bytes.get(..taken).unwrap_or_default();
        (Self::new(bytes, count), behind)
    }

    /// The first valid record with this number: decoded by `parse`, or taken from the slice by `of`.
    #[inline(always)]
    pub(crate) fn find<T>(
        &self,
        format: DataFormat,
        parse: impl Fn(&'a [u8]) -> Option<T>,
        of: impl Fn(&R) -> Option<T>,
    ) -> Option<T> {
        let mut frames = self.frames;
        while let Some(Ok(frame)) = frames.next() {
            if frame.format == format
                && let Some(found) = parse(frame.bytes)
            {
                return Some(found);
            }
        }
        self.items.iter().find_map(of)
    }

    /// Writes the number of records and the records; returns that number.
    pub(crate) fn write(&self, out: &mut Writer<'_>) -> usize {
        let place = out.len();
        out.word(0);
        // By reference: the iterator would copy the records.
        self.items.iter().for_each(|record| record.write(out));
        let mut count = self.items.len();
        let mut wire = RecordIter::<'a, R> {
            frames: self.frames,
            items: &[],
        };
        while let Some(record) = &wire.next() {
            record.write(out);
            count = count.saturating_add(1);
        }
        out.overwrite(place, count);
        count
    }
}

impl<'a, R> From<&'a [R]> for Records<'a, R> {
    fn from(items: &'a [R]) -> Self {
        Self {
            frames: Frames::default(),
            items,
        }
    }
}

impl<R> Default for Records<'_, R> {
    fn default() -> Self {
        Self::new(&[], 0)
    }
}

impl<'a, R: Record<'a>> IntoIterator for Records<'a, R> {
    type Item = R;
    type IntoIter = RecordIter<'a, R>;

    fn into_iter(self) -> RecordIter<'a, R> {
        self.iter()
    }
}

impl<'a, R: Record<'a>> IntoIterator for &Records<'a, R> {
    type Item = R;
    type IntoIter = RecordIter<'a, R>;

    fn into_iter(self) -> RecordIter<'a, R> {
        self.iter()
    }
}

impl<'a, R: Record<'a> + PartialEq> PartialEq for Records<'a, R> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, R: Record<'a> + fmt::Debug> fmt::Debug for Records<'a, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(feature = "serde")]
impl<'a, R: Record<'a> + serde::Serialize> serde::Serialize for Records<'a, R> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Iterates over the [`Records`] of a sample. It does not fail and always ends.
#[derive(Clone, Debug)]
pub struct RecordIter<'a, R> {
    pub(crate) frames: Frames<'a>,
    items: &'a [R],
}

impl<'a, R: Record<'a>> Iterator for RecordIter<'a, R> {
    type Item = R;

    #[inline(always)]
    fn next(&mut self) -> Option<R> {
        match self.frames.next() {
            Some(Ok(frame)) => R::read(frame.format, frame.bytes),
            Some(Err(rest)) => broken(rest),
            None => {
                let (first, rest) = self.items.split_first()?;
                self.items = rest;
                Some(*first)
            }
        }
    }
}

impl<'a, R: Record<'a>> FusedIterator for RecordIter<'a, R> {}

#[cfg(feature = "serde")]
impl serde::Serialize for Frame<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_with(None, serializer)
    }
}

#[cfg(feature = "serde")]
impl Frame<'_> {
    /// `{"format", "bytes"}`, and `"error"` if there is one.
    pub(crate) fn serialize_with<S: serde::Serializer>(
        &self,
        error: Option<&Error>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut map = serializer.serialize_struct("frame", if error.is_some() { 3 } else { 2 })?;
        map.serialize_field("format", &self.format)?;
        map.serialize_field("bytes", &Opaque(self.bytes))?;
        if let Some(error) = error {
            map.serialize_field("error", &ErrorText(error))?;
        }
        map.end()
    }
}

/// An error that is serialised as its text.
#[cfg(feature = "serde")]
pub(crate) struct ErrorText<'e>(pub(crate) &'e Error);

#[cfg(feature = "serde")]
impl serde::Serialize for ErrorText<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
