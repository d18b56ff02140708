//! The registries against `structures.json`, in both directions: numbers, names, and the fields'
//! names, order, types and kinds.

#[allow(dead_code, reason = "each test uses its part")]
mod capture;
#[allow(dead_code, reason = "each test uses its part")]
mod record;

use std::fs;

use serde_json::Value as Json;
use sflow_v5::{CounterRecord, FlowRecord, Kind, Registered, Value};

use record::{Read, Space};

/// Structures of the catalogue that the crate does not read yet. Who registers one takes it out.
const FLOW_RECORDS_TO_COME: &str = "0:2 0:3 0:4 0:1002 0:1003 0:1004 0:1005 0:1006 0:1007 \
    0:1008 0:1009 0:1010 0:1011 0:1012 0:1013 0:1014 0:1015 0:1016 0:1017 0:1018 0:1019 0:1020 \
    0:1021 0:1022 0:1023 0:1024 0:1025 0:1026 0:1027 0:1028 0:1029 0:1030 0:1031 0:1032 0:1033 \
    0:1034 0:1035 0:1036 0:1037 0:1038 0:1039 0:1040 0:1041 0:1042 0:2000 0:2001 0:2002 0:2003 \
    0:2100 0:2101 0:2102 0:2103 0:2200 0:2201 0:2202 0:2203 0:2204 0:2205 0:2206 0:2207 0:2208 \
    0:2209 0:2210 4413:1 43874:1 43874:2 43874:3";

/// The same of counter records.
const COUNTER_RECORDS_TO_COME: &str = "0:3 0:4 0:5 0:6 0:7 0:8 0:9 0:10 0:11 0:1001 0:1002 \
    0:1003 0:2105 0:2106 0:2200 0:2201 0:2202 0:2204 0:2205 0:2206 0:3000 0:3001 0:3002 0:3003 \
    4413:1 4413:2 4413:3 5703:1";

#[test]
fn flow_records() {
    compare(
        Space::Flow,
        FlowRecord::REGISTERED,
        "flow_records",
        FLOW_RECORDS_TO_COME,
    );
}

#[test]
fn counter_records() {
    compare(
        Space::Counters,
        CounterRecord::REGISTERED,
        "counter_records",
        COUNTER_RECORDS_TO_COME,
    );
}

fn compare(space: Space, ours: &[Registered], list: &str, to_come: &str) {
    let catalogue = fs::read_to_string(capture::testdata("structures.json")).unwrap();
    let catalogue: Json = serde_json::from_str(&catalogue).unwrap();
    let theirs = catalogue[list].as_array().unwrap();
    let mut ours = ours.iter();
    let mut missing = Vec::new();
    for theirs in theirs {
        let format = format!("{}:{}", theirs["enterprise"], theirs["format"]);
        match ours.clone().next() {
            Some(line) if line.format.to_string() == format => {
                structure(space, line, theirs);
                ours.next();
            }
            _ => missing.push(format),
        }
    }
    assert_eq!(
        ours.next(),
        None,
        "registered, but out of order or not in the catalogue"
    );
    assert_eq!(missing.join(" "), to_come, "{list} that are not registered");
}

/// One structure: what is declared of it, and what it reads from bytes made from the catalogue.
fn structure(space: Space, ours: &Registered, theirs: &Json) {
    assert_eq!(ours.name, theirs["name"]);
    let fields = theirs["fields"].as_array().unwrap();
    let names: Vec<_> = fields
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    let our_names: Vec<_> = ours.fields.iter().map(|field| field.name).collect();
    assert_eq!(our_names, names, "fields of {}", ours.name);

    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let (kind, value) = (kind(field), example(field, index, &mut bytes));
        assert_eq!(
            ours.fields[index].kind, kind,
            "{}.{}",
            ours.name, ours.fields[index].name
        );
        expected.push(value);
    }
    let read = Read::record(space, ours.format, &bytes);
    assert!(!read.malformed, "{}", ours.name);
    assert_eq!(read.values, expected, "{}", ours.name);
    assert_eq!(read.encoded, bytes, "{}", ours.name);
    assert!(Read::record(space, ours.format, &[&bytes[..], b"tail"].concat()).values == expected);
}

/// What a field means, by its type and kind in the catalogue.
fn kind(field: &Json) -> Kind {
    match (field["kind"].as_str(), field["type"].as_str().unwrap()) {
        (Some("counter"), "u32") => Kind::Counter32,
        (Some("counter"), "u64") => Kind::Counter64,
        (Some("gauge"), _) => Kind::Gauge,
        (Some("percentage"), "i32") => Kind::Percentage,
        (Some("enum"), _) => Kind::Enumeration,
        (_, "uuid" | "opaque" | "mac" | "ip4" | "ip6" | "addr") => Kind::Bytes,
        (_, "adapters") => Kind::List,
        (_, text) if text.starts_with("str") => Kind::Text,
        (None | Some("identity"), "u32" | "u64") => Kind::Plain,
        other => panic!("no word for {other:?} yet"),
    }
}

/// Appends a value of the field's type to `bytes`; what must be read from it.
fn example(field: &Json, index: usize, bytes: &mut Vec<u8>) -> String {
    let number = 0x8100_0000 + u32::try_from(index).unwrap();
    let mut put = |part: &[u8]| bytes.extend_from_slice(part);
    let text = |value: Value<'_>| format!("{value:?}");
    match field["type"].as_str().unwrap() {
        "u32" => {
            put(&number.to_be_bytes());
            text(Value::Unsigned(number.into()))
        }
        "i32" => {
            put(&number.to_be_bytes());
            text(Value::Signed(number.cast_signed().into()))
        }
        "u64" => {
            let number = u64::from(number) << 32 | 7;
            put(&number.to_be_bytes());
            text(Value::Unsigned(number))
        }
        "f32" => {
            put(&1.5f32.to_be_bytes());
            text(Value::Float(1.5))
        }
        "opaque" => {
            put(&[0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]);
            text(Value::Bytes(&[1, 2, 3, 4, 5]))
        }
        "uuid" => {
            let uuid = *b"sixteen bare byt";
            put(&uuid);
            text(Value::Uuid(sflow_v5::Uuid(uuid)))
        }
        "adapters" => {
            put(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 0, 0]);
            text(Value::List(1))
        }
        kind if kind.starts_with("str") => {
            put(b"\0\0\0\x06foobar\0\0");
            text(Value::Text("foobar".into()))
        }
        other => panic!("no example of {other} yet"),
    }
}
