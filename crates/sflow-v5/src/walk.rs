//! Fields, accessed without knowing the type of their structure.

use core::fmt;

use crate::address::{Address, Mac, Uuid};
use crate::text::{Opaque, Text};

/// The declaration of one field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name exactly as in the specification (`cpuTime`).
    pub name: &'static str,
    /// Meaning of the value.
    pub kind: Kind,
    /// Unit of the value (`ms`, `bytes`, `packets`); empty if it has none.
    pub unit: &'static str,
}

/// The meaning of a field's value, and so which computations are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Counts up modulo 2^32: only differences are meaningful.
    Counter32,
    /// Counts up modulo 2^64.
    Counter64,
    /// A quantity at one moment.
    Gauge,
    /// Hundredths of a percent at one moment.
    Percentage,
    /// A value of an open enumeration.
    Enumeration,
    /// Text.
    Text,
    /// Bytes: a packet header, an address, an identifier.
    Bytes,
    /// Several elements.
    List,
    /// A number without any of these meanings: an index, a length, flags.
    Plain,
}

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// The field was not sent.
    Absent,
    /// An unsigned number.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Text(Text<'a>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A MAC address.
    Mac(Mac),
    /// A UUID.
    Uuid(Uuid),
    /// A network address.
    Address(Address),
    /// A list, as its number of elements.
    List(usize),
    /// A structure inside a list.
    Structure,
}

impl Value<'_> {
    /// The number; `None` if the value is not one. Integers above 2^53 are rounded.
    #[expect(
        clippy::as_conversions,
        reason = "there is no other conversion from 64-bit integers"
    )]
    pub const fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Unsigned(number) => Some(number as f64),
            Self::Signed(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Display for Value<'_> {
    /// Numbers, text and addresses as such, bytes as hexadecimal digits, a list as its number of
    /// elements. Nothing for an absent field and a structure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent | Self::Structure => f.pad(""),
            Self::Unsigned(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Bytes(bytes) => Opaque(bytes).fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::List(length) => length.fmt(f),
        }
    }
}
