//! The history of a running, ended or killed process, and `elb history`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Elb, LONGEST, config};

fn elb_history(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elb"));
    let config = folder.join("elb.toml");
    command
        .args(["history", "--config"])
        .arg(config)
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = elb_history(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An elb with the history `history.db` and an unreachable engine.
fn start(folder: &Path, shell: &str) -> Elb {
    let history = format!(
        "[history]\npath = {:?}\nmax_size = \"2 MiB\"\n",
        folder.join("history.db")
    );
    Elb::start(folder, &config("tcp://127.0.0.1:1", &history), shell, &[])
}

fn set_mode(elb: &Elb, mode: &str) {
    let headers = "X-Elb: 1\r\nContent-Type: application/json\r\n";
    let body = format!("{{\"mode\":\"{mode}\"}}");
    let (status, answer) = elb.ask("PUT", "/api/v1/services/web/mode", headers, &body);
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn history_of_running_and_killed_elb_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let elb = start(folder, "");
    set_mode(&elb, "off");
    let is_stored = || printed(folder, &[]).contains("web: off (client 127.0.0.1)");
    let end = Instant::now() + LONGEST;
    while !is_stored() {
        assert!(
            Instant::now() < end,
            "the change is not in the file of the running elb"
        );
        thread::sleep(Duration::from_millis(50));
    }
    drop(elb);
    // Killed: at most the last batch is lost, and the file is read and continued.
    assert!(is_stored());
    let elb = start(folder, "");
    set_mode(&elb, "act");
    elb.terminate();
    let text = printed(folder, &["--service", "web"]);
    let modes: Vec<&str> = text
        .lines()
        .map(|it| it.split_once("mode     ").unwrap().1)
        .collect();
    let expected = [
        "web: advise (start)",
        "web: off (client 127.0.0.1)",
        "web: advise (start)",
        "web: act (client 127.0.0.1)",
    ];
    assert_eq!(modes, expected, "the end writes the last batch");
    let json = printed(folder, &["--json", "--limit", "1", "--since", "1h"]);
    let record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&record["record"], &record["mode"]),
        (&"mode".into(), &"act".into())
    );
    assert_eq!(printed(folder, &["--service", "other"]), "no records\n");
    assert_eq!(printed(folder, &["--observations"]), "");
}

#[test]
fn unreadable_history_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elb.toml");
    fs::write(&path, "").unwrap();
    let error = |arguments: &[&str]| {
        let output = elb_history(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(&[]).contains("no [history]"), "{}", error(&[]));
    let file = folder.path().join("other");
    fs::write(&path, format!("[history]\npath = {file:?}\n")).unwrap();
    assert!(error(&[]).contains("other"), "{}", error(&[]));
    fs::write(&file, "no history").unwrap();
    assert!(error(&[]).contains("not a database"), "{}", error(&[]));
    // It is not changed.
    assert_eq!(fs::read(&file).unwrap(), b"no history");
}

#[test]
fn full_disk_is_a_problem_and_metrics_count_it() {
    let folder = tempfile::tempdir().unwrap();
    // The shell's unit is 512 bytes; the signal for large files is ignored, so that writes fail.
    let elb = start(folder.path(), "trap '' XFSZ; ulimit -f 16");
    elb.get_until("/metrics", "elb_problems{reason=\"history\"} 1");
    elb.get_until("/metrics", "elb_history_errors_total");
    elb.get_until("/api/v1/snapshot", "the disk has space");
    assert!(elb.get("/api/v1/health").1.contains("\"rounds\""));
}
