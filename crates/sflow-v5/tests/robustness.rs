//! Damaged input: nothing panics, everything ends, every byte is accounted for, and what is good
//! around the damage is delivered unchanged. What is checked of each input is written in
//! `sflow_fuzz::check_datagram`.

#[allow(dead_code, reason = "each test uses its part")]
mod capture;

use std::fs;

use sflow_fuzz::{blown_up, check_datagram, cuts};
use sflow_v5::{CounterRecord, Datagram, Fault, FlowRecord, Sample};

#[test]
fn both_captures() {
    for bytes in captures() {
        check_datagram(&bytes);
        assert_eq!(Datagram::parse(&bytes).unwrap().validate(), Ok(()));
    }
}

#[test]
fn captures_cut_at_every_byte() {
    for bytes in captures().iter().step_by(149) {
        cuts(bytes).for_each(check_datagram);
    }
}

#[test]
fn everything_kept_cut_at_every_byte() {
    for (_, bytes) in corpus() {
        cuts(&bytes).for_each(check_datagram);
    }
}

#[test]
fn every_count_and_length_too_large_and_too_small() {
    let real = ["vector", "hsflowd", "openvswitch"];
    for (name, bytes) in corpus() {
        if real.iter().any(|start| name.starts_with(start)) && !name.contains("cut") {
            blown_up(&bytes).for_each(|damaged| check_datagram(&damaged));
        }
    }
}

/// The corpus puts what is bad between what is good, and says in the name of the file what is bad.
#[test]
fn what_is_good_around_what_is_bad_is_delivered() {
    let around = |name: &str| {
        let bytes = fs::read(capture::testdata("corpus/datagram").join(name)).unwrap();
        let datagram = Datagram::parse(&bytes).unwrap();
        let samples = datagram.samples().map(|sample| match sample {
            Sample::Flow(sample) => join(sample.records().map(|record| flow_word(&record))),
            Sample::Counters(sample) => join(sample.records().map(|record| counter_word(&record))),
            Sample::Unknown(_) => "UNKNOWN".into(),
            Sample::Malformed(_, error) => error.fault.cause().to_uppercase(),
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
fn every_step_is_progress() {
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
fn other_versions_and_other_protocols() {
    for version in [0, 1, 2, 3, 4, 6, u32::MAX] {
        let bytes = [&version.to_be_bytes()[..], &[0; 60]].concat();
        let error = Datagram::parse(&bytes).unwrap_err();
        assert_eq!(
            (error.fault, error.field),
            (Fault::Version(version), "version")
        );
        check_datagram(&bytes);
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
fn the_largest_datagram_of_random_bytes() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes: Vec<u8> = (0..65_507)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect();
    check_datagram(&bytes);
    // Once more as a datagram whose header is good.
    bytes[..8].copy_from_slice(&[0, 0, 0, 5, 0, 0, 0, 1]);
    check_datagram(&bytes);
    // And as one sample that is good, with records that are not.
    bytes[24..28].copy_from_slice(&[0, 0, 0, 1]);
    bytes[28..36].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0xf0, 0]);
    check_datagram(&bytes);
}

#[test]
fn at_any_alignment() {
    for (name, bytes) in corpus() {
        let Ok(expected) = Datagram::parse(&bytes) else {
            continue;
        };
        let expected = format!("{expected:?}");
        for offset in 0..8 {
            let shifted = [&[0xa5; 8][..offset], &bytes].concat();
            let datagram = Datagram::parse(&shifted[offset..]).unwrap();
            assert_eq!(format!("{datagram:?}"), expected, "{name} at {offset}");
        }
    }
}

fn captures() -> Vec<Vec<u8>> {
    [
        capture::datagrams("hsflowd-swarm"),
        capture::datagrams("openvswitch"),
    ]
    .concat()
}

/// Names and bytes of the inputs that are kept.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(capture::testdata("corpus/datagram")).unwrap();
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            fs::read(&path).unwrap(),
        )
    });
    files.collect()
}

fn join(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn flow_word(record: &FlowRecord<'_>) -> &'static str {
    match record {
        FlowRecord::SampledHeader(_) => "header",
        FlowRecord::ExtendedSwitch(_) => "switch",
        FlowRecord::Unknown(_) => "unknown",
        FlowRecord::Malformed(_, error) => error.fault.cause(),
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
        CounterRecord::Malformed(_, error) => error.fault.cause(),
        _ => "other",
    }
}
