//! The program with `--prometheus`, which ends with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::grammar::Exposition;

/// Enough for any request on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Serving {
    child: Child,
    address: String,
    errors: BufReader<ChildStderr>,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_query"))
            .args(arguments)
            .args(["--prometheus", "127.0.0.1:0"])
            // Not read while the program runs: the pipe may fill up.
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut serving = Self {
            child,
            address: String::new(),
            errors,
        };
        let line = serving.wait_for("http://");
        let address = line.split("http://").nth(1).unwrap();
        address
            .split('/')
            .next()
            .unwrap()
            .clone_into(&mut serving.address);
        serving
    }

    /// Starts the program and waits until it has read all captures.
    pub(crate) fn all_of(arguments: &[&str]) -> Self {
        let mut serving = Self::start(arguments);
        serving.wait_for("end of input");
        serving
    }

    /// Reads the next line from standard error, which must contain `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        assert!(line.contains(text), "{line}");
        line
    }

    /// Head and body of the response to a request with these header lines.
    pub(crate) fn request(&self, request: &str, headers: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        // The server closes the connection.
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub(crate) fn scrape(&self) -> Exposition {
        let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
        let (head, body) = self.request("GET /metrics", accept);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
        assert!(head.contains(kind), "{head}");
        Exposition::read(&body)
    }

    /// Ends the program as Ctrl-C does, and returns what it printed.
    pub(crate) fn interrupt(mut self) -> String {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        let mut printed = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut printed).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        printed
    }

    /// Scrapes until the metrics have these values.
    pub(crate) fn scrape_until(&self, values: &[(&str, f64)]) -> Exposition {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let scraped = self.scrape();
            let is_reached = |(name, value): &(&str, f64)| scraped.single(name) == Some(*value);
            if values.iter().all(is_reached) {
                return scraped;
            }
            assert!(Instant::now() < deadline, "{values:?} not reached");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
