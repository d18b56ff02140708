//! Walking over fields without knowing the type.

use crate::address::{Address, Mac, Uuid};
use crate::text::Text;

/// One field of a structure: what the declaration says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the specification, letter by letter (`cpuTime`).
    pub name: &'static str,
    /// What its number means.
    pub kind: Kind,
    /// The unit of its number (`ms`, `bytes`, `packets`); empty where it has none.
    pub unit: &'static str,
}

/// What a field's value means, and so what may be computed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Counts up modulo 2^32: differences mean something, values do not.
    Counter32,
    /// Counts up modulo 2^64.
    Counter64,
    /// A quantity at one moment.
    Gauge,
    /// Hundredths of a percent at one moment.
    Percentage,
    /// A choice from an open list.
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
    /// A list of so many elements.
    List(usize),
    /// A structure inside a list.
    Structure,
}
