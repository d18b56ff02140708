//! Field types: decoding and encoding of single values.
//!
//! Everything is big-endian and a multiple of four bytes long (XDR). Padding is not checked, and may
//! be missing at the end of the enclosing record or sample.

mod input;
mod values;

use nom::IResult;

pub use crate::error::DecodeError;
use crate::error::ParserError;
use crate::walk::{Kind, Value};
pub use crate::writer::Writer;
pub(crate) use input::{body, take, take_count, take_opaque, to_usize};

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
