//! Generated seeds of the corpus. `BLESS=1 cargo test -p sflow-fuzz --test seeds` writes those that
//! are missing or different.

#[allow(dead_code, reason = "the tests of dissection use all functions")]
#[path = "../../../crates/sflow-v5/tests/packet/build.rs"]
mod build;
mod capture;
#[path = "../../../crates/sflow-collector/tests/forge/mod.rs"]
mod forge;
mod packets;
mod recipes;
mod samples;
mod structures;
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The seeds of one target, by the names of their files.
type Seeds = BTreeMap<String, Vec<u8>>;

#[test]
fn capture() {
    check_files("capture", &capture::seeds());
}

#[test]
fn datagram() {
    check_files("datagram", &structures::seeds());
    check_files("datagram", &samples::seeds());
}

#[test]
fn structured() {
    check_files("structured", &recipes::seeds());
}

#[test]
fn packet() {
    check_files("packet", &packets::seeds());
}

/// Compares the files of a target with the generated seeds.
fn check_files(target: &str, seeds: &Seeds) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/corpus"));
    let folder = folder.join(target);
    let is_writing = std::env::var_os("BLESS").is_some();
    if is_writing {
        fs::create_dir_all(&folder).unwrap();
    }
    for (name, bytes) in seeds {
        let path = folder.join(format!("{name}.bin"));
        let kept = fs::read(&path).unwrap_or_default();
        if is_writing && (kept != *bytes || !path.exists()) {
            fs::write(&path, bytes).unwrap();
        } else {
            assert!(
                kept == *bytes && path.exists(),
                "{}: differs; BLESS=1 writes it",
                path.display()
            );
        }
    }
}
