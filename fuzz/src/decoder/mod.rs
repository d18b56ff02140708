//! The interface between the harness and a decoder.

mod flatten;
mod leaf;

use std::error::Error;

use serde::Serialize;

pub use leaf::Leaf;

/// An sFlow decoder under test.
pub trait Decoder {
    /// A decoded datagram, which may borrow from the bytes.
    type Datagram<'a>;

    /// Whether the time and the allocations of [`decode`](Self::decode) can be measured. They cannot
    /// if another process decodes.
    const IS_MEASURED: bool = true;

    /// The name in tables.
    fn name(&self) -> &str;

    /// Decodes one UDP payload completely. Only this function is measured.
    ///
    /// # Errors
    ///
    /// If the decoder rejects the datagram.
    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Self::Datagram<'a>, Box<dyn Error>>;

    /// What the decoder read: all values, or only the numbers of samples and records.
    fn values(&self, datagram: &Self::Datagram<'_>) -> Values;
}

/// The content of a datagram as a decoder reads it. Wrappers around samples (`1991:1`) are not
/// samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Only numbers of elements.
    Counts {
        /// The number of samples.
        samples: usize,
        /// The number of records in flow samples, counters samples and discarded packets.
        records: usize,
    },
    /// All values.
    Fields {
        /// Agent address, sub-agent, sequence number and uptime.
        header: Vec<Leaf>,
        /// The samples in order.
        samples: Vec<SampleValues>,
    },
}

/// The values of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleValues {
    /// Enterprise × 4,096 + format, as on the wire.
    pub format: u32,
    /// The values before the records, in wire order; the number of records is omitted. Compact
    /// sources and interfaces are two values each, as in expanded samples. For a format that the
    /// decoder does not know: the bytes.
    pub fields: Vec<Leaf>,
    /// The records in order.
    pub records: Vec<RecordValues>,
}

/// The values of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordValues {
    /// A record that the decoder knows.
    Decoded {
        /// The name in `testdata/structures.json`. Case and underscores are ignored.
        structure: &'static str,
        /// The values in wire order: see [`leaves`].
        values: Vec<Leaf>,
    },
    /// A record of a format that the decoder does not know.
    Raw {
        /// Enterprise × 4,096 + format, as on the wire.
        format: u32,
        /// The bytes of the record.
        bytes: Vec<u8>,
    },
}

/// The values of a type that derives `serde::Serialize`, in the order of its fields.
///
/// | Rust | leaf |
/// | --- | --- |
/// | integers, `bool` | [`Leaf::Number`]; signed ones by their bits |
/// | floats | [`Leaf::Float`] |
/// | text, byte arrays, MAC and IP addresses | [`Leaf::Bytes`] |
/// | `Vec` | [`Leaf::Items`] and the elements |
/// | `None` | none |
/// | variant without values | [`Leaf::Choice`], with its index as number |
/// | structures, tuples, other variants | their fields |
#[must_use]
pub fn leaves(value: &impl Serialize) -> Vec<Leaf> {
    flatten::flatten(value).1
}

/// [`leaves`] of an enum, and the name of its variant.
#[must_use]
pub fn variant(value: &impl Serialize) -> (&'static str, Vec<Leaf>) {
    flatten::flatten(value)
}
