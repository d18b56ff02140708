//! Where datagrams come from: captures with their own clock, or a socket with the world's.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sflow_collector::capture::{Capture, CaptureError, Port};
use sflow_collector::udp::{SocketSettings, UdpReceiver};
use sflow_collector::{Received, Tally};
use stop::Stop;

/// Captures, one after the other, or a socket.
#[derive(Debug)]
pub(crate) enum Feed {
    /// Files or directories, `-` is standard input, and the port that agents sent to.
    Captures(Vec<PathBuf>, Port),
    /// An address to receive on.
    Socket(SocketAddr),
}

/// What a feed has to say.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A datagram came.
    Datagram(Received<'a>),
    /// None did, and this is the time.
    Silence(SystemTime),
    /// A file of a directory cannot be read, or not further; the files after it follow.
    Unreadable(anyhow::Error),
    /// So many has the kernel thrown away so far, for want of room.
    KernelDrops(u64),
}

/// How long a socket may be silent before it says so.
const PATIENCE: Duration = Duration::from_millis(100);

impl Feed {
    /// Hands on all that comes, until the captures end, or `take` has enough, or Ctrl-C is
    /// pressed; the latter two break off.
    pub(crate) fn each(
        &self,
        stop: &Stop,
        mut take: impl FnMut(Event<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<ControlFlow<()>> {
        match self {
            Self::Captures(paths, port) => {
                for path in paths {
                    let mut capture = open(path, stop)?.with_port(*port);
                    let ended = read(&mut capture, path, stop, &mut take);
                    report(path, &capture, *port);
                    if ended?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Self::Socket(address) => {
                let mut receiver = UdpReceiver::bind(*address, &SocketSettings::default())?;
                let listening = receiver.local_addr()?;
                crate::run::complain(&format_args!("listening on {listening}"));
                let mut drops = None;
                while !stop.is_requested() {
                    let event = match receiver.receive_within(PATIENCE)? {
                        Some(received) => Event::Datagram(received),
                        None => Event::Silence(SystemTime::now()),
                    };
                    if take(event)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    let told = receiver.stats().kernel_drops;
                    if let Some(told) = told.filter(|_| told != drops)
                        && take(Event::KernelDrops(told))?.is_break()
                    {
                        break;
                    }
                    drops = told;
                }
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Hands on the datagrams of one capture.
fn read(
    capture: &mut Capture,
    path: &Path,
    stop: &Stop,
    take: &mut impl FnMut(Event<'_>) -> anyhow::Result<ControlFlow<()>>,
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
        if take(event)?.is_break() {
            break;
        }
    }
    Ok(ControlFlow::Break(()))
}

/// Reports the packets of a capture that were passed over, and why.
fn report(path: &Path, capture: &Capture, port: Port) {
    let mut passed_over = capture.passed_over();
    // These are counted with those of a socket.
    passed_over.protocols = Tally::default();
    let path = path.display();
    if !passed_over.is_empty() {
        crate::run::complain(&format_args!("{path}: {passed_over}"));
    }
    if let (0, Port::To(port)) = (passed_over.stats.datagrams, port) {
        let ports = passed_over.ports.total();
        let hint = match ports > 0 {
            true => "; --port PORT reads another port",
            false => "",
        };
        let nothing = "no datagram to UDP port";
        crate::run::complain(&format_args!("{path}: {nothing} {port}{hint}"));
    }
}

fn open(path: &Path, stop: &Stop) -> anyhow::Result<Capture> {
    if path == Path::new("-") {
        return Ok(Capture::stdin_until(stop.flag())?);
    }
    Capture::open_until(path, stop.flag()).map_err(|error| match error {
        CaptureError::NotACapture { .. } | CaptureError::Decompress { .. } => {
            anyhow::Error::new(error).context(format!("cannot read {}", path.display()))
        }
        error => error.into(),
    })
}

/// Returns when the end is requested.
pub(crate) fn wait_for_stop(stop: &Stop) {
    while !stop.is_requested() {
        std::thread::sleep(PATIENCE);
    }
}
