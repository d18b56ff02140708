//! The program `peer`, which checks programs in other languages.

#![cfg(unix)]

use std::process::{Command, Output};

fn peer(script: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peer"))
        .args(["sh", "-c", script])
        .output()
        .unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn program_that_accepts_nothing_fails() {
    for script in ["exit 1", "cat >/dev/null"] {
        let output = peer(script);
        assert!(!output.status.success(), "{script}");
        let error = text(&output.stderr);
        assert!(
            error.starts_with("failed: sh accepts none of the ")
                && error.contains(" valid datagrams (no line `samples N records N`; exit status: "),
            "{error}"
        );
        let shown = text(&output.stdout);
        assert!(shown.contains("\n| sh | 0 of "), "{shown}");
    }
}

#[test]
fn program_that_crashes_fails() {
    let output = peer("kill -SEGV $$");
    assert!(!output.status.success());
    let shown = text(&output.stdout);
    assert!(shown.contains("killed: signal: 11"), "{shown}");
}

#[test]
fn program_that_miscounts_fails() {
    let output = peer("echo samples 1 records 2");
    assert!(!output.status.success());
    let shown = text(&output.stdout);
    assert!(
        shown.contains("\n- datagram.records: 2, expected "),
        "{shown}"
    );
    assert_eq!(
        text(&output.stderr),
        "failed: sh miscounts samples or records\n"
    );
}

#[test]
fn missing_program_fails() {
    let output = Command::new(env!("CARGO_BIN_EXE_peer"))
        .arg("/nonexistent")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.contains("cannot run /nonexistent: "), "{error}");
}
