//! The programs, which end with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::Value as Json;

use crate::broker::Broker;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");

/// A receiver or a worker.
pub(crate) struct Program {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Program {
    pub(crate) fn receive(broker: &Broker) -> Self {
        Self::start("receive", broker, &["--listen", "127.0.0.1:0"])
    }

    pub(crate) fn work(broker: &Broker, arguments: &[&str]) -> Self {
        let address = ["--http", "127.0.0.1:0"];
        Self::start("work", broker, &[&address, arguments].concat())
    }

    fn start(command: &str, broker: &Broker, arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([command, "--brokers", &broker.address])
            .args(["--topic", &broker.topic])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert!(line.contains(" on "), "{line}");
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        // Read to the end, so that the program does not wait for the pipe.
        let number = child.id();
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                eprintln!("{number} {line}");
            }
        });
        Self { child, address }
    }

    /// The number of partitions that a worker owns and has read to their end; 0 while it rejects
    /// requests because it is busy.
    pub(crate) fn partitions(&self) -> usize {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = "GET /partitions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        let listed: Json = serde_json::from_str(body).unwrap();
        let partitions = listed["partitions"].as_array().into_iter().flatten();
        partitions.filter(|it| it["is_current"] == true).count()
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Ends the program on SIGTERM: by itself, or after 700 ms if a broker does not respond in time.
    pub(crate) fn end(mut self) {
        const TERMINATED: i32 = 128 + 15;
        self.signal("TERM");
        let code = self.child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | TERMINATED)), "{code:?}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of an answer, and whether it is complete.
pub(crate) fn ask(workers: &[Program], arguments: &[&str]) -> (Vec<Json>, bool) {
    let mut command = Command::new(PROGRAM);
    command.args(["ask", "--json", "--timeout", "2s"]);
    for worker in workers {
        command.args(["--worker", &worker.address]);
    }
    let output: Output = command.args(arguments).output().unwrap();
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    let lines = lines.map(|line| serde_json::from_slice(line).unwrap());
    (lines.collect(), output.status.success())
}
