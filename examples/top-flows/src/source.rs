//! The source of datagrams: a socket with the system clock, or a capture with its own clock.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use sflow_collector::capture::{Capture, CaptureError, Port};
use sflow_collector::replay::Pace;
use sflow_collector::udp::{SocketSettings, UdpReceiver};
use sflow_collector::{Received, Tally};
use sflow_metrics::Timestamp;

use crate::history::StoredDatagram;
use crate::model::{Model, Shared};

/// Maximum time between two updates of the clock.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum number of datagrams to read while the model is locked.
const AT_ONCE: usize = 256;

/// An open stream.
#[derive(Debug)]
pub enum Source {
    /// A socket that agents send to.
    Socket(UdpReceiver),
    /// A capture.
    Capture(Box<Capture>),
}

impl Source {
    /// Listens on a UDP address.
    ///
    /// # Errors
    ///
    /// If the address is not available.
    pub fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let receiver = UdpReceiver::bind(address, &SocketSettings::default())?;
        Ok(Self::Socket(receiver))
    }

    /// Reads a capture or a directory of captures; `-` is standard input.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not a capture.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::open_until(path, Arc::default())
    }

    /// Like [`open`](Self::open); the capture ends when the flag is set, also while waiting for
    /// input.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not a capture.
    pub fn open_until(path: &Path, is_over: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let capture = match path == Path::new("-") {
            true => Capture::stdin_until(is_over)?,
            false => Capture::open_until(path, is_over)?,
        };
        Ok(Self::Capture(Box::new(capture)))
    }

    /// Reads the datagrams to this port if it is a capture.
    #[must_use]
    pub fn with_port(self, port: Port) -> Self {
        match self {
            Self::Capture(capture) => Self::Capture(Box::new(capture.with_port(port))),
            socket @ Self::Socket(_) => socket,
        }
    }

    /// The name for users.
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

    /// A model of the stream without datagrams.
    pub fn model(&self, path: Option<&PathBuf>, speed: f64) -> Model {
        Model::new(&self.name(path), matches!(self, Self::Capture(_)), speed)
    }

    /// Starts a thread that sends datagrams to the model until the flag is set or the stream ends.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn run(self, model: Shared, is_over: Arc<AtomicBool>) -> anyhow::Result<JoinHandle<()>> {
        self.play(Playback::default(), model, is_over)
    }

    /// Like [`run`](Self::run); a capture can be played again and continue at other times.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn play(
        self,
        playback: Playback,
        model: Shared,
        is_over: Arc<AtomicBool>,
    ) -> anyhow::Result<JoinHandle<()>> {
        let work = move || {
            let result = match self {
                Self::Socket(receiver) => socket(receiver, &model, &is_over),
                Self::Capture(mut capture) => {
                    let result = playback.play(&mut capture, &model, &is_over);
                    model.lock().status.passed_over = passed_over(&capture);
                    result
                }
            };
            let mut model = model.lock();
            if !model.status.has_ended {
                model.end();
            }
            let status = &mut model.status;
            status.fault = result.err().map(|error| format!("{error:#}"));
        };
        let thread = thread::Builder::new().name("source".to_owned());
        thread.spawn(work).context("cannot start a thread")
    }
}

/// How a capture is played again.
#[derive(Clone, Debug, Default)]
pub struct Playback {
    /// The capture, to open it again; `None` if it cannot be played again.
    pub path: Option<PathBuf>,
    /// The port of the datagrams.
    pub port: Port,
    /// Whether it is played again after its end.
    pub is_looped: bool,
}

impl Playback {
    /// Plays the capture until the flag is set, or its end if it cannot be played again.
    fn play(
        &self,
        capture: &mut Capture,
        model: &Shared,
        is_over: &Arc<AtomicBool>,
    ) -> anyhow::Result<()> {
        let mut from = Timestamp::ZERO;
        loop {
            let target = match replay(capture, model, is_over, from, self.path.is_some())? {
                Next::Over => return Ok(()),
                Next::At(target) => Some(target),
                // Without packets there is nothing to wait for.
                Next::End if self.is_looped && model.lock().has_packets() => Some(Timestamp::ZERO),
                Next::End => {
                    model.lock().status.passed_over = passed_over(capture);
                    model.lock().end();
                    self.target_after_end(model, is_over)
                }
            };
            let (Some(target), Some(path)) = (target, &self.path) else {
                return Ok(());
            };
            *capture = Capture::open_until(path, Arc::clone(is_over))?.with_port(self.port);
            model.lock().restart();
            from = target;
        }
    }

    /// Waits until another time is requested.
    fn target_after_end(&self, model: &Shared, is_over: &AtomicBool) -> Option<Timestamp> {
        self.path.as_ref()?;
        while !is_over.load(Ordering::Relaxed) {
            if let Some(target) = model.lock().take_target() {
                return Some(target);
            }
            thread::sleep(POLL_INTERVAL);
        }
        None
    }
}

/// What follows a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing: the flag is set.
    Over,
    /// The capture has ended.
    End,
    /// It continues at an earlier time.
    At(Timestamp),
}

/// Skipped packets of a capture, without those of other protocols, which the model counts.
pub fn passed_over(capture: &Capture) -> Option<String> {
    let mut passed_over = capture.passed_over();
    passed_over.protocols = Tally::default();
    (!passed_over.is_empty()).then(|| passed_over.to_string())
}

/// A datagram as the history stores it.
pub fn stored(received: &Received<'_>) -> StoredDatagram {
    StoredDatagram {
        at: received.received_at.into(),
        sender: received.source.ip(),
        bytes: received.bytes.into(),
    }
}

fn socket(mut receiver: UdpReceiver, model: &Shared, is_over: &AtomicBool) -> anyhow::Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let first = receiver
            .receive_within(POLL_INTERVAL)?
            .map(|received| stored(&received));
        let mut arrived: Vec<StoredDatagram> = first.into_iter().collect();
        while !arrived.is_empty() && arrived.len() < AT_ONCE {
            let Some(received) = receiver.try_receive()? else {
                break;
            };
            arrived.push(stored(&received));
        }
        let kernel_drops = receiver.stats().kernel_drops;
        let mut model = model.lock();
        model.status.kernel_drops = kernel_drops;
        for datagram in arrived {
            model.receive(datagram);
        }
        model.pass(SystemTime::now().into());
    }
    Ok(())
}

/// The time in a capture at its playback speed; it stops while the model is paused.
struct Clock {
    pace: Pace,
    speed: f64,
    /// The start of playback in real time and in the capture.
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

    /// Continues from this time at this speed.
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

/// Plays a capture from a time on. It starts with the first packet samples, so that flows are shown at
/// once; earlier datagrams are read for names and rates.
fn replay(
    capture: &mut Capture,
    model: &Shared,
    is_over: &AtomicBool,
    mut from: Timestamp,
    can_rewind: bool,
) -> anyhow::Result<Next> {
    let mut clock = Clock::new(model.lock().status.speed)?;
    loop {
        let received = match capture.next_datagram() {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(Next::End),
            Err(error) => {
                model.lock().status.add_file_error(error)?;
                continue;
            }
        };
        let due = received.received_at;
        let datagram = stored(&received);
        let at = datagram.at;
        let is_skipped = at < from || !model.lock().has_packets();
        if clock.since.is_none() || is_skipped {
            clock.restart(due, clock.speed)?;
        }
        if is_over.load(Ordering::Relaxed) {
            return Ok(Next::Over);
        }
        if !is_skipped {
            match wait(&mut clock, due, model, is_over)? {
                Waited::Due => {}
                Waited::Over => return Ok(Next::Over),
                Waited::Seek(target) if target > at => from = target,
                Waited::Seek(target) if can_rewind => return Ok(Next::At(target)),
                Waited::Seek(_) => {}
            }
        }
        let mut model = model.lock();
        model.receive(datagram);
        match is_skipped {
            true => model.pass_paused(at),
            false => model.pass(at),
        }
        // At this speed the history may overflow before the next question.
        if clock.speed > 100.0 || is_skipped {
            model.catch_up();
        }
    }
}

/// Why [`wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    Due,
    /// The flag is set.
    Over,
    /// Another time was requested.
    Seek(Timestamp),
}

/// Waits until a time in the capture.
fn wait(
    clock: &mut Clock,
    due: SystemTime,
    model: &Shared,
    is_over: &AtomicBool,
) -> anyhow::Result<Waited> {
    loop {
        if is_over.load(Ordering::Relaxed) {
            return Ok(Waited::Over);
        }
        if let Some(target) = model.lock().take_target() {
            return Ok(Waited::Seek(target));
        }
        let mut left = clock.pace.wait(Instant::now(), due);
        let mut guard = model.lock();
        let (is_paused, speed) = (guard.status.is_paused, guard.status.speed);
        if let Some(now) = clock.now().filter(|now| *now < due) {
            guard.pass(now.into());
        }
        let shown = guard.clock();
        drop(guard);
        if is_paused || speed != clock.speed {
            if is_paused {
                thread::sleep(POLL_INTERVAL);
            }
            // Playback continues at the time that is shown.
            let since_epoch = shown.map_or(0, Timestamp::as_nanos);
            let position = SystemTime::UNIX_EPOCH + Duration::from_nanos(since_epoch);
            clock.restart(position.min(due), speed)?;
            left = left.max(Duration::from_millis(1));
        }
        if left.is_zero() {
            return Ok(Waited::Due);
        }
        if !is_paused {
            thread::sleep(left.min(POLL_INTERVAL));
        }
    }
}
