//! Strategies for the bytes of any registered structure, from the catalogue.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value as Json;
use sflow_v5::{CounterRecord, DataFormat, FlowRecord};

use crate::capture;
use crate::record::Space;

/// A structure: its number space, number, and a strategy for its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Arbitrary {
    pub(crate) space: Space,
    pub(crate) format: DataFormat,
    pub(crate) bytes: BoxedStrategy<Vec<u8>>,
}

impl Arbitrary {
    /// Whether later versions have appended fields.
    pub(crate) fn has_optional_fields(&self) -> bool {
        matches!(self.space, Space::Counters)
            && [DataFormat::new(0, 2003), DataFormat::new(0, 2106)].contains(&self.format)
    }
}

/// Every registered structure.
pub(crate) fn structures() -> Vec<Arbitrary> {
    let catalogue = fs::read_to_string(capture::testdata("structures.json")).unwrap();
    let catalogue: Json = serde_json::from_str(&catalogue).unwrap();
    let bytes = |list: &str, format: DataFormat| {
        let structures = catalogue[list].as_array().unwrap();
        let name = format.to_string();
        let found = structures
            .iter()
            .find(|line| format!("{}:{}", line["enterprise"], line["format"]) == name);
        let fields = found.unwrap()["fields"].as_array().unwrap().iter();
        let fields: Vec<_> = fields
            .map(|line| field(line["type"].as_str().unwrap()))
            .collect();
        fields.prop_map(|fields| fields.concat()).boxed()
    };
    let flow = FlowRecord::REGISTERED.iter().map(|line| Arbitrary {
        space: Space::Flow,
        format: line.format,
        bytes: bytes("flow_records", line.format),
    });
    let counters = CounterRecord::REGISTERED.iter().map(|line| Arbitrary {
        space: Space::Counters,
        format: line.format,
        bytes: bytes("counter_records", line.format),
    });
    flow.chain(counters).collect()
}

/// The bytes of any structure.
pub(crate) fn record_bytes() -> impl Strategy<Value = (Space, DataFormat, Vec<u8>)> {
    select(structures()).prop_flat_map(|structure| {
        let Arbitrary {
            space,
            format,
            bytes,
        } = structure;
        bytes.prop_map(move |bytes| (space, format, bytes))
    })
}

/// The bytes of any value of this type of the catalogue.
fn field(kind: &str) -> BoxedStrategy<Vec<u8>> {
    match kind {
        "u32" | "i32" | "f32" | "op4" | "ip4" => word(),
        "u64" => any::<u64>()
            .prop_map(|number| number.to_be_bytes().to_vec())
            .boxed(),
        "uuid" | "ip6" | "gid" => any::<[u8; 16]>().prop_map(Vec::from).boxed(),
        "mac" => any::<[u8; 6]>()
            .prop_map(|[a, b, c, d, e, f]| vec![a, b, c, d, e, f, 0, 0])
            .boxed(),
        "addr" => prop_oneof![
            Just(vec![0; 4]),
            any::<[u8; 4]>().prop_map(|address| [&[0, 0, 0, 1][..], &address].concat()),
            any::<[u8; 16]>().prop_map(|address| [&[0, 0, 0, 2][..], &address].concat()),
        ]
        .boxed(),
        "opaque" => opaque(200),
        "arr:u32" | "arr:i32" => list(word()),
        "adapters" => list(pair(word(), list(field("mac")))),
        "aspath" => list(pair(word(), list(word()))),
        "lanes" => list(vec(word(), 10).prop_map(|words| words.concat()).boxed()),
        "pdus" => list(list(frame())),
        text if text.starts_with("str") => opaque(80),
        other => panic!("no strategy for {other} yet"),
    }
}

fn word() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)]
        .prop_map(|word| word.to_be_bytes().to_vec())
        .boxed()
}

/// A length, as many bytes, and their padding.
pub(crate) fn opaque(longest: usize) -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), 0..=longest).prop_map(padded).boxed()
}

/// A record inside a record: unknown, or of an aggregated frame without further nesting.
fn frame() -> BoxedStrategy<Vec<u8>> {
    let unknown = opaque(20).prop_map(|body| [&999u32.to_be_bytes()[..], &body].concat());
    let timestamp =
        any::<[u8; 8]>().prop_map(|body| [&[0, 0, 4, 0x13, 0, 0, 0, 8][..], &body].concat());
    let aggregation = Just(vec![0, 0, 3, 0xf8, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0]);
    prop_oneof![unknown, timestamp, aggregation].boxed()
}

fn pair(first: BoxedStrategy<Vec<u8>>, second: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    (first, second)
        .prop_map(|(first, second)| [first, second].concat())
        .boxed()
}

fn list(element: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    vec(element, 0..5)
        .prop_map(|elements| [&length(elements.len())[..], &elements.concat()].concat())
        .boxed()
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = length(bytes.len());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    [&length[..], &bytes].concat()
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap().to_be_bytes()
}
