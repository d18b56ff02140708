//! Where datagrams come from: a socket with the world's clock, or a capture with its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use sflow_collector::capture::{Capture, Port};
use sflow_collector::replay::Pace;
use sflow_collector::udp::{SocketSettings, UdpReceiver};
use sflow_collector::{Received, Tally};
use sflow_metrics::Timestamp;

use crate::model::{Model, Shared};
use crate::past::Came;

/// How long at most nobody looks at the clock.
const PATIENCE: Duration = Duration::from_millis(50);

/// Datagrams that are taken from a socket at a time, so that others get their turn.
const AT_ONCE: usize = 256;

/// A stream that is open.
#[derive(Debug)]
pub enum Feed {
    /// What agents send to this machine.
    Socket(UdpReceiver),
    /// A recording, and its first datagram if it has one.
    Capture(Box<Capture>),
}

impl Feed {
    /// Receives from agents.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let receiver = UdpReceiver::bind(address, &SocketSettings::default())?;
        Ok(Self::Socket(receiver))
    }

    /// Reads a capture or a directory of captures; `-` is standard input.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is none.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Self::open_until(path, Arc::default())
    }

    /// The same; the capture ends when the flag is set, even while it is waited for.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not a capture.
    pub fn open_until(path: &Path, is_over: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let capture = match path == Path::new("-") {
            true => Capture::stdin_until(is_over)?,
            false => Capture::open_until(path, is_over)?,
        };
        Ok(Self::Capture(Box::new(capture)))
    }

    /// Of a capture, reads the datagrams to this port.
    #[must_use]
    pub fn with_port(self, port: Port) -> Self {
        match self {
            Self::Capture(capture) => Self::Capture(Box::new(capture.with_port(port))),
            socket @ Self::Socket(_) => socket,
        }
    }

    /// What it is called.
    pub fn name(&self, path: Option<&PathBuf>) -> String {
        match self {
            Self::Socket(receiver) => match receiver.local_addr() {
                Ok(address) => format!("udp {address}"),
                Err(_) => "udp".to_owned(),
            },
            Self::Capture(_) => path
                .filter(|path| path.as_path() != Path::new("-"))
                .and_then(|path| path.file_name())
                .map_or_else(
                    || "standard input".to_owned(),
                    |name| name.to_string_lossy().into_owned(),
                ),
        }
    }

    /// A model of it that nothing has come to yet.
    pub fn model(&self, path: Option<&PathBuf>, speed: f64) -> Model {
        Model::new(&self.name(path), matches!(self, Self::Capture(_)), speed)
    }

    /// Feeds the model from a thread of its own, until the flag is raised or the stream ends.
    ///
    /// # Errors
    ///
    /// If there can be no thread.
    pub fn run(self, model: Shared, is_over: Arc<AtomicBool>) -> anyhow::Result<JoinHandle<()>> {
        let work = move || {
            let result = match self {
                Self::Socket(receiver) => socket(receiver, &model, &is_over),
                Self::Capture(mut capture) => {
                    let result = replay(&mut capture, &model, &is_over);
                    model.lock().status.passed_over = passed_over(&capture);
                    result
                }
            };
            let status = &mut model.lock().status;
            status.has_ended = true;
            status.fault = result.err().map(|error| format!("{error:#}"));
        };
        let thread = thread::Builder::new().name("feed".to_owned());
        thread.spawn(work).context("cannot start a thread")
    }
}

/// What was passed over in a capture. Datagrams of other protocols are counted by the model.
pub fn passed_over(capture: &Capture) -> Option<String> {
    let mut passed_over = capture.passed_over();
    passed_over.protocols = Tally::default();
    (!passed_over.is_empty()).then(|| passed_over.to_string())
}

/// A datagram as the past keeps it.
pub fn came(received: &Received<'_>) -> Came {
    Came {
        at: timestamp(received.received_at),
        sender: received.source.ip(),
        bytes: received.bytes.into(),
    }
}

/// The same moment.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from(since.unwrap_or_default())
}

fn socket(mut receiver: UdpReceiver, model: &Shared, is_over: &AtomicBool) -> anyhow::Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let first = receiver
            .receive_within(PATIENCE)?
            .map(|received| came(&received));
        let mut arrived: Vec<Came> = first.into_iter().collect();
        while !arrived.is_empty() && arrived.len() < AT_ONCE {
            let Some(received) = receiver.try_receive()? else {
                break;
            };
            arrived.push(came(&received));
        }
        let kernel_drops = receiver.stats().kernel_drops;
        let mut model = model.lock();
        model.status.kernel_drops = kernel_drops;
        for came in arrived {
            model.receive(came);
        }
        model.pass(timestamp(SystemTime::now()));
    }
    Ok(())
}

/// Time in a recording: at its speed, and standing still while the model is paused.
struct Clock {
    pace: Pace,
    speed: f64,
    /// Since when, and from which moment.
    since: Option<(Instant, SystemTime)>,
}

impl Clock {
    fn new(speed: f64) -> anyhow::Result<Self> {
        Ok(Self {
            pace: Pace::new(speed)?,
            speed,
            since: None,
        })
    }

    /// Goes on from this moment at this speed.
    fn restart(&mut self, moment: SystemTime, speed: f64) -> anyhow::Result<()> {
        *self = Self::new(speed)?;
        self.pace.wait(Instant::now(), moment);
        self.since = Some((Instant::now(), moment));
        Ok(())
    }

    fn now(&self) -> Option<SystemTime> {
        let (since, moment) = self.since?;
        let passed = since.elapsed().as_secs_f64() * self.speed;
        moment.checked_add(Duration::try_from_secs_f64(passed).ok()?)
    }
}

fn replay(capture: &mut Capture, model: &Shared, is_over: &AtomicBool) -> anyhow::Result<()> {
    let mut clock = Clock::new(model.lock().status.speed)?;
    loop {
        let received = match capture.next_datagram() {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(error) => {
                model.lock().status.add_file_error(error)?;
                continue;
            }
        };
        let due = received.received_at;
        let came = came(&received);
        if clock.since.is_none() {
            clock.restart(due, clock.speed)?;
        }
        if !wait(&mut clock, due, model, is_over)? {
            return Ok(());
        }
        let mut model = model.lock();
        let at = came.at;
        model.receive(came);
        model.pass(at);
        // As fast as it can be read, nobody else sees to it that nothing is missed.
        if clock.speed > 100.0 {
            model.catch_up();
        }
    }
}

/// Lets time go on until something is due; `false` if it is over before.
fn wait(
    clock: &mut Clock,
    due: SystemTime,
    model: &Shared,
    is_over: &AtomicBool,
) -> anyhow::Result<bool> {
    loop {
        if is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let mut left = clock.pace.wait(Instant::now(), due);
        let mut guard = model.lock();
        let (is_paused, speed) = (guard.status.is_paused, guard.status.speed);
        if let Some(now) = clock.now().filter(|now| *now < due) {
            guard.pass(timestamp(now));
        }
        let shown = guard.clock();
        drop(guard);
        if is_paused || speed != clock.speed {
            if is_paused {
                thread::sleep(PATIENCE);
            }
            // It goes on where it stands.
            let since_epoch = shown.map_or(0, Timestamp::as_nanos);
            let stands = SystemTime::UNIX_EPOCH + Duration::from_nanos(since_epoch);
            clock.restart(stands.min(due), speed)?;
            left = left.max(Duration::from_millis(1));
        }
        if left.is_zero() {
            return Ok(true);
        }
        if !is_paused {
            thread::sleep(left.min(PATIENCE));
        }
    }
}
