//! The seeds that are made, not found: what makes them is written here, so that each can be told
//! from its name, and made anew. `BLESS=1 cargo test -p sflow-fuzz --test seeds` writes those
//! that are missing or different.

#[allow(dead_code, reason = "the tests of dissection use all of it")]
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
    kept("capture", &capture::seeds());
}

#[test]
fn datagram() {
    kept("datagram", &structures::seeds());
    kept("datagram", &samples::seeds());
}

#[test]
fn structured() {
    kept("structured", &recipes::seeds());
}

#[test]
fn packet() {
    kept("packet", &packets::seeds());
}

/// Holds the files of a target against what makes them.
fn kept(target: &str, seeds: &Seeds) {
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
                "{}: BLESS=1 writes it anew",
                path.display()
            );
        }
    }
}
