//! Reads the inputs and writes the output.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use command::Progress;
use sflow_collector::Received;
use sflow_collector::capture::{Capture, CaptureError, Port};
use sflow_collector::udp::{SocketSettings, UdpReceiver};
use sflow_v5::Datagram;
use stop::Stop;
use untrusted::report;

use crate::filter::Filter;
use crate::output::{Output, Stopped};
use crate::view::View;

/// The source of datagrams.
pub(crate) enum Inputs {
    /// Captures in order; `-` is standard input.
    Files(Vec<PathBuf>, Port),
    /// A UDP socket with this local address.
    Socket(SocketAddr),
}

/// Conditions that the exit code reports.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Findings {
    /// An input could not be read to its end.
    pub(crate) is_incomplete: bool,
    /// A datagram was malformed. Only checked with `is_strict`.
    pub(crate) is_malformed: bool,
}

/// One run of the program.
pub(crate) struct Run {
    pub(crate) filter: Filter,
    pub(crate) view: View,
    /// The number of datagrams that remain to be shown; `None` for all.
    pub(crate) left: Option<u64>,
    /// Whether to validate datagrams completely.
    pub(crate) is_strict: bool,
    pub(crate) stop: Stop,
    pub(crate) findings: Findings,
    pub(crate) output: Output,
    /// Number of datagrams.
    pub(crate) received: u64,
    /// Number of datagrams of which a part passed the filter.
    pub(crate) shown: u64,
}

/// What to do after a datagram.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Datagram,
    End,
}

impl Run {
    /// Processes all inputs.
    pub(crate) fn run(mut self, inputs: &Inputs) -> anyhow::Result<Findings> {
        let result = match inputs {
            Inputs::Files(paths, port) => self.files(paths, *port),
            Inputs::Socket(address) => self.socket(*address)?,
        };
        let result = result.and_then(|()| {
            self.view.end(self.output.buffer());
            self.output.flush()
        });
        if self.shown == 0 && self.received > 0 && !self.filter.is_empty() {
            let s = if self.received == 1 { "" } else { "s" };
            report!("no match for the filter in {} datagram{s}", self.received);
        }
        match result {
            Ok(()) | Err(Stopped::Closed) => Ok(self.findings),
            Err(Stopped::Failed(error)) => Err(error).context("cannot write the output"),
        }
    }

    fn files(&mut self, paths: &[PathBuf], port: Port) -> Result<(), Stopped> {
        let start = Instant::now();
        for path in paths {
            if self.left == Some(0) || self.stop.is_requested() {
                break;
            }
            let stop = self.stop.flag();
            let capture = if path == Path::new("-") {
                Capture::stdin_until(stop)
            } else {
                Capture::open_until(path, stop)
            };
            match capture {
                Ok(capture) => self.file(path, capture.with_port(port), start)?,
                Err(error) => self.unreadable(path, error)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, capture: Capture, start: Instant) -> Result<(), Stopped> {
        let is_quiet = self.view.is_quiet() || !self.output.is_terminal();
        let progress = Progress::new(&name(path), capture.file_size(), start, is_quiet);
        let mut capture = match progress.reporter() {
            Some(reporter) => capture.on_progress(reporter),
            None => capture,
        };
        self.view.start();
        loop {
            let next = match capture.next_datagram() {
                Ok(Some(received)) => self.show(&received)?,
                Ok(None) => break,
                // Reading continues with the next file of a directory.
                Err(error) => {
                    self.unreadable(path, error)?;
                    continue;
                }
            };
            if next == Next::End || self.stop.is_requested() {
                break;
            }
            // The next read may block.
            if capture.file_size().is_none() && capture.is_drained() {
                self.output.flush()?;
            }
        }
        drop(progress);
        self.passed_over(path, &capture)
    }

    /// Reports the packets of a capture that are not shown, and why.
    fn passed_over(&mut self, path: &Path, capture: &Capture) -> Result<(), Stopped> {
        let passed_over = capture.passed_over();
        if let View::Count(count) = &mut self.view {
            count.passed_over(passed_over);
        } else if !passed_over.is_empty() {
            self.output.flush()?;
            let ports = passed_over.ports.total();
            let hint = match passed_over.stats.datagrams == 0 && ports > 0 {
                true => " (--port PORT reads another port, --port any reads all)",
                false => "",
            };
            report!("{}: {passed_over}{hint}", name(path));
        }
        Ok(())
    }

    /// Reports the error of a file, after the output for its datagrams.
    fn unreadable(&mut self, path: &Path, error: CaptureError) -> Result<(), Stopped> {
        self.output.flush()?;
        self.findings.is_incomplete = true;
        let names_path = error.path().is_some();
        let error = anyhow::Error::from(error);
        match names_path {
            true => report!("{error:#}"),
            false => report!("{}: {error:#}", name(path)),
        }
        Ok(())
    }

    fn socket(&mut self, address: SocketAddr) -> anyhow::Result<Result<(), Stopped>> {
        let mut receiver = UdpReceiver::bind(address, &SocketSettings::default())?;
        report!("listening on {}", receiver.local_addr()?);
        let shown = self.receive(&mut receiver)?;
        if let View::Count(count) = &mut self.view {
            count.dropped(receiver.stats());
        }
        Ok(shown)
    }

    fn receive(&mut self, receiver: &mut UdpReceiver) -> io::Result<Result<(), Stopped>> {
        const TIMEOUT: Duration = Duration::from_millis(200);
        // After a stop request, datagrams that were already received are shown, up to a limit.
        let mut backlog = 1 << 12;
        while backlog > 0 {
            let is_ending = self.stop.is_requested();
            backlog -= i32::from(is_ending);
            let mut next = None;
            if let Some(received) = receiver.try_receive()? {
                next = Some(self.show(&received));
            } else if is_ending {
                break;
            } else if let Err(stopped) = self.output.flush() {
                return Ok(Err(stopped));
            } else if let Some(received) = receiver.receive_within(TIMEOUT)? {
                next = Some(self.show(&received));
            }
            match next {
                Some(Err(stopped)) => return Ok(Err(stopped)),
                Some(Ok(Next::End)) => break,
                Some(Ok(Next::Datagram)) | None => {}
            }
        }
        Ok(Ok(()))
    }

    /// Shows a datagram.
    fn show(&mut self, received: &Received<'_>) -> Result<Next, Stopped> {
        self.view.start();
        let out = self.output.buffer();
        let is_shown = match Datagram::parse(received.bytes) {
            Ok(datagram) if self.filter.wants_agent(datagram.header.agent_address) => {
                if self.is_strict {
                    self.findings.is_malformed |= datagram.validate().is_err();
                }
                self.view.datagram(received, &datagram, &self.filter, out)
            }
            Ok(_) => false,
            Err(error) if self.filter.is_empty() => {
                self.findings.is_malformed = true;
                self.view.refused(received, &error, out);
                true
            }
            Err(_) => false,
        };
        self.received += 1;
        self.shown += u64::from(is_shown);
        if let Some(left) = &mut self.left {
            *left -= u64::from(is_shown);
            if *left == 0 {
                return Ok(Next::End);
            }
        }
        self.output.write_if_large()?;
        Ok(Next::Datagram)
    }
}

fn name(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}
