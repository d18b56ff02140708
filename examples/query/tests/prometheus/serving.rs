//! The program, serving; ended when the test is over.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::grammar::Exposition;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

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
            // Nobody reads it.
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
        let told = serving.hear("http://");
        let address = told.split("http://").nth(1).unwrap();
        address
            .split('/')
            .next()
            .unwrap()
            .clone_into(&mut serving.address);
        serving
    }

    /// Of a capture, when all of it is read.
    pub(crate) fn all_of(arguments: &[&str]) -> Self {
        let mut serving = Self::start(arguments);
        serving.hear("all is read");
        serving
    }

    /// The next thing that it says, which has these words.
    pub(crate) fn hear(&mut self, words: &str) -> String {
        let mut told = String::new();
        self.errors.read_line(&mut told).unwrap();
        assert!(told.contains(words), "{told}");
        told
    }

    /// Head and body of what it answers.
    pub(crate) fn request(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let longest = Some(PATIENCE);
        stream.set_read_timeout(longest).unwrap();
        // It closes the connection by itself.
        write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub(crate) fn scrape(&self) -> Exposition {
        let (head, body) = self.request("GET /metrics");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
        assert!(head.contains(kind), "{head}");
        Exposition::read(&body)
    }

    /// Scrapes until these metrics have these values.
    pub(crate) fn scrape_until(&self, values: &[(&str, f64)]) -> Exposition {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let scraped = self.scrape();
            let is_so = |(name, value): &(&str, f64)| scraped.single(name) == Some(*value);
            if values.iter().all(is_so) {
                return scraped;
            }
            assert!(Instant::now() < deadline, "{values:?} are not reached");
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
