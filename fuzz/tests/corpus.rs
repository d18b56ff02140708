//! Checks every input of the corpus, also damaged at every position, with plain `cargo test`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use sflow_fuzz::{
    blown_up, check_capture, check_datagram, check_differential, check_packet, check_round_trip,
    check_structured, cuts, known_differences, shortened,
};

#[test]
fn datagram() {
    each("datagram", 300, check_datagram);
}

#[test]
fn datagrams_at_any_alignment() {
    each("datagram", 300, |bytes| {
        for offset in 1..8 {
            let shifted = [&[0xa5; 8][..offset], bytes].concat();
            check_datagram(&shifted[offset..]);
        }
    });
}

/// Uses the inputs of `datagram`.
#[test]
fn round_trip() {
    each("datagram", 300, check_round_trip);
}

/// Uses the inputs of `datagram`. Every known difference must occur.
#[test]
fn differential() {
    let mut met = BTreeSet::new();
    each("datagram", 300, |bytes| {
        met.extend(check_differential(bytes));
    });
    for difference in known_differences() {
        assert!(met.contains(difference), "does not occur: {difference}");
    }
}

#[test]
fn structured() {
    each("structured", 100, check_structured);
}

#[test]
fn packet() {
    each("packet", 80, check_packet);
}

#[test]
fn capture() {
    each("capture", 100, check_capture);
}

#[test]
fn datagrams_truncated_at_every_byte() {
    each("datagram", 300, |bytes| {
        cuts(bytes).for_each(check_datagram);
    });
}

/// Valid datagrams with every word replaced by every dangerous number.
#[test]
fn datagrams_with_every_word_replaced() {
    valid(|bytes| blown_up(bytes).for_each(|damaged| check_datagram(&damaged)));
}

/// Valid datagrams with every record truncated at every byte, with adjusted lengths.
#[test]
fn records_truncated_at_every_byte() {
    valid(|bytes| shortened(bytes).for_each(|damaged| check_datagram(&damaged)));
}

#[test]
fn captures_truncated_at_every_byte() {
    each("capture", 100, |bytes| cuts(bytes).for_each(check_capture));
}

fn valid(check: impl Fn(&[u8])) {
    for (name, bytes) in inputs("datagram") {
        if ["structure-", "sample-", "vector-"]
            .iter()
            .any(|start| name.starts_with(start))
            && !name.contains("-cut-")
        {
            println!("{name}");
            check(&bytes);
        }
    }
}

fn each(target: &str, at_least: usize, mut check: impl FnMut(&[u8])) {
    let inputs = inputs(target);
    assert!(inputs.len() >= at_least, "only {} inputs", inputs.len());
    for (name, bytes) in inputs {
        println!("{name}");
        check(&bytes);
    }
}

fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/corpus"));
    let files = fs::read_dir(folder.join(target)).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    files.collect()
}
