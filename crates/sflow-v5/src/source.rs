use core::fmt;
use core::str::FromStr;

use crate::drop_reason::DropReason;
use crate::enums::DataSourceKind;
use crate::error::{DecodeError, EncodeError, ParseError};
use crate::format::decimal;
use crate::padding::pad;
use crate::wire::Wire;
use crate::writer::Writer;

/// How a sample encodes its data source and interfaces.
///
/// Both encodings decode to the same values; a sample keeps its own so that it is encoded as it
/// was received. An agent must use one of them for all its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
// As wide as the other fields of a sample: next to a narrower field, the compiler copies its
// neighbours byte by byte wherever samples of all kinds share memory.
#[repr(u32)]
pub enum Encoding {
    /// One word each. A data source has 8 bits for its kind and 24 for its index, an interface 2
    /// for its format and 30 for its value.
    Compact,
    /// Two words each: 32 bits for each field.
    #[default]
    Expanded,
}

/// The source of a sample: an interface, a VLAN, a physical host, a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DataSource {
    /// The kind of the data source.
    pub kind: DataSourceKind,
    /// Its index: `ifIndex`, VLAN identifier, `entPhysicalIndex` or `entLogicalIndex`.
    pub index: u32,
}

impl DataSource {
    /// The data source of this kind and index.
    pub const fn new(kind: DataSourceKind, index: u32) -> Self {
        Self { kind, index }
    }

    #[inline(always)]
    pub(crate) fn decode(encoding: Encoding, input: &mut &[u8]) -> Result<Self, DecodeError> {
        let first = u32::decode(input)?;
        Ok(match encoding {
            Encoding::Compact => Self {
                kind: DataSourceKind(first >> 24),
                index: first & 0x00ff_ffff,
            },
            Encoding::Expanded => Self {
                kind: DataSourceKind(first),
                index: u32::decode(input)?,
            },
        })
    }

    /// Fails if the compact encoding, of 8 and 24 bits, cannot hold it.
    pub(crate) fn check_compact(self) -> Result<(), EncodeError> {
        EncodeError::check("source_id.kind", self.kind.0, 0xff)?;
        EncodeError::check("source_id.index", self.index, 0x00ff_ffff)
    }

    pub(crate) fn encode(self, encoding: Encoding, out: &mut Writer<'_>) {
        match encoding {
            Encoding::Compact => out.word(self.kind.0 << 24 | self.index & 0x00ff_ffff),
            Encoding::Expanded => {
                out.word(self.kind.0);
                out.word(self.index);
            }
        }
    }
}

impl fmt::Display for DataSource {
    /// Kind and index, `3:100042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("{}:{}", self.kind.0, self.index))
    }
}

impl FromStr for DataSource {
    type Err = ParseError;

    /// Parses what `Display` writes: two decimal numbers, `3:100042`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (kind, index) = text.split_once(':')?;
            Some(Self::new(DataSourceKind(decimal(kind)?), decimal(index)?))
        };
        parse().ok_or(ParseError {
            expected: "kind:index, such as 3:100042",
        })
    }
}

/// The interface at which a packet was received or sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Interface {
    /// Meaning of `value`: 0 is an `ifIndex`, 1 a drop reason, 2 a number of output interfaces.
    pub format: u32,
    /// The value; 0 if unknown.
    pub value: u32,
}

impl Interface {
    /// The device itself: it created or consumed the packet. Fits into both encodings.
    pub const INTERNAL: Self = Self {
        format: 0,
        value: 0x3fff_ffff,
    };

    /// The interface with this `ifIndex`.
    pub const fn index(value: u32) -> Self {
        Self { format: 0, value }
    }

    /// The `ifIndex`, if this is a single, known interface.
    pub const fn if_index(self) -> Option<u32> {
        match self {
            Self { format: 0, value } if value != 0 && !self.is_internal() => Some(value),
            _ => None,
        }
    }

    /// Whether the device itself created or consumed the packet: 0x3fffffff, or 2^32 − 1, which
    /// the errata define for the expanded encoding.
    pub const fn is_internal(self) -> bool {
        matches!(
            self,
            Self {
                format: 0,
                value: 0x3fff_ffff | 0xffff_ffff
            }
        )
    }

    /// Why the packet was dropped, if it was.
    pub const fn drop_reason(self) -> Option<DropReason> {
        match self {
            Self { format: 1, value } => Some(DropReason(value)),
            _ => None,
        }
    }

    /// The number of interfaces that sent the packet, if there may be more than one; 0 if their
    /// number is unknown.
    pub const fn output_count(self) -> Option<u32> {
        match self {
            Self { format: 2, value } => Some(value),
            _ => None,
        }
    }

    #[inline(always)]
    pub(crate) fn decode(encoding: Encoding, input: &mut &[u8]) -> Result<Self, DecodeError> {
        let first = u32::decode(input)?;
        Ok(match encoding {
            Encoding::Compact => Self {
                format: first >> 30,
                value: first & 0x3fff_ffff,
            },
            Encoding::Expanded => Self {
                format: first,
                value: u32::decode(input)?,
            },
        })
    }

    /// Fails if the compact encoding, of 2 and 30 bits, cannot hold it.
    pub(crate) fn check_compact(
        self,
        format: &'static str,
        value: &'static str,
    ) -> Result<(), EncodeError> {
        EncodeError::check(format, self.format, 3)?;
        EncodeError::check(value, self.value, 0x3fff_ffff)
    }

    pub(crate) fn encode(self, encoding: Encoding, out: &mut Writer<'_>) {
        match encoding {
            Encoding::Compact => out.word(self.format << 30 | self.value & 0x3fff_ffff),
            Encoding::Expanded => {
                out.word(self.format);
                out.word(self.value);
            }
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.format, self.value) {
            _ if self.is_internal() => f.pad("internal"),
            (0, 0) => f.pad("unknown"),
            (0, index) => index.fmt(f),
            (1, reason) => pad(f, format_args!("dropped: {}", DropReason(reason))),
            (2, 0) => f.pad("multiple interfaces"),
            (2, count) => pad(f, format_args!("{count} interfaces")),
            (format, value) => pad(f, format_args!("format {format} ({value})")),
        }
    }
}
