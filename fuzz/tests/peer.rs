//! The program `peer`, which checks other decoders.

#![cfg(unix)]

use std::process::{Command, Output};

fn peer(script: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peer"))
        .args(["sh", "-c", script])
        .output()
        .unwrap()
}

#[test]
fn decoder_that_rejects_everything_passes() {
    let output = peer("exit 1");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(" datagrams, 0 failed\n"));
}

#[test]
fn decoder_that_crashes_or_miscounts_fails() {
    let output = peer("kill -SEGV $$");
    assert!(!output.status.success());
    let output = peer("echo samples 1 records 2");
    assert!(!output.status.success());
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains(
            "vector-1-compact-flow.bin: samples 1 records 2, expected samples 1 records 3"
        ),
        "{shown}"
    );
    assert!(!shown.contains("vector-1-compact-flow-cut"), "{shown}");
}
