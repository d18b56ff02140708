//! The harness, with decoders that have one fault each.

use std::error::Error;

use sflow_fuzz::decoders::{FlowparserSflow, Ours};
use sflow_fuzz::harness::{
    Candidate, Checker, Input, Report, corpus, damage, is_valid, json, table,
};
use sflow_fuzz::{Decoder, Leaf, RecordValues, Values};
use sflow_v5::Datagram;

/// [`Ours`] with a fault.
#[derive(Clone, Copy)]
enum Faulty {
    RejectsAll,
    /// Swaps the octet counters of interfaces.
    Swaps,
    /// Does not return the last value of an interface.
    Omits,
    /// Panics for malformed datagrams.
    Panics,
}

impl Decoder for Faulty {
    type Datagram<'a> = Datagram<'a>;

    fn name(&self) -> &str {
        "faulty"
    }

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Datagram<'a>, Box<dyn Error>> {
        if let Self::RejectsAll = self {
            return Err("not implemented".into());
        }
        let result = Ours.decode(bytes);
        let panics = matches!(self, Self::Panics) && result.is_err();
        assert!(!panics, "malformed");
        result
    }

    fn values(&self, datagram: &Datagram<'_>) -> Values {
        let mut values = Ours.values(datagram);
        let Values::Fields { samples, .. } = &mut values else {
            return values;
        };
        for record in samples.iter_mut().flat_map(|sample| &mut sample.records) {
            if let RecordValues::Decoded { structure, values } = record
                && *structure == "if_counters"
            {
                match self {
                    Self::Swaps => values.swap(5, 12),
                    Self::Omits => drop(values.pop()),
                    Self::RejectsAll | Self::Panics => {}
                }
            }
        }
        values
    }
}

fn check(decoder: &dyn Candidate, inputs: impl IntoIterator<Item = Input>) -> Report {
    let mut checker = Checker::new(decoder);
    inputs.into_iter().for_each(|input| checker.check(&input));
    checker.finish()
}

#[test]
fn this_decoder_accepts_all_and_has_no_wrong_field() {
    let report = check(&Ours, corpus().unwrap());
    assert!(report.valid > 200 && report.damaged > 80, "{report:?}");
    assert_eq!(report.accepted, report.valid);
    assert!(report.wrong_fields.is_empty(), "{}", table(&[report]));
    assert!(report.not_decoded.is_empty());
    assert_eq!(report.failure(), None);
}

#[test]
fn decoder_that_accepts_nothing_fails() {
    let report = check(&Faulty::RejectsAll, corpus().unwrap());
    assert_eq!((report.accepted, report.rejected), (0, report.valid));
    let failure = report.failure().unwrap();
    let expected = format!(
        "faulty accepts none of the {} valid datagrams (not implemented)",
        report.valid
    );
    assert_eq!(failure, expected);
    let text = table(&[report]);
    assert!(text.contains("| faulty | 0 of "), "{text}");
}

#[test]
fn wrong_field_is_reported_by_name() {
    let report = check(&Faulty::Swaps, [interface()]);
    let names: Vec<_> = report.wrong_fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["if_counters.ifInOctets", "if_counters.ifOutOctets"]);
    let found = &report.wrong_fields["if_counters.ifInOctets"];
    assert_eq!((found.times, &found.input[..]), (1, "interface"));
    assert_eq!(found.example, "13, expected 6");
    assert_eq!(report.failure(), None);

    let text = table(std::slice::from_ref(&report));
    assert!(
        text.contains("| faulty | 1 of 1 | 0 | 2 | 0 of 1 | – | – |"),
        "{text}"
    );
    assert!(
        text.contains("- if_counters.ifInOctets: 13, expected 6 (interface)"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&json(&[report]).unwrap()).unwrap();
    let decoder = &json["decoders"][0];
    assert_eq!(decoder["accepted"], 1);
    assert_eq!(
        decoder["wrong_fields"]["if_counters.ifInOctets"]["times"],
        1
    );
}

#[test]
fn missing_field_is_reported_by_name() {
    let report = check(&Faulty::Omits, [interface()]);
    let name = "if_counters.ifPromiscuousMode";
    assert_eq!(report.wrong_fields[name].example, "missing, expected 19");
    assert_eq!(report.wrong_fields.len(), 1);
}

#[test]
fn panics_are_counted_with_their_place() {
    let inputs = [interface()];
    let damaged: Vec<_> = damage(&inputs).collect();
    let mut checker = Checker::new(&Faulty::Panics);
    checker.check(&inputs[0]);
    damaged
        .iter()
        .for_each(|input| checker.check_damaged(input));
    let report = checker.finish();
    assert_eq!((report.accepted, report.valid), (1, 1));
    assert_eq!(report.damaged, damaged.len());
    let malformed = damaged.iter().filter(|input| !is_valid(&input.bytes));
    assert_eq!(report.panics, malformed.count());
    let (place, found) = report.panic_places.first_key_value().unwrap();
    assert!(
        place.starts_with("malformed at fuzz/tests/harness.rs:"),
        "{place}"
    );
    assert_eq!(found.times, report.panics);
    assert_eq!(found.input, "interface, truncated to 0 bytes");
    let failure = format!("faulty panics for {} datagrams", report.panics);
    assert_eq!(report.failure(), Some(failure));
}

#[test]
fn structures_and_fields_of_a_peer_are_named() {
    let report = check(&FlowparserSflow, corpus().unwrap());
    assert!(report.accepted > 100 && report.rejected > 10, "{report:?}");
    assert!(report.not_decoded.contains_key("extended_queue_length"));
    assert!(report.wrong_fields.contains_key("host_cpu.cpu_steal"));
    assert!(!report.wrong_fields.contains_key("host_cpu.load_one"));
}

#[test]
fn values_of_serde_types_are_in_wire_order() {
    let value = (1_u32, "a", [1_u8, 2], vec![3_u32], None::<u32>, -1_i32);
    let expected = [
        Leaf::Number(1),
        Leaf::Bytes(b"a".to_vec()),
        Leaf::Bytes(vec![1, 2]),
        Leaf::Items(1),
        Leaf::Number(3),
        Leaf::Number(0xffff_ffff),
    ];
    assert_eq!(sflow_fuzz::leaves(&value), expected);
}

/// A datagram with the counters of an interface: field n has the value n.
fn interface() -> Input {
    let mut words = vec![5, 1, 0x0a00_0001, 0, 1, 1000, 1];
    words.extend([2, 108, 1, 7, 1, 1, 88]);
    for index in 1..=19 {
        // Speed and octets have 64 bits.
        if [3, 6, 13].contains(&index) {
            words.push(0);
        }
        words.push(index);
    }
    let bytes = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let input = Input {
        name: "interface".to_owned(),
        bytes,
    };
    assert!(is_valid(&input.bytes));
    input
}
