//! Commands end on request, wrong clocks cause no endless work, a closed output causes no panic,
//! and SIGHUP reloads the configuration.

#[path = "../../stop/tests/stalled/mod.rs"]
mod stalled;

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{ChildStderr, Command, Stdio};

use stalled::{Folder, Running, absurd_capture, run};

const ELB: &str = env!("CARGO_BIN_EXE_elb");

#[test]
fn replay_ends_at_fifo_without_writer() {
    stalled::ends_at_fifo_without_writer(ELB, |fifo| vec!["replay".into(), fifo.into()]);
}

#[test]
fn replay_skips_gaps_of_centuries() {
    let folder = Folder::new("elb-absurd");
    let path = absurd_capture(&folder);
    let output = run(Command::new(ELB)
        .args(["replay", "--every", "0.1"])
        .arg(&path));
    assert!(output.status.success(), "{output:?}");
}

/// Runs commands whose output is closed, as with `elb simulate | head -1`.
#[test]
fn closed_output_ends_commands_without_panic() {
    let folder = Folder::new("elb-closed");
    let chart = folder.path("chart.svg");
    let chart = chart.to_str().unwrap();
    let commands: [&[&str]; 2] = [&["simulate", "--out", chart], &["run", "--example"]];
    for arguments in commands {
        let mut command = Command::new(ELB);
        let mut running = Running::start(command.args(arguments).stdout(Stdio::piped()));
        // Closes the reading end.
        drop(running.0.stdout.take());
        let status = running.wait();
        let complaints = running.complaints();
        assert!(status.success(), "{arguments:?}: {status} {complaints}");
        assert!(!complaints.contains("panicked"), "{complaints}");
    }
}

/// Reads lines until one contains this text.
fn wait_for(lines: &mut Lines<BufReader<ChildStderr>>, text: &str) {
    let mut seen = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if line.contains(text) {
            return;
        }
        seen.push(line);
    }
    panic!("no line contains {text:?}: {seen:#?}");
}

#[test]
fn sighup_reloads_configuration() {
    let folder = Folder::new("elb-hangup");
    let socket = folder.path("no-docker.sock");
    let configuration = |interval: &str| {
        format!(
            "[collector]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [docker]\nendpoints = [\"unix://{}\"]\n[control]\ninterval = \"{interval}\"\n",
            socket.display()
        )
    };
    let path = folder.file("elb.toml", configuration("2s").as_bytes());
    let mut command = Command::new(ELB);
    let mut running = Running::start(
        command
            .args(["run", "--config"])
            .arg(&path)
            .stdout(Stdio::null()),
    );
    let stderr = running.0.stderr.take().unwrap();
    let mut lines = BufReader::new(stderr).lines();
    wait_for(&mut lines, "Listening, HTTP");
    folder.file("elb.toml", configuration("3s").as_bytes());
    running.signal("HUP");
    wait_for(&mut lines, "SIGHUP: configuration reloaded");
    folder.file("elb.toml", b"[control]\ninterval = 7\n");
    running.signal("HUP");
    wait_for(&mut lines, "SIGHUP: configuration not changed");
    running.signal("TERM");
    assert!(running.wait().success());
}
