//! All values of a valid datagram, with the names of the published structures.

use super::record::FieldValues;
use super::{Body, Item, NamedValue, body, header, records, samples, word};
use crate::catalogue::{Space, structure};
use crate::decoder::Leaf;

/// A valid datagram. Wrappers around samples are omitted.
pub(crate) struct DatagramValues<'a> {
    pub(crate) header: Vec<FieldValues>,
    pub(crate) samples: Vec<SampleValues<'a>>,
}

pub(crate) struct SampleValues<'a> {
    pub(crate) format: u32,
    pub(crate) name: &'static str,
    pub(crate) bytes: &'a [u8],
    /// The fields before the records; `None` for samples without records.
    pub(crate) fields: Option<Vec<FieldValues>>,
    pub(crate) records: Vec<RecordValues<'a>>,
}

pub(crate) struct RecordValues<'a> {
    pub(crate) format: u32,
    /// `None` for an unpublished structure.
    pub(crate) name: Option<&'static str>,
    pub(crate) bytes: &'a [u8],
    pub(crate) fields: Vec<FieldValues>,
    /// The names of nested records.
    pub(crate) nested: Vec<&'static str>,
}

const SOURCE: [&str; 2] = ["source_id_type", "source_id_index"];
const INTERFACES: [&str; 4] = [
    "input_format",
    "input_value",
    "output_format",
    "output_value",
];

/// The values of a datagram; `None` if any part of it is malformed.
pub(crate) fn values(bytes: &[u8]) -> Option<DatagramValues<'_>> {
    let (start, count) = header(bytes)?;
    let at = start - 16;
    let mut fields = vec![FieldValues {
        name: "agent_address",
        leaves: vec![Leaf::Bytes(bytes[8..at].to_vec())],
    }];
    for (index, name) in ["sub_agent_id", "sequence_number", "uptime"]
        .into_iter()
        .enumerate()
    {
        fields.push(number(name, word(bytes, at + 4 * index)?));
    }
    let mut found = Vec::new();
    for item in samples(&bytes[start..], count).items {
        let Item::Frame {
            format,
            body: bytes,
        } = item
        else {
            return None;
        };
        match body(format, bytes) {
            Body::Records { fixed, count } => found.push(SampleValues {
                format,
                name: sample_name(format),
                bytes,
                fields: Some(sample_fields(format, bytes)?),
                records: record_values(Space::of_records(format), &bytes[fixed..], count)?,
            }),
            Body::Named(named) => {
                if let Some(NamedValue::Broken(_)) = named.values.last() {
                    return None;
                }
                found.push(without_records(format, bytes));
            }
            Body::Unknown => found.push(without_records(format, bytes)),
            Body::Wrapper => {}
            Body::Malformed => return None,
        }
    }
    Some(DatagramValues {
        header: fields,
        samples: found,
    })
}

fn without_records(format: u32, bytes: &[u8]) -> SampleValues<'_> {
    SampleValues {
        format,
        name: sample_name(format),
        bytes,
        fields: None,
        records: Vec::new(),
    }
}

fn sample_name(format: u32) -> &'static str {
    match (format >> 12, format & 0xfff) {
        (0, 1) => "flow_sample",
        (0, 2) => "counters_sample",
        (0, 3) => "flow_sample_expanded",
        (0, 4) => "counters_sample_expanded",
        (0, 5) => "discarded_packet",
        (4300, 1002) => "rtmetric",
        (4300, 1003) => "rtflow",
        _ => "unknown",
    }
}

fn number(name: &'static str, number: u32) -> FieldValues {
    FieldValues {
        name,
        leaves: vec![Leaf::Number(number.into())],
    }
}

/// The fields of a sample with records, as expanded.
fn sample_fields(format: u32, bytes: &[u8]) -> Option<Vec<FieldValues>> {
    let word = |index: usize| word(bytes, index * 4);
    let source = |word: u32| [word >> 24, word & 0x00ff_ffff];
    let interface = |word: u32| [word >> 30, word & 0x3fff_ffff];
    let words = |indexes: std::ops::Range<usize>| indexes.map(word).collect::<Option<Vec<_>>>();
    let mut names = vec!["sequence_number"];
    names.extend(SOURCE);
    let mut numbers = vec![word(0)?];
    match format {
        1 | 3 => {
            names.extend(["sampling_rate", "sample_pool", "drops"]);
            names.extend(INTERFACES);
        }
        5 => names.extend(["drops", "input_ifindex", "output_ifindex", "reason"]),
        _ => {}
    }
    match format {
        1 => {
            numbers.extend(source(word(1)?));
            numbers.extend(words(2..5)?);
            numbers.extend(interface(word(5)?));
            numbers.extend(interface(word(6)?));
        }
        2 => numbers.extend(source(word(1)?)),
        3 => numbers.extend(words(1..10)?),
        4 => numbers.extend(words(1..3)?),
        _ => numbers.extend(words(1..7)?),
    }
    let fields = names.into_iter().zip(numbers);
    Some(fields.map(|(name, word)| number(name, word)).collect())
}

fn record_values(space: Space, bytes: &[u8], count: u32) -> Option<Vec<RecordValues<'_>>> {
    let list = records(bytes, count);
    let values = list.items.into_iter().map(|item| {
        let Item::Frame {
            format,
            body: bytes,
        } = item
        else {
            return None;
        };
        let Some(structure) = structure(space, format) else {
            return Some(RecordValues {
                format,
                name: None,
                bytes,
                fields: Vec::new(),
                nested: Vec::new(),
            });
        };
        let (fields, nested) = super::record::fields(structure, bytes)?;
        Some(RecordValues {
            format,
            name: Some(&structure.name),
            bytes,
            fields,
            nested,
        })
    });
    values.collect()
}
