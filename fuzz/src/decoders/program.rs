use std::error::Error;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sflow_fuzz::{Decoder, Values};

/// The maximum time of a program for one datagram.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A program that reads one datagram from standard input, and prints `samples N records N` if it is
/// valid. No such line means that the program rejects the datagram.
///
/// A signal or no result within 60 s counts as a panic.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    command: Vec<OsString>,
}

impl Program {
    /// The program and its arguments; `None` if the command is empty.
    #[must_use]
    pub fn new(command: Vec<OsString>) -> Option<Self> {
        Some(Self {
            name: command.first()?.to_string_lossy().into_owned(),
            command,
        })
    }
}

/// The line that the program printed.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    samples: usize,
    records: usize,
}

impl Decoder for Program {
    type Datagram<'a> = Counts;

    const IS_MEASURED: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    fn decode(&self, bytes: &[u8]) -> Result<Counts, Box<dyn Error>> {
        let (program, arguments) = self.command.split_first().ok_or("no command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", self.name))?;
        let mut output = child.stdout.take().ok_or("no pipe")?;
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).map(|_| bytes)
        });
        // A program may stop reading before the end.
        drop(child.stdin.take().ok_or("no pipe")?.write_all(bytes));
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if start.elapsed() > TIMEOUT {
                child.kill()?;
                child.wait()?;
                panic!("no result after {TIMEOUT:?}");
            }
            thread::sleep(Duration::from_millis(1));
        };
        let output = reader.join().map_err(|_| "the output is not readable")??;
        assert!(status.code().is_some(), "killed: {status}");
        let output = String::from_utf8_lossy(&output);
        let line = output.lines().find(|line| line.starts_with("samples "));
        let line = line.ok_or_else(|| format!("no line `samples N records N`; {status}"))?;
        counts(line).ok_or_else(|| format!("not `samples N records N`: {line}").into())
    }

    fn values(&self, counts: &Counts) -> Values {
        Values::Counts {
            samples: counts.samples,
            records: counts.records,
        }
    }
}

fn counts(line: &str) -> Option<Counts> {
    let mut words = line.split_whitespace();
    words.next();
    let samples = words.next()?.parse().ok()?;
    let records = words.nth(1)?.parse().ok()?;
    Some(Counts { samples, records })
}
