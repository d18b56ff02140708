use core::fmt;

use crate::padding::pad;

/// Why bytes could not be decoded: the structure, the field, its offset, and what is wrong.
///
/// Small and `Copy`; formatted only when it is printed:
///
/// ```
/// use sflow_v5::{Structure, counter::VirtCpu};
///
/// let error = VirtCpu::parse(&[0, 0, 0, 1, 0, 0]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "virt_cpu.cpuTime at byte 4: 4 bytes needed, 2 available",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub struct Error {
    /// The structure that was decoded, as the specification names it.
    pub structure: &'static str,
    /// The field, as the specification names it; empty for the structure as a whole.
    pub field: &'static str,
    /// Start of the field, in bytes from the start of the structure.
    pub offset: usize,
    /// The kind of error.
    pub kind: ErrorKind,
}

/// The kind of a decoding error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes end inside the field.
    Truncated {
        /// Minimum size of the field in bytes.
        needed: usize,
        /// Number of bytes available.
        available: usize,
    },
    /// A length exceeds the rest of the enclosing structure.
    Length {
        /// The length on the wire.
        length: u32,
        /// Number of bytes available.
        available: usize,
    },
    /// A number of elements exceeds what the rest of the enclosing structure can contain.
    Count {
        /// The number on the wire.
        count: u32,
        /// Number of bytes available.
        available: usize,
    },
    /// The datagram is not of version 5.
    Version(u32),
    /// An address type other than unknown (0), IPv4 (1) and IPv6 (2).
    AddressType(u32),
    /// A value of unknown type, and therefore of unknown length: nothing behind it can be read.
    ValueType(u32),
    /// Structures are nested too deeply.
    Nesting,
}

impl ErrorKind {
    /// A short, stable identifier for metrics: `truncated`, `length`, `count`, `version`,
    /// `address_type`, `value_type`, `nesting`.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Length { .. } => "length",
            Self::Count { .. } => "count",
            Self::Version(_) => "version",
            Self::AddressType(_) => "address_type",
            Self::ValueType(_) => "value_type",
            Self::Nesting => "nesting",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.field.is_empty() { "" } else { "." };
        let Self {
            structure,
            field,
            offset,
            kind,
        } = self;
        pad(
            f,
            format_args!("{structure}{dot}{field} at byte {offset}: {kind}"),
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => pad(
                f,
                format_args!("{needed} bytes needed, {available} available"),
            ),
            Self::Length { length, available } => pad(
                f,
                format_args!("length {length} exceeds the {available} bytes available"),
            ),
            Self::Count { count, available } => pad(
                f,
                format_args!("{count} elements do not fit into {available} bytes"),
            ),
            Self::Version(version) => pad(f, format_args!("version {version}, expected 5")),
            Self::AddressType(kind) => {
                pad(f, format_args!("address type {kind}, expected 0, 1 or 2"))
            }
            Self::ValueType(kind) => pad(f, format_args!("a value of unknown type {kind}")),
            Self::Nesting => f.pad("structures nested too deeply"),
        }
    }
}

/// Why a [`Wire`](crate::wire::Wire) decoder failed, and where: as the number of bytes to the end
/// of the input, which is known without an offset that is passed along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    left: usize,
    kind: ErrorKind,
}

impl DecodeError {
    /// Decoding failed at the start of `input`.
    #[cold]
    pub fn at(input: &[u8], kind: ErrorKind) -> Self {
        Self {
            left: input.len(),
            kind,
        }
    }

    /// `input` is too short for a field of `needed` bytes.
    #[cold]
    pub fn truncated(input: &[u8], needed: usize) -> Self {
        Self::at(
            input,
            ErrorKind::Truncated {
                needed,
                available: input.len(),
            },
        )
    }

    /// The kind of error.
    pub(crate) const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error with structure, field and offset; `whole` is the input from which `structure`
    /// was decoded.
    #[cold]
    pub fn report(self, structure: &'static str, field: &'static str, whole: &[u8]) -> Error {
        Error {
            structure,
            field,
            offset: whole.len().saturating_sub(self.left),
            kind: self.kind,
        }
    }
}

/// A [`DecodeError`] as nom's combinators need it; private, so that no trait of nom is public.
pub(crate) struct ParserError(pub(crate) DecodeError);

/// The leaf parsers create errors themselves; an error of a nom combinator means that
/// no byte is available.
impl<'a> nom::error::ParseError<&'a [u8]> for ParserError {
    fn from_error_kind(input: &'a [u8], _kind: nom::error::ErrorKind) -> Self {
        Self(DecodeError::truncated(input, 1))
    }

    fn append(_input: &'a [u8], _kind: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// Why a sample or record was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small: send the datagram and start another one, or use a larger buffer.
    BufferFull,
    /// A value has more bits than the compact encoding has for it. The expanded encoding
    /// ([`Encoding::Expanded`](crate::sample::Encoding::Expanded)) has 32 for each field.
    OutOfRange {
        /// The field, such as `source_id.index`.
        field: &'static str,
        /// Its value.
        value: u32,
        /// The largest value that can be encoded.
        maximum: u32,
    },
}

impl EncodeError {
    /// Fails if `value` is above `maximum`.
    #[inline]
    pub(crate) fn check(field: &'static str, value: u32, maximum: u32) -> Result<(), Self> {
        if value <= maximum {
            return Ok(());
        }
        Err(Self::OutOfRange {
            field,
            value,
            maximum,
        })
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferFull => f.pad("the buffer is full"),
            Self::OutOfRange {
                field,
                value,
                maximum,
            } => pad(
                f,
                format_args!(
                    "{field} is {value}, but the compact encoding is limited to {maximum}: \
                     use the expanded encoding"
                ),
            ),
        }
    }
}

/// Text that is not the representation of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub struct ParseError {
    /// The representation that was expected.
    pub expected: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("expected {}", self.expected))
    }
}
