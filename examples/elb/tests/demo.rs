//! `elb demo` without a terminal: plain lines, a summary, a chart.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::{signal, wait_for_end};

fn demo(folder: &Path, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_elb"))
        .args(["demo", "--out"])
        .arg(folder)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn demo_scales_service_and_reports_foreign_datagrams() {
    let folder = tempfile::tempdir().unwrap();
    let child = demo(folder.path(), &["--fast"]);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let stdout = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "apache set replicas=2",
        "apache set replicas=6",
        "apache set replicas=1",
        "page http://127.0.0.1:",
        "NetFlow",
        "empty datagram",
        "not sFlow",
        "Chart written to",
    ] {
        assert!(
            stdout.contains(expected),
            "missing {expected:?} in:\n{stdout}"
        );
    }
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr.matches("refused a datagram: NetFlow").count(),
        1,
        "logged once:\n{stderr}"
    );
    let chart = fs::read_to_string(folder.path().join("elb-demo.svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.contains("without"));
}

#[cfg(unix)]
#[test]
fn interrupted_demo_writes_summary_and_chart() {
    let folder = tempfile::tempdir().unwrap();
    // Without the interrupt, it would take minutes.
    let mut child = demo(folder.path(), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert!(first.contains("demo started"), "{first}");

    signal(&child, "-INT");
    assert!(wait_for_end(&mut child).success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("Chart written to"), "{rest}");
    assert!(folder.path().join("elb-demo.svg").exists());
}
