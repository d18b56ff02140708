use core::fmt;

use crate::drop_reason::DropReason;
use crate::encoder::EncodeError;
use crate::enums::DataSourceKind;
use crate::error::DecodeError;
use crate::wire::Wire;
use crate::writer::Writer;

/// How a sample writes its data source and interfaces.
///
/// The same to the user, different on the wire; kept so that a sample can be written back as
/// it came. An agent uses one of them for all that it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
// As wide as the other fields of a sample: a narrow one makes the compiler take its neighbours
// apart byte by byte wherever samples of all kinds share a place.
#[repr(u32)]
pub enum Encoding {
    /// One word each: indices of at most 24 bits.
    Compact,
    /// Two words each.
    #[default]
    Expanded,
}

/// What a sample is about: an interface, a VLAN, a physical host, a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DataSource {
    /// The kind of thing.
    pub kind: DataSourceKind,
    /// Which one: `ifIndex`, VLAN id, `entPhysicalIndex` or `entLogicalIndex`.
    pub index: u32,
}

impl DataSource {
    /// From kind and index.
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
    /// `3:100042`, the way collectors print it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.0, self.index)
    }
}

/// Where a packet came in or went out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Interface {
    /// What `value` is: 0 an `ifIndex`, 1 a drop reason, 2 a number of output interfaces.
    pub format: u32,
    /// The value; 0 if unknown.
    pub value: u32,
}

impl Interface {
    /// The packet was made or taken by the device itself.
    pub const INTERNAL: Self = Self {
        format: 0,
        value: 0x3fff_ffff,
    };

    /// The interface with this `ifIndex`.
    pub const fn index(value: u32) -> Self {
        Self { format: 0, value }
    }

    /// The `ifIndex`, if it is one interface and it is known.
    pub const fn if_index(self) -> Option<u32> {
        match self {
            Self { format: 0, value } if value != 0 && !self.is_internal() => Some(value),
            _ => None,
        }
    }

    /// Whether the packet was made or taken by the device itself. (The expanded form has
    /// 2^32 − 1 for it by the errata, and agents that send 0x3fffffff there as well.)
    pub const fn is_internal(self) -> bool {
        matches!(
            self,
            Self {
                format: 0,
                value: 0x3fff_ffff | 0xffff_ffff
            }
        )
    }

    /// Why the packet went out nowhere, if it was dropped.
    pub const fn drop_reason(self) -> Option<DropReason> {
        match self {
            Self { format: 1, value } => Some(DropReason(value)),
            _ => None,
        }
    }

    /// How many interfaces the packet went out of, if it may be several; 0 if that many are not
    /// counted.
    pub const fn several(self) -> Option<u32> {
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
            _ if self.is_internal() => f.write_str("internal"),
            (0, 0) => f.write_str("unknown"),
            (0, index) => write!(f, "{index}"),
            (1, reason) => write!(f, "dropped: {}", DropReason(reason)),
            (2, 0) => f.write_str("several"),
            (2, count) => write!(f, "{count} interfaces"),
            (format, value) => write!(f, "format {format} ({value})"),
        }
    }
}
