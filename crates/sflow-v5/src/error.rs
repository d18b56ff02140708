use core::fmt;

/// Why bytes could not be read: which structure and field, where, and what was wrong.
///
/// Small and `Copy`; it becomes words only when it is printed:
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The structure that was being read, as the specification names it.
    pub structure: &'static str,
    /// The field of it, as the specification names it; empty for the structure as a whole.
    pub field: &'static str,
    /// Where the field starts, in bytes from the start of the structure.
    pub offset: usize,
    /// What was wrong there.
    pub fault: Fault,
}

/// What was wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The bytes end inside the field.
    Truncated {
        /// Bytes that the field takes at least.
        needed: usize,
        /// Bytes that were left.
        available: usize,
    },
    /// A length is larger than what is left of its parent.
    Length {
        /// The length on the wire.
        length: u32,
        /// Bytes that were left.
        available: usize,
    },
    /// A number of elements cannot fit into what is left of its parent.
    Count {
        /// The number on the wire.
        count: u32,
        /// Bytes that were left.
        available: usize,
    },
    /// The datagram is not of version 5.
    Version(u32),
    /// An address is neither unknown (0), IPv4 (1) nor IPv6 (2).
    AddressType(u32),
    /// A value is of a type that has no length of its own, so that what follows it is out of
    /// reach.
    ValueType(u32),
    /// Structures are inside each other too many times.
    Nesting,
}

impl Fault {
    /// A short, stable word for counting by cause: `truncated`, `length`, `count`, `version`,
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
        f.write_str(self.structure)?;
        if !self.field.is_empty() {
            write!(f, ".{}", self.field)?;
        }
        write!(f, " at byte {}: {}", self.offset, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "{needed} bytes needed, {available} available")
            }
            Self::Length { length, available } => {
                write!(f, "length {length}, but only {available} bytes left")
            }
            Self::Count { count, available } => {
                write!(f, "{count} elements cannot be in {available} bytes")
            }
            Self::Version(version) => write!(f, "version {version}, expected 5"),
            Self::AddressType(kind) => write!(f, "address type {kind}, expected 0, 1 or 2"),
            Self::ValueType(kind) => write!(f, "a value of unknown type {kind}"),
            Self::Nesting => f.write_str("too many structures inside each other"),
        }
    }
}

/// Where reading stopped, told by the distance to the end of the input: the one place that
/// the reader of a field knows without carrying an offset along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    left: usize,
    fault: Fault,
}

impl Stop {
    /// Reading stopped at the start of `input`.
    #[cold]
    pub fn at(input: &[u8], fault: Fault) -> Self {
        Self {
            left: input.len(),
            fault,
        }
    }

    /// `input` is too short for a field of `needed` bytes.
    #[cold]
    pub fn truncated(input: &[u8], needed: usize) -> Self {
        Self::at(
            input,
            Fault::Truncated {
                needed,
                available: input.len(),
            },
        )
    }

    /// What was wrong.
    pub(crate) const fn fault(&self) -> Fault {
        self.fault
    }

    /// The full report: `whole` is the input that `structure` was read from.
    #[cold]
    pub fn report(self, structure: &'static str, field: &'static str, whole: &[u8]) -> Error {
        Error {
            structure,
            field,
            offset: whole.len().saturating_sub(self.left),
            fault: self.fault,
        }
    }
}

/// nom's combinators make errors only through the leaves, which know better than nom what was
/// needed; what nom itself reports is a place where nothing more could be read.
impl<'a> nom::error::ParseError<&'a [u8]> for Stop {
    fn from_error_kind(input: &'a [u8], _kind: nom::error::ErrorKind) -> Self {
        Self::truncated(input, 1)
    }

    fn append(_input: &'a [u8], _kind: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}
