//! Damaged input: valid data around the damage is decoded, and the damage is reported. The tests of
//! the package `sflow-fuzz` check over the whole corpus, intact and damaged at every byte, that
//! nothing panics, that iteration ends, and that every byte is accounted for.

#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;

use std::fs;

use sflow_v5::{CounterRecord, Datagram, ErrorKind, FlowRecord, Sample};

#[test]
fn captures_are_valid() {
    for bytes in captures() {
        assert_eq!(Datagram::parse(&bytes).unwrap().validate(), Ok(()));
    }
}

/// Files of the corpus contain damage between valid data; the name of the file is the damage.
#[test]
fn valid_data_around_damage_is_decoded() {
    let around = |name: &str| {
        let bytes = fs::read(capture::testdata("corpus/datagram").join(name)).unwrap();
        let datagram = Datagram::parse(&bytes).unwrap();
        let samples = datagram.samples().map(|sample| match sample {
            Sample::Flow(sample) => join(sample.records().map(|record| flow_word(&record))),
            Sample::Counters(sample) => join(sample.records().map(|record| counter_word(&record))),
            Sample::Unknown(_) => "UNKNOWN".into(),
            Sample::Malformed(_, error) => error.kind.cause().to_uppercase(),
            _ => "other".into(),
        });
        samples.collect::<Vec<String>>().join(" | ")
    };
    let table = [
        (
            "unknown-sample-between-good-ones.bin",
            "cpu memory | UNKNOWN | switch header",
        ),
        (
            "sample-too-short-for-its-fixed-part-flow.bin",
            "cpu memory | TRUNCATED | cpu memory",
        ),
        (
            "length-of-sample-zero.bin",
            "cpu memory | TRUNCATED | cpu memory",
        ),
        ("length-of-sample-max.bin", "cpu memory | LENGTH"),
        (
            "length-of-sample-rounds-up-to-zero.bin",
            "cpu memory | LENGTH",
        ),
        (
            "count-of-records-max-flow.bin",
            "cpu memory | switch truncated | cpu memory",
        ),
        (
            "count-of-records-max-flow-expanded.bin",
            "cpu memory | switch truncated | cpu memory",
        ),
        (
            "count-of-records-max-counters.bin",
            "cpu memory | cpu truncated | cpu memory",
        ),
        (
            "count-of-records-max-counters-expanded.bin",
            "cpu memory | cpu truncated | cpu memory",
        ),
        (
            "length-of-record-max.bin",
            "cpu memory | memory length | cpu memory",
        ),
        (
            "length-of-record-rounds-up-to-zero.bin",
            "cpu memory | memory length | cpu memory",
        ),
        ("length-of-text-max.bin", "length cpu"),
        ("length-of-text-parent-plus-1.bin", "length cpu"),
        (
            "length-of-sampled-header-parent-plus-4.bin",
            "length switch | cpu memory",
        ),
        ("count-of-adapters-wraps.bin", "cpu count memory"),
        ("count-of-macs-wraps-8-bytes.bin", "cpu count memory"),
        (
            "record-1-short-of-its-fixed-part.bin",
            "cpu truncated memory",
        ),
        (
            "record-8-short-of-its-fixed-part.bin",
            "cpu truncated memory",
        ),
        (
            "counter-record-in-a-flow-sample.bin",
            "truncated switch other",
        ),
        (
            "unknown-enterprise-with-a-standard-number.bin",
            "cpu unknown memory",
        ),
        ("left-over-after-the-fields.bin", "cpu memory"),
        ("left-over-after-the-records.bin", "cpu | cpu memory"),
        ("left-over-after-the-datagram.bin", "cpu memory"),
        ("padding-missing-at-the-end-name-of-3.bin", "cpu name"),
        ("padding-not-zero.bin", "name descr cpu"),
        ("text-not-utf-8-nul-and-html.bin", "descr cpu"),
    ];
    for (name, expected) in table {
        assert_eq!(around(name), expected, "{name}");
    }
}

#[test]
fn iteration_always_ends() {
    let bytes = fs::read(capture::testdata("corpus/datagram/8000-empty-samples.bin")).unwrap();
    let datagram = Datagram::parse(&bytes).unwrap();
    assert_eq!(
        datagram.samples().count(),
        201,
        "200 that are there, and one that is not"
    );
    let Sample::Malformed(frame, error) = datagram.samples().last().unwrap() else {
        panic!("{datagram:?}")
    };
    assert!(frame.bytes.is_empty());
    assert_eq!(
        error.to_string(),
        "sample at byte 0: 4 bytes needed, 0 available"
    );
}

#[test]
fn other_versions_and_protocols_are_refused() {
    for version in [0, 1, 2, 3, 4, 6, u32::MAX] {
        let bytes = [&version.to_be_bytes()[..], &[0; 60]].concat();
        let error = Datagram::parse(&bytes).unwrap_err();
        assert_eq!(
            (error.kind, error.field),
            (ErrorKind::Version(version), "version")
        );
    }
    let error = Datagram::parse(&[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "datagram.version at byte 0: 4 bytes needed, 0 available"
    );
    let error = Datagram::parse(&[0, 0, 0, 5, 0, 0, 0, 3, 0, 0]).unwrap_err();
    let expected = "datagram.agent_address at byte 4: address type 3, expected 0, 1 or 2";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn malformed_record_inside_a_frame_is_invalid() {
    let name = "aggregation-with-a-broken-record.bin";
    let bytes = fs::read(capture::testdata("corpus/datagram").join(name)).unwrap();
    assert!(Datagram::parse(&bytes).unwrap().validate().is_err());
}

fn captures() -> Vec<Vec<u8>> {
    [
        capture::datagrams("hsflowd-swarm"),
        capture::datagrams("openvswitch"),
    ]
    .concat()
}

fn join(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn flow_word(record: &FlowRecord<'_>) -> &'static str {
    match record {
        FlowRecord::SampledHeader(_) => "header",
        FlowRecord::ExtendedSwitch(_) => "switch",
        FlowRecord::Unknown(_) => "unknown",
        FlowRecord::Malformed(_, error) => error.kind.cause(),
        _ => "other",
    }
}

fn counter_word(record: &CounterRecord<'_>) -> &'static str {
    match record {
        CounterRecord::VirtCpu(_) => "cpu",
        CounterRecord::VirtMemory(_) => "memory",
        CounterRecord::PortName(_) => "name",
        CounterRecord::HostDescr(_) => "descr",
        CounterRecord::Unknown(_) => "unknown",
        CounterRecord::Malformed(_, error) => error.kind.cause(),
        _ => "other",
    }
}
