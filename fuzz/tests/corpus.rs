//! Every input that is kept is checked under plain `cargo test`, and so is what becomes of it
//! when it is damaged at every place.

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

/// What it starts from are datagrams too.
#[test]
fn round_trip() {
    each("datagram", 300, check_round_trip);
}

/// And so does this, for what is valid among them. Every difference that has a name is met.
#[test]
fn differential() {
    let mut met = BTreeSet::new();
    each("datagram", 300, |bytes| {
        met.extend(check_differential(bytes));
    });
    for difference in known_differences() {
        assert!(met.contains(difference), "no longer met: {difference}");
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
fn datagrams_cut_at_every_byte() {
    each("datagram", 300, |bytes| {
        cuts(bytes).for_each(check_datagram);
    });
}

/// What is valid, with every word replaced by every number that is dangerous there.
#[test]
fn datagrams_blown_up_at_every_word() {
    valid(|bytes| blown_up(bytes).for_each(|damaged| check_datagram(&damaged)));
}

/// What is valid, with every record cut at every byte and all lengths around it right.
#[test]
fn records_cut_at_every_byte() {
    valid(|bytes| shortened(bytes).for_each(|damaged| check_datagram(&damaged)));
}

#[test]
fn captures_cut_at_every_byte() {
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
