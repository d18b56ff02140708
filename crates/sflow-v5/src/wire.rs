//! Fields: how a value stands on the wire, and the leaves that read it.
//!
//! The only module that takes bytes apart. Everything is big-endian and a multiple of four
//! bytes long (XDR); padding is skipped unseen, and may be missing at the end of its parent.

use nom::{IResult, Parser};

pub use crate::error::DecodeError;
use crate::error::ErrorKind;
use crate::walk::{Kind, Value};
pub use crate::writer::Writer;

#[cfg(feature = "serde")]
#[doc(hidden)]
pub use serde;

/// What the leaves and combinators return inside this crate.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, DecodeError>;

/// A value with a place on the wire: a field of a [`Structure`](crate::Structure), or one
/// element of a [`List`](crate::types::List).
///
/// Implement it for a field type that [`structure!`](crate::structure) has no word for.
pub trait Wire<'a>: Copy {
    /// How many bytes it takes.
    const SIZE: Size;
    /// What it means.
    const KIND: Kind;

    /// Reads one value and moves `input` behind it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place and the fault; `input` is then unspecified.
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError>;

    /// Writes it as [`decode`](Self::decode) reads it.
    fn encode(&self, out: &mut Writer<'_>);

    /// The value for a walk over fields.
    fn value(&self) -> Value<'a>;

    /// Whether the field was not sent at all (fields that later versions append).
    fn is_absent(&self) -> bool {
        false
    }

    /// The name of what it chooses, if it is a choice and the number has a name.
    fn enum_name(&self) -> Option<&'static str> {
        None
    }

    /// Whether the value says "unknown" and can mean nothing else: a counter of all ones, an
    /// empty text, but not a gauge of zero.
    fn is_unknown(&self) -> bool {
        false
    }
}

/// How many bytes a value takes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Always so many.
    Fixed(usize),
    /// So many or more.
    AtLeast(usize),
}

impl Size {
    /// The fewest bytes it takes.
    pub const fn minimum(self) -> usize {
        match self {
            Self::Fixed(bytes) | Self::AtLeast(bytes) => bytes,
        }
    }

    /// The size of values that follow each other.
    pub const fn sum(sizes: &[Self]) -> Self {
        let (mut total, mut fixed, mut rest) = (0usize, true, sizes);
        while let [size, behind @ ..] = rest {
            total = total.saturating_add(size.minimum());
            fixed = fixed && matches!(size, Self::Fixed(_));
            rest = behind;
        }
        if fixed {
            Self::Fixed(total)
        } else {
            Self::AtLeast(total)
        }
    }

    /// How many bytes the values before the first one of variable size take.
    pub const fn lead(sizes: &[Self]) -> usize {
        let (mut total, mut rest) = (0usize, sizes);
        while let [Self::Fixed(bytes), behind @ ..] = rest {
            total = total.saturating_add(*bytes);
            rest = behind;
        }
        total
    }
}

/// The first `length` bytes, checked as one, and what follows them.
///
/// # Errors
///
/// If there are fewer.
#[inline(always)]
pub fn split(input: &[u8], length: usize) -> Result<(&[u8], &[u8]), DecodeError> {
    input
        .split_at_checked(length)
        .ok_or_else(|| DecodeError::truncated(input, length))
}

/// Reads the next field: from `lead`, the part of constant size that has been checked as one,
/// while that lasts, and from `rest` behind it.
///
/// `lead` has a length that the compiler knows, so every check on it disappears.
#[inline(always)]
pub fn next<'a, T: Wire<'a>>(lead: &mut &'a [u8], rest: &mut &'a [u8]) -> Result<T, DecodeError> {
    if lead.is_empty() {
        T::decode(rest)
    } else {
        T::decode(lead)
    }
}

/// The value of a field that was sent and does not say "unknown".
#[inline(always)]
pub fn known<'a, T: Wire<'a>>(field: &T) -> Option<Value<'a>> {
    if field.is_absent() || field.is_unknown() {
        None
    } else {
        Some(field.value())
    }
}

/// For [`structure!`](crate::structure): goes over the fields of a structure and tells which ones are behind the part of constant
/// size, of which so many bytes are left.
#[doc(hidden)]
#[derive(Debug)]
pub struct Behind(pub usize);

impl Behind {
    /// Whether the next field, which takes `size`, is.
    #[inline(always)]
    pub fn next(&mut self, size: Size) -> bool {
        let is_behind = self.0 == 0;
        self.0 = self.0.saturating_sub(size.minimum());
        is_behind
    }
}

/// Runs a nom parser where a [`Wire`] decoder is wanted.
#[inline(always)]
pub(crate) fn run<'a, T>(
    mut parser: impl Parser<&'a [u8], Output = T, Error = DecodeError>,
    input: &mut &'a [u8],
) -> Result<T, DecodeError> {
    match parser.parse_complete(input) {
        Ok((rest, value)) => {
            *input = rest;
            Ok(value)
        }
        Err(nom::Err::Error(stop) | nom::Err::Failure(stop)) => Err(stop),
        Err(nom::Err::Incomplete(_)) => Err(DecodeError::truncated(input, 1)),
    }
}

/// `N` bytes behind one check: the leaf below every other.
#[inline(always)]
pub(crate) fn chunk<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk::<N>() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => Err(nom::Err::Error(DecodeError::truncated(input, N))),
    }
}

/// XDR's unsigned integer. (nom's `be_u32` walks byte by byte: see [`design`](crate::design).)
#[inline(always)]
pub(crate) fn word(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, bytes) = chunk(input)?;
    Ok((rest, u32::from_be_bytes(bytes)))
}

/// XDR's `opaque<>`: a length, as many bytes, and padding, which the last value of a record
/// may lack.
#[inline(always)]
pub(crate) fn opaque(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (behind, length) = word(input)?;
    match body(behind, length) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => {
            let fault = ErrorKind::Length {
                length,
                available: behind.len(),
            };
            Err(nom::Err::Error(DecodeError::at(input, fault)))
        }
    }
}

/// The bytes that a length announces, and what follows them and their padding.
#[inline(always)]
pub(crate) fn body(behind: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let (bytes, rest) = behind.split_at_checked(to_usize(length))?;
    if length.is_multiple_of(4) {
        return Some((bytes, rest));
    }
    let padding = to_usize(length.wrapping_neg() & 3).min(rest.len());
    Some((bytes, rest.get(padding..).unwrap_or(&[])))
}

/// An array's element count, refused if that many elements cannot fit into what follows.
#[inline]
pub(crate) fn count(input: &[u8], element: Size) -> Parsed<'_, u32> {
    let (behind, count) = word(input)?;
    // Nothing on the wire is shorter than a word, so every element is progress.
    let least = to_usize(count).checked_mul(element.minimum().max(4));
    if least.is_some_and(|bytes| bytes <= behind.len()) {
        Ok((behind, count))
    } else {
        let fault = ErrorKind::Count {
            count,
            available: behind.len(),
        };
        Err(nom::Err::Error(DecodeError::at(input, fault)))
    }
}

/// A length from the wire as a length in memory; on a 16-bit machine it saturates, and no
/// slice is that long.
#[inline(always)]
pub(crate) fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl<'a> Wire<'a> for u32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        run(word, input)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Unsigned(u64::from(*self))
    }
}

impl<'a> Wire<'a> for i32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        u32::decode(input).map(u32::cast_signed)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Signed(i64::from(*self))
    }
}

impl<'a> Wire<'a> for u64 {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        run(chunk, input).map(Self::from_be_bytes)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Unsigned(*self)
    }
}

impl<'a> Wire<'a> for i64 {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        u64::decode(input).map(u64::cast_signed)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Signed(*self)
    }
}

impl<'a> Wire<'a> for f64 {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        u64::decode(input).map(Self::from_bits)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_bits().to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Float(*self)
    }
}

impl<'a> Wire<'a> for f32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        u32::decode(input).map(Self::from_bits)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_bits().to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Float(f64::from(*self))
    }
}

/// A field that a later version of its structure appended: absent if the record ends before
/// it, and then so is everything behind it.
impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    const SIZE: Size = Size::AtLeast(0);
    const KIND: Kind = T::KIND;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        if input.len() < T::SIZE.minimum() {
            *input = &[];
            return Ok(None);
        }
        T::decode(input).map(Some)
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        if let Some(value) = self {
            value.encode(out);
        }
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        self.as_ref().map_or(Value::Absent, T::value)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn enum_name(&self) -> Option<&'static str> {
        self.as_ref().and_then(T::enum_name)
    }

    fn is_unknown(&self) -> bool {
        self.as_ref().is_some_and(T::is_unknown)
    }
}
