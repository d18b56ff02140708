//! The registries against `structures.json`, in both directions: numbers, names, and the fields'
//! names, order, types and kinds.

#[allow(dead_code, reason = "each test uses its part")]
mod capture;
#[allow(dead_code, reason = "each test uses its part")]
mod record;

use std::fs;

use serde_json::Value as Json;
use sflow_v5::field::{Kind, Registered, Value};
use sflow_v5::{Address, CounterRecord, FlowRecord, Mac, Sample};

use record::{Read, Space};

#[test]
fn flow_records() {
    compare(Space::Flow, FlowRecord::REGISTERED, "flow_records");
}

#[test]
fn counter_records() {
    compare(
        Space::Counters,
        CounterRecord::REGISTERED,
        "counter_records",
    );
}

fn compare(space: Space, ours: &[Registered], list: &str) {
    let catalogue = fs::read_to_string(capture::testdata("structures.json")).unwrap();
    let catalogue: Json = serde_json::from_str(&catalogue).unwrap();
    let theirs = catalogue[list].as_array().unwrap();
    let numbers: Vec<_> = ours.iter().map(|line| line.format.to_string()).collect();
    let expected: Vec<_> = theirs
        .iter()
        .map(|line| format!("{}:{}", line["enterprise"], line["format"]))
        .collect();
    assert_eq!(numbers, expected, "{list}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        structure(space, ours, theirs);
    }
}

/// The samples are not in the catalogue, but in the table of the specification.
#[test]
fn samples() {
    let registered = Sample::REGISTERED
        .iter()
        .map(|(format, name)| format!("{format} {name}"));
    let expected = [
        "0:1 flow_sample",
        "0:2 counters_sample",
        "0:3 flow_sample_expanded",
        "0:4 counters_sample_expanded",
        "0:5 discarded_packet",
        "1991:1 foundry_acl",
        "4300:1002 rtmetric",
        "4300:1003 rtflow",
    ];
    assert!(registered.eq(expected));
}

#[test]
fn nothing_is_left_out() {
    assert_eq!(Sample::REGISTERED.len(), 8);
    assert_eq!(FlowRecord::REGISTERED.len(), 70);
    assert_eq!(CounterRecord::REGISTERED.len(), 50);
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
        (_, "adapters" | "aspath" | "lanes" | "pdus" | "arr:u32" | "arr:i32") => Kind::List,
        // Flags, whatever the catalogue calls them: their mean would mean nothing.
        (_, "op4") => Kind::Plain,
        (Some("counter"), "u32") => Kind::Counter32,
        (Some("counter"), "u64") => Kind::Counter64,
        (Some("gauge"), _) => Kind::Gauge,
        (Some("percentage"), "i32") => Kind::Percentage,
        (Some("enum"), _) => Kind::Enumeration,
        (_, "uuid" | "opaque" | "mac" | "ip4" | "ip6" | "gid" | "addr") => Kind::Bytes,
        (_, text) if text.starts_with("str") => Kind::Text,
        (None | Some("identity"), "u32" | "u64" | "i32") => Kind::Plain,
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
            text(Value::Uuid(sflow_v5::types::Uuid(uuid)))
        }
        "op4" => {
            put(&[1, 2, 3, 4]);
            text(Value::Unsigned(0x0102_0304))
        }
        "mac" => {
            put(&[1, 2, 3, 4, 5, 6, 0, 0]);
            text(Value::Mac(Mac([1, 2, 3, 4, 5, 6])))
        }
        "ip4" => {
            put(&[10, 0, 0, 1]);
            text(Value::Address(Address::V4([10, 0, 0, 1])))
        }
        "ip6" | "gid" => {
            put(&[0xfe; 16]);
            text(Value::Address(Address::V6([0xfe; 16])))
        }
        "addr" => {
            put(&[0, 0, 0, 2]);
            put(&[0xfd; 16]);
            text(Value::Address(Address::V6([0xfd; 16])))
        }
        "arr:u32" | "arr:i32" => {
            put(&[0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9]);
            text(Value::List(2))
        }
        "aspath" => {
            // A sequence of two, and an empty set.
            put(&[0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9]);
            put(&[0, 0, 0, 1, 0, 0, 0, 0]);
            text(Value::List(2))
        }
        "lanes" => {
            put(&[0, 0, 0, 1]);
            put(&[7; 40]);
            text(Value::List(1))
        }
        "pdus" => {
            // One frame with an `extended_timestamp`.
            put(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 4, 0x13, 0, 0, 0, 8]);
            put(&[1; 8]);
            text(Value::List(1))
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
