//! The source of datagrams: captures, whose times are recorded, or UDP sockets.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use command::Progress;
use sflow_collector::capture::{Capture, CaptureError, Port};
use sflow_collector::udp::{SocketSettings, UdpReceiver};
use sflow_collector::{Received, Tally};
use stop::Stop;
use untrusted::report;

use crate::telemetry::Shared;

#[derive(Debug)]
pub(crate) enum Input {
    /// Files or directories (`-` is standard input), which are read one after the other, and the UDP
    /// port of the agents' datagrams.
    Captures(Vec<PathBuf>, Port),
    /// The address to receive on, and the number of sockets.
    Sockets(SocketAddr, usize),
}

/// An event of a capture.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Datagram(Received<'a>),
    /// A file of a directory cannot be read, or not further; the files after it follow.
    Unreadable(anyhow::Error),
}

/// How often a request to stop is checked while no datagrams arrive.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Calls `handle` with each event of captures. Breaks if `handle` does or if the program is requested
/// to stop. `is_quiet`: nothing is printed to the terminal meanwhile.
pub(crate) fn replay(
    paths: &[PathBuf],
    port: Port,
    stop: &Stop,
    is_quiet: bool,
    mut handle: impl FnMut(Event<'_>) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<ControlFlow<()>> {
    let start = Instant::now();
    for path in paths {
        let mut capture = open(path, stop)?.with_port(port);
        let progress = Progress::new(
            &path.to_string_lossy(),
            capture.file_size(),
            start,
            is_quiet,
        );
        if let Some(reporter) = progress.reporter() {
            capture = capture.on_progress(reporter);
        }
        let ended = read(&mut capture, path, stop, &mut handle);
        drop(progress);
        report(path, &capture, port);
        if ended?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Binds sockets that share an address.
pub(crate) fn bind(address: SocketAddr, count: usize) -> anyhow::Result<Vec<UdpReceiver>> {
    let settings = SocketSettings::default();
    let receivers = match count {
        // Not shared, so that a second program at the address is an error.
        1 => vec![UdpReceiver::bind(address, &settings)?],
        _ => {
            // Shared sockets would also share the datagrams with those of another program. A socket
            // that is not shared cannot be bound then.
            let address = UdpReceiver::bind(address, &settings)?.local_addr()?;
            UdpReceiver::bind_shared(address, &settings, count)?
        }
    };
    if let Some(receiver) = receivers.first() {
        let listening = receiver.local_addr()?;
        report!("listening on {listening}");
    }
    Ok(receivers)
}

/// Passes the datagrams of a worker's socket to the registries until `is_ended`.
pub(crate) fn receive(
    mut receiver: UdpReceiver,
    worker: usize,
    shared: &Shared,
    is_ended: impl Fn() -> bool,
) -> anyhow::Result<()> {
    let mut drops = None;
    while !is_ended() {
        match receiver.receive_within(POLL_INTERVAL)? {
            Some(received) => shared.ingest(worker, received),
            None => shared.worker(worker).now = SystemTime::now().into(),
        }
        let dropped = receiver.stats().kernel_drops;
        if dropped != drops {
            shared.worker(worker).kernel_drops = dropped;
            drops = dropped;
        }
    }
    Ok(())
}

/// Calls `handle` with the datagrams of one capture.
fn read(
    capture: &mut Capture,
    path: &Path,
    stop: &Stop,
    handle: &mut impl FnMut(Event<'_>) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<ControlFlow<()>> {
    while !stop.is_requested() {
        let event = match capture.next_datagram() {
            Ok(Some(received)) => Event::Datagram(received),
            Ok(None) if stop.is_requested() => break,
            Ok(None) => return Ok(ControlFlow::Continue(())),
            // Only a directory has further files.
            Err(error @ (CaptureError::InDirectory { .. } | CaptureError::Open { .. })) => {
                Event::Unreadable(error.into())
            }
            Err(error) => return Err(error).with_context(|| format!("in {}", path.display())),
        };
        if handle(event)?.is_break() {
            break;
        }
    }
    Ok(ControlFlow::Break(()))
}

/// Prints how many packets of a capture were not used, and why.
fn report(path: &Path, capture: &Capture, port: Port) {
    let mut passed_over = capture.passed_over();
    // `run` reports these, for sockets as well.
    passed_over.protocols = Tally::default();
    let path = path.display();
    if !passed_over.is_empty() {
        report!("{path}: {passed_over}");
    }
    if let (0, Port::To(port)) = (passed_over.stats.datagrams, port) {
        let ports = passed_over.ports.total();
        let hint = match ports > 0 {
            true => "; --port PORT reads another port",
            false => "",
        };
        let nothing = "no datagram to UDP port";
        report!("{path}: {nothing} {port}{hint}");
    }
}

fn open(path: &Path, stop: &Stop) -> anyhow::Result<Capture> {
    if path == Path::new("-") {
        return Ok(Capture::stdin_until(stop.flag())?);
    }
    Capture::open_until(path, stop.flag()).map_err(|error| match error.path() {
        Some(_) => error.into(),
        None => anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
    })
}

/// Waits until the program is requested to stop.
pub(crate) fn wait_for_stop(stop: &Stop) {
    while !stop.is_requested() {
        std::thread::sleep(POLL_INTERVAL);
    }
}
