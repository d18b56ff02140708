//! `data_format` + `opaque<>`: the shape that samples, flow records and counter records share.

use core::fmt;
use core::iter::FusedIterator;

use nom::Parser;

use crate::encoder::EncodeError;
use crate::error::{DecodeError, Error, ErrorKind};
use crate::format::DataFormat;
use crate::structure::Structure;
use crate::wire::{Parsed, Size, Wire, body, opaque, word};
use crate::writer::Writer;

/// A number and the bytes that stand behind it: a sample or record that has not been read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the bytes are; `0:0` if not even that could be read.
    pub format: DataFormat,
    /// The body, without padding.
    pub bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Number and length stand in front of the body.
    pub(crate) const SIZE: Size = Size::AtLeast(Self::HEAD);
    /// Bytes that they take.
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
    pub fn read<T: Structure<'a>>(&self) -> Result<T, Error> {
        T::parse(self.bytes)
    }

    /// Reads one frame.
    #[inline(always)]
    pub(crate) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        (word, opaque)
            .map(|(format, bytes)| Self {
                format: DataFormat(format),
                bytes,
            })
            .parse_complete(input)
    }

    /// The same, number and length behind one check, and silent about what is wrong.
    #[inline(always)]
    pub(crate) fn split(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[a, b, c, d, e, f, g, h], behind) = input.split_first_chunk()?;
        let format = DataFormat(u32::from_be_bytes([a, b, c, d]));
        let (bytes, rest) = body(behind, u32::from_be_bytes([e, f, g, h]))?;
        Some((Self { format, bytes }, rest))
    }

    /// What is there of a frame of `parent` that is not wholly there, and why it is not.
    #[cold]
    pub(crate) fn broken(parent: &'static str, rest: &'a [u8]) -> (Self, Error) {
        let stop = match Self::parse(rest) {
            Err(nom::Err::Error(stop) | nom::Err::Failure(stop)) => stop,
            Ok(_) | Err(nom::Err::Incomplete(_)) => DecodeError::truncated(rest, 1),
        };
        let error = stop.report(parent, "", rest);
        // What a frame that is cut off claims to be is worth knowing.
        let (bytes, format) = match word(rest) {
            Ok((behind, format)) if matches!(error.kind, ErrorKind::Length { .. }) => {
                (behind.get(4..).unwrap_or(&[]), DataFormat(format))
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

/// Writes a structure as a frame: behind one check, if its size is constant.
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

/// Frames that follow each other, as many as were announced.
///
/// Ends early at the first frame that is not wholly there; that one is the last item, an error
/// that holds all bytes that are left.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frames<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) left: u32,
}

impl<'a> Frames<'a> {
    /// The next frame, or the bytes that ought to be one.
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
    /// Reads what a frame holds. Always `Some`: an item that is written at once as the iterator
    /// returns it is not copied on the way (see [`design`](crate::design)).
    #[doc(hidden)]
    fn read(format: DataFormat, bytes: &'a [u8]) -> Option<Self>;
    /// A record that cannot be read.
    #[doc(hidden)]
    fn malformed(frame: Frame<'a>, error: Error) -> Self;
    /// Writes it, frame included.
    #[doc(hidden)]
    fn write(&self, out: &mut Writer<'_>);
    /// The number of its structure.
    fn format(&self) -> DataFormat;
    /// The specification's name of its structure, if that is known.
    fn name(&self) -> Option<&'static str>;
    /// Why the record is malformed, if it is.
    fn error(&self) -> Option<Error>;
}

pub(crate) mod sealed {
    /// Prevents implementations of [`Record`](super::Record) outside this crate.
    pub trait Sealed {}
}

/// Reads the structure that a record's number stands for.
///
/// Inlined into a function for each structure: the stores of one then do not get mixed up with
/// another's.
#[inline(always)]
pub(crate) fn read<'a, T, R>(format: DataFormat, bytes: &'a [u8]) -> Option<R>
where
    T: Structure<'a> + Into<R>,
    R: Record<'a>,
{
    match T::read(bytes) {
        Some(structure) => Some(structure.into()),
        None => refused::<T, R>(format, bytes),
    }
}

/// A record whose bytes are not what its number says.
#[cold]
#[inline(never)]
fn refused<'a, T, R>(format: DataFormat, bytes: &'a [u8]) -> Option<R>
where
    T: Structure<'a>,
    R: Record<'a>,
{
    Some(R::malformed(Frame { format, bytes }, T::diagnose(bytes)))
}

/// The last record of a sample, where the next frame is not wholly there.
#[cold]
#[inline(never)]
fn broken<'a, R: Record<'a>>(rest: &'a [u8]) -> Option<R> {
    let (frame, error) = Frame::broken("record", rest);
    Some(R::malformed(frame, error))
}

/// The records of a sample: from the wire, or, to be encoded, from a slice.
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
}

impl<'a, R: Record<'a>> Records<'a, R> {
    /// The records, each read as it is reached.
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
    pub fn frames(&self) -> impl Iterator<Item = Frame<'a>> + Clone + use<'a, R> {
        let mut frames = self.frames;
        core::iter::from_fn(move || frames.next()?.ok())
    }

    /// The records in front of the first frame that is not wholly there, and what is behind
    /// them.
    pub(crate) fn whole(self) -> (Self, &'a [u8]) {
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

    /// The first record of this number that can be read: `parse` reads it from the wire, `of`
    /// takes it from a slice.
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
        // By reference: an item of the iterator would be a copy.
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

/// Iterates over the [`Records`] of a sample; does not fail and always ends.
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
    /// `{"format", "bytes"}`, and `"error"` where there is one.
    pub(crate) fn serialize_with<S: serde::Serializer>(
        &self,
        error: Option<&Error>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut map = serializer.serialize_struct("frame", if error.is_some() { 3 } else { 2 })?;
        map.serialize_field("format", &self.format)?;
        map.serialize_field("bytes", &crate::text::Opaque(self.bytes))?;
        if let Some(error) = error {
            map.serialize_field("error", &Words(error))?;
        }
        map.end()
    }
}

/// An error as its text.
#[cfg(feature = "serde")]
pub(crate) struct Words<'e>(pub(crate) &'e Error);

#[cfg(feature = "serde")]
impl serde::Serialize for Words<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
