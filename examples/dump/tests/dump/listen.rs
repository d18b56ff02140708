//! `--listen`.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, ChildStderr, ChildStdout};

use crate::program::{command, corpus, json_lines, run, text};

/// The program, receiving on a free port of loopback.
struct Listening {
    child: Child,
    stdout: BufReader<ChildStdout>,
    _stderr: BufReader<ChildStderr>,
    sender: UdpSocket,
}

impl Listening {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = command(&arguments).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("dump: listening on ").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(address).unwrap();
        Self {
            child,
            stdout,
            _stderr: stderr,
            sender,
        }
    }

    fn send(&self, name: &str) {
        self.sender.send(&corpus(name)).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn datagram_is_shown_when_it_arrives() {
    let mut listening = Listening::start(&["--json", "--time", "--limit", "2"]);
    listening.send("vector-4-killed-container");
    let first = listening.line();
    assert_eq!(json_lines(&first)[0]["sub_agent_id"], 100_001);
    assert!(first.starts_with("{\"received_at\":\"20"), "{first}");
    listening.send("netflow-5");
    let second = listening.line();
    assert!(second.contains("version 327"), "{second}");
    assert_eq!(listening.line(), "");
    assert_eq!(listening.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn interrupt_prints_the_summary() {
    let mut listening = Listening::start(&["--count"]);
    listening.send("vector-4-killed-container");
    // On loopback, `send` returns after the datagram has been delivered.
    let kill = std::process::Command::new("kill")
        .args(["-INT", &listening.child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert!(listening.line().starts_with("agent "));
    assert!(listening.line().starts_with("127.0.0.1"));
    assert_eq!(listening.child.wait().unwrap().code(), Some(0));
}

#[test]
fn address_in_use_is_explained() {
    let in_use = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = in_use.local_addr().unwrap().to_string();
    let output = run(&["--listen", &address]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.starts_with("dump: cannot receive on 127.0.0.1:"),
        "{error}"
    );
    assert!(error.contains("another port"), "{error}");
}
