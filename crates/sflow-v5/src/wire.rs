//! Field types: decoding and encoding of single values.
//!
//! Everything is big-endian and a multiple of four bytes long (XDR). Padding is not checked, and may
//! be missing at the end of the enclosing record or sample.

use nom::IResult;

pub use crate::error::DecodeError;
use crate::error::{ErrorKind, ParserError};
use crate::walk::{Kind, Value};
pub use crate::writer::Writer;

#[cfg(feature = "serde")]
#[doc(hidden)]
pub use serde;

/// The result of a nom parser.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, ParserError>;

/// The type of a field of a [`Structure`](crate::Structure), or of an element of a
/// [`List`](crate::types::List).
///
/// Implement it for fields with an encoding that no type of this crate has.
pub trait Wire<'a>: Copy {
    /// Length on the wire.
    const SIZE: Size;
    /// Meaning of the value.
    const KIND: Kind;

    /// Reads one value and advances `input` behind it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place and the reason; `input` is then unspecified.
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError>;

    /// Writes the value in the encoding that [`decode`](Self::decode) reads.
    fn encode(&self, out: &mut Writer<'_>);

    /// The value, independent of its type.
    fn value(&self) -> Value<'a>;

    /// Whether the field is absent: only fields that a later version appended can be.
    fn is_absent(&self) -> bool {
        false
    }

    /// The name of the value, if this is an enumeration and its number has a name.
    fn enum_name(&self) -> Option<&'static str> {
        None
    }

    /// Whether the value is unambiguously unknown: a counter of all ones, an empty text, but not a
    /// gauge of zero.
    fn is_unknown(&self) -> bool {
        false
    }
}

/// Length of a value on the wire, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Constant.
    Fixed(usize),
    /// Variable, with this minimum.
    AtLeast(usize),
}

impl Size {
    /// The minimum length.
    pub const fn minimum(self) -> usize {
        match self {
            Self::Fixed(bytes) | Self::AtLeast(bytes) => bytes,
        }
    }

    /// The length of consecutive values.
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

    /// The length of the values before the first value of variable length.
    pub const fn lead(sizes: &[Self]) -> usize {
        let (mut total, mut rest) = (0usize, sizes);
        while let [Self::Fixed(bytes), behind @ ..] = rest {
            total = total.saturating_add(*bytes);
            rest = behind;
        }
        total
    }
}

/// Splits off the first `length` bytes.
///
/// # Errors
///
/// If `input` is shorter.
#[inline(always)]
pub fn split(input: &[u8], length: usize) -> Result<(&[u8], &[u8]), DecodeError> {
    input
        .split_at_checked(length)
        .ok_or_else(|| DecodeError::truncated(input, length))
}

/// Reads the next field: from `lead`, the part of constant size, until that is empty; then from
/// `rest`.
///
/// The length of `lead` is known to the compiler, which removes all checks of it.
#[inline(always)]
pub fn next<'a, T: Wire<'a>>(lead: &mut &'a [u8], rest: &mut &'a [u8]) -> Result<T, DecodeError> {
    if lead.is_empty() {
        T::decode(rest)
    } else {
        T::decode(lead)
    }
}

/// The value of a field, unless the field is absent or unambiguously unknown.
#[inline(always)]
pub fn known<'a, T: Wire<'a>>(field: &T) -> Option<Value<'a>> {
    if field.is_absent() || field.is_unknown() {
        None
    } else {
        Some(field.value())
    }
}

/// For [`structure!`](crate::structure): iterates over the fields of a structure and separates the
/// part of constant size, of which so many bytes are left, from the fields behind it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Behind(pub usize);

impl Behind {
    /// Whether the next field, of the given size, is behind the part of constant size.
    #[inline(always)]
    pub fn next(&mut self, size: Size) -> bool {
        let is_behind = self.0 == 0;
        self.0 = self.0.saturating_sub(size.minimum());
        is_behind
    }
}

/// A [`Wire`] decoder as a nom parser, to be combined with others.
#[inline(always)]
pub(crate) fn parser<'a, T: Wire<'a>>(mut input: &'a [u8]) -> Parsed<'a, T> {
    match T::decode(&mut input) {
        Ok(value) => Ok((input, value)),
        Err(error) => Err(nom::Err::Error(ParserError(error))),
    }
}

/// Takes `N` bytes behind one check: every value of constant size is read by this function.
///
/// It is called directly. A function passed as a parser is called through a shim, which is
/// compiled once per crate and not inlined unless there is link-time optimisation.
#[inline(always)]
pub(crate) fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    match input.split_first_chunk() {
        Some((bytes, rest)) => {
            *input = rest;
            Ok(*bytes)
        }
        None => Err(DecodeError::truncated(input, N)),
    }
}

/// Takes XDR's `opaque<>`: a length, as many bytes, and padding, which the last value of a record
/// may lack.
#[inline(always)]
pub(crate) fn take_opaque<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let start = *input;
    let length = u32::decode(input)?;
    match body(input, length) {
        Some((bytes, rest)) => {
            *input = rest;
            Ok(bytes)
        }
        None => {
            let available = input.len();
            let kind = ErrorKind::Length { length, available };
            Err(DecodeError::at(start, kind))
        }
    }
}

/// Splits the bytes that a length announces from what follows them and their padding.
#[inline(always)]
pub(crate) fn body(behind: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let (bytes, rest) = behind.split_at_checked(to_usize(length))?;
    if length.is_multiple_of(4) {
        return Some((bytes, rest));
    }
    let padding = to_usize(length.wrapping_neg() & 3).min(rest.len());
    Some((bytes, rest.get(padding..).unwrap_or(&[])))
}

/// Takes the number of elements of an array; an error if so many cannot fit into what follows.
#[inline]
pub(crate) fn take_count(input: &mut &[u8], element: Size) -> Result<u32, DecodeError> {
    let start = *input;
    let count = u32::decode(input)?;
    // Nothing on the wire is shorter than a word, so every element is progress.
    let least = to_usize(count).checked_mul(element.minimum().max(4));
    if least.is_some_and(|bytes| bytes <= input.len()) {
        Ok(count)
    } else {
        let available = input.len();
        let kind = ErrorKind::Count { count, available };
        Err(DecodeError::at(start, kind))
    }
}

/// Converts a length from the wire. It saturates on 16-bit machines, where no slice is that long.
#[inline(always)]
pub(crate) fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl<'a> Wire<'a> for u32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_be_bytes(take(input)?))
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
        Ok(u32::decode(input)?.cast_signed())
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
        Ok(Self::from_be_bytes(take(input)?))
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
        Ok(u64::decode(input)?.cast_signed())
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
        Ok(Self::from_bits(u64::decode(input)?))
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
        Ok(Self::from_bits(u32::decode(input)?))
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

/// A field that a later version of its structure appended: `None`, as all fields behind it, if the
/// record ends before it.
impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    const SIZE: Size = Size::AtLeast(0);
    const KIND: Kind = T::KIND;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        if input.len() < T::SIZE.minimum() {
            *input = &[];
            return Ok(None);
        }
        Ok(Some(T::decode(input)?))
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
