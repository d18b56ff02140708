//! Compares what a decoder reads with what the second parser reads.

use std::fmt;

use crate::decoder::{Leaf, RecordValues, SampleValues, Values};
use crate::model::{self, DatagramValues, FieldValues};

/// A difference in one field of a valid datagram.
#[derive(Debug)]
pub(crate) struct Difference<'e> {
    /// The name of a structure or sample, or `datagram`.
    pub(crate) structure: &'static str,
    pub(crate) field: &'static str,
    pub(crate) kind: Kind<'e>,
    /// The names of records nested in the structure.
    pub(crate) nested: &'e [&'static str],
}

#[derive(Debug)]
pub(crate) enum Kind<'e> {
    /// Another value, or none.
    Value {
        expected: &'e Leaf,
        found: Option<&'e Leaf>,
    },
    /// Values after the last field.
    Additional(usize),
    /// Another number of samples or records.
    Count {
        expected: usize,
        found: usize,
    },
    Format {
        expected: u32,
        found: u32,
    },
    /// A record is read as another structure.
    Structure(&'static str),
    /// The decoder returns the bytes of a published structure.
    NotDecoded,
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value {
                expected,
                found: Some(found),
            } => write!(f, "{}, expected {}", Shown(found), Shown(expected)),
            Self::Value {
                expected,
                found: None,
            } => write!(f, "missing, expected {}", Shown(expected)),
            Self::Additional(count) => write!(f, "{count} values after the last field"),
            Self::Count { expected, found } => write!(f, "{found}, expected {expected}"),
            Self::Format { expected, found } => write!(
                f,
                "{}:{}, expected {}:{}",
                found >> 12,
                found & 0xfff,
                expected >> 12,
                expected & 0xfff
            ),
            Self::Structure(found) => write!(f, "read as {found}"),
            Self::NotDecoded => f.write_str("not decoded"),
        }
    }
}

/// A value in a message.
struct Shown<'l>(&'l Leaf);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Leaf::Number(number) => write!(f, "{number}"),
            Leaf::Float(number) => write!(f, "{number:?}"),
            Leaf::Items(count) => write!(f, "{count} elements"),
            Leaf::Choice { number, .. } => write!(f, "{number}"),
            Leaf::Bytes(bytes) => {
                let (shown, rest) = bytes.split_at(bytes.len().min(32));
                match std::str::from_utf8(bytes) {
                    Ok(text) if rest.is_empty() && !text.contains(char::is_control) => {
                        write!(f, "{text:?}")
                    }
                    _ => {
                        f.write_str("0x")?;
                        shown.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                        f.write_str(if rest.is_empty() { "" } else { "…" })
                    }
                }
            }
        }
    }
}

/// All differences. Elements are compared only if their number is right, and samples up to the first
/// of another format.
pub(crate) fn compare<'e>(
    expected: &'e DatagramValues<'_>,
    found: &'e Values,
) -> Vec<Difference<'e>> {
    let mut out = Vec::new();
    let mut count = |structure, field, expected: usize, found: usize| {
        let is_same = expected == found;
        if !is_same {
            out.push(difference(
                structure,
                field,
                Kind::Count { expected, found },
            ));
        }
        is_same
    };
    match found {
        Values::Counts { samples, records } => {
            count("datagram", "samples", expected.samples.len(), *samples);
            let of_samples = expected.samples.iter().map(|sample| sample.records.len());
            count("datagram", "records", of_samples.sum(), *records);
        }
        Values::Fields { header, samples } => {
            let is_same = count("datagram", "samples", expected.samples.len(), samples.len());
            fields("datagram", &expected.header, header, &[], &mut out);
            if is_same {
                for (expected, found) in expected.samples.iter().zip(samples) {
                    if expected.format != found.format {
                        let (name, expected, found) =
                            (expected.name, expected.format, found.format);
                        let kind = Kind::Format { expected, found };
                        out.push(difference(name, "format", kind));
                        // The samples that follow are misplaced.
                        break;
                    }
                    sample(expected, found, &mut out);
                }
            }
        }
    }
    out
}

fn difference<'e>(structure: &'static str, field: &'static str, kind: Kind<'e>) -> Difference<'e> {
    Difference {
        structure,
        field,
        kind,
        nested: &[],
    }
}

fn sample<'e>(
    expected: &'e model::SampleValues<'_>,
    found: &'e SampleValues,
    out: &mut Vec<Difference<'e>>,
) {
    let name = expected.name;
    let Some(values) = &expected.fields else {
        // Values with names are not compared.
        let is_raw = matches!(&found.fields[..], [Leaf::Bytes(bytes)] if bytes == expected.bytes);
        if name != "unknown" && is_raw {
            out.push(difference(name, "format", Kind::NotDecoded));
        }
        return;
    };
    fields(name, values, &found.fields, &[], out);
    if expected.records.len() != found.records.len() {
        let (expected, found) = (expected.records.len(), found.records.len());
        return out.push(difference(name, "records", Kind::Count { expected, found }));
    }
    for (expected, found) in expected.records.iter().zip(&found.records) {
        record(expected, found, out);
    }
}

fn record<'e>(
    expected: &'e model::RecordValues<'_>,
    found: &'e RecordValues,
    out: &mut Vec<Difference<'e>>,
) {
    let kind = match (expected.name, found) {
        // A structure that is not in the catalogue.
        (None, RecordValues::Decoded { .. }) => return,
        (_, RecordValues::Raw { format, .. }) if *format != expected.format => Kind::Format {
            expected: expected.format,
            found: *format,
        },
        (None, RecordValues::Raw { bytes, .. }) if bytes == expected.bytes => return,
        (None, RecordValues::Raw { bytes, .. }) => Kind::Count {
            expected: expected.bytes.len(),
            found: bytes.len(),
        },
        (Some(_), RecordValues::Raw { .. }) => Kind::NotDecoded,
        (Some(name), RecordValues::Decoded { structure, values }) => {
            if is_same_name(name, structure) {
                return fields(name, &expected.fields, values, &expected.nested, out);
            }
            Kind::Structure(structure)
        }
    };
    out.push(Difference {
        structure: expected.name.unwrap_or("unknown"),
        field: match kind {
            Kind::Count { .. } => "bytes",
            _ => "format",
        },
        kind,
        nested: &expected.nested,
    });
}

fn is_same_name(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    plain(a) == plain(b)
}

/// Compares values in order. If their number differs, all values after the first difference are
/// misplaced and not compared.
fn fields<'e>(
    structure: &'static str,
    expected: &'e [FieldValues],
    found: &'e [Leaf],
    nested: &'e [&'static str],
    out: &mut Vec<Difference<'e>>,
) {
    let values = expected
        .iter()
        .flat_map(|field| field.leaves.iter().map(move |leaf| (field.name, leaf)));
    let count = values.clone().count();
    for (index, (field, expected)) in values.enumerate() {
        let found_here = found.get(index);
        if found_here.is_some_and(|found| expected.is(found)) {
            continue;
        }
        out.push(Difference {
            structure,
            field,
            kind: Kind::Value {
                expected,
                found: found_here,
            },
            nested,
        });
        if found.len() != count && found_here.is_some() {
            return;
        }
    }
    if let Some(additional @ 1..) = found.len().checked_sub(count) {
        out.push(Difference {
            structure,
            field: "end",
            kind: Kind::Additional(additional),
            nested,
        });
    }
}
