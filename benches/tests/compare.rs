//! The program `compare`.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["--datagrams", "5"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn json_contains_counts_and_measurements() {
    let output = run(&["--rounds", "1", "--json", "sflow-v5"]);
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let decoders = json["decoders"].as_array().unwrap();
    assert_eq!(decoders.len(), 1);
    let ours = &decoders[0];
    assert_eq!(ours["decoder"], "sflow-v5");
    assert_eq!(ours["accepted"], ours["valid"]);
    assert!(ours["damaged"].as_u64() > Some(100_000), "{ours}");
    assert_eq!(ours["panics"], 0);
    assert_eq!(ours["wrong_fields"], serde_json::json!({}));
    assert_eq!(ours["allocations"], 0.0);
    assert!(ours["nanoseconds"].as_f64() > Some(0.0), "{ours}");
}

#[test]
fn unknown_decoder_is_an_error_that_lists_the_known_ones() {
    let output = run(&["sflow"]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("unknown decoder `sflow`; known: sflow-v5, flowparser-sflow, sflow-parser"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn program_that_accepts_nothing_fails_and_is_not_measured() {
    let output = run(&["--rounds", "0", "sflow-v5", "--", "cat"]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("failed: cat accepts none of the "),
        "{error}"
    );
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().find(|line| line.starts_with("| cat | 0 of "));
    assert!(row.unwrap().ends_with(" | – | – |"), "{table}");
}
