//! The state that terminal and page show: recent datagrams, measured questions, and the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sflow_collector::capture::CaptureError;
use sflow_collector::{OtherProtocol, Tally};
use sflow_metrics::Timestamp;
use sflow_v5::{Datagram, Sample};

use crate::completion::{self, Completion, KeyValues};
use crate::format;
use crate::history::{History, StoredDatagram};
use crate::picture::Picture;
use crate::question::{Field, Measured, Question};
use crate::window::Window;

/// Limits of the history in bytes and in time.
const MOST_BYTES: usize = 16 << 20;
const LONGEST: Duration = Duration::from_secs(300);

/// Maximum number of questions that are measured at the same time for remote and local clients.
const REMOTE_QUESTIONS: usize = 12;
const LOCAL_QUESTIONS: usize = 4;

/// A question is measured until it was not asked for this time.
pub(crate) const QUESTION_TIMEOUT: Duration = Duration::from_secs(20);

/// A model shared by threads.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Model>>);

/// Recent datagrams and the measured questions.
#[derive(Debug)]
pub struct Model {
    history: History,
    windows: Vec<(Client, Window)>,
    key_values: KeyValues,
    /// The time in the stream; `None` before its first datagram.
    clock: Option<Timestamp>,
    /// Number of the first datagram after that time. Datagrams are processed in the order of their
    /// arrival, whatever times they have.
    horizon: u64,
    /// The time and the number of the last datagram with packet samples.
    last_packets: Option<(Timestamp, u64)>,
    /// The last time and number for smoothed values, after the end.
    last_view: Option<(Timestamp, u64)>,
    /// The time to continue at.
    target: Option<Timestamp>,
    /// The status of the stream.
    pub status: Status,
}

/// The status of the stream.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Status {
    /// The socket or capture.
    pub source: String,
    /// Playback speed of a capture; 1 for a socket.
    pub speed: f64,
    /// Whether it is a recording.
    pub is_capture: bool,
    /// Whether the clock is paused.
    pub is_paused: bool,
    /// Whether the stream has ended.
    pub has_ended: bool,
    /// The error that ended the stream.
    pub fault: Option<String>,
    /// Errors of files in a directory, in the order of the files. Later files were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_errors: Vec<String>,
    /// Received datagrams.
    pub datagrams: u64,
    /// Received datagrams that are not sFlow version 5.
    pub malformed: u64,
    /// The detected protocols of these.
    #[serde(skip)]
    pub protocols: Tally<OtherProtocol>,
    /// Skipped packets of a capture, with reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<String>,
    /// Datagrams that the kernel dropped, if it reports them.
    pub kernel_drops: Option<u64>,
}

/// The client of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The terminal. Its oldest question is replaced at the limit.
    Local,
    /// A browser or script on the network.
    Remote,
}

/// The limit of questions is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{REMOTE_QUESTIONS} other questions are being answered; try again in 20 s")]
pub struct Busy;

impl Shared {
    /// Shares a model.
    pub fn new(model: Model) -> Self {
        Self(Arc::new(Mutex::new(model)))
    }

    /// The model, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    /// Records the error of a file in a directory, after which the next file is read.
    ///
    /// # Errors
    ///
    /// Returns every other error, which ends the stream.
    pub fn add_file_error(&mut self, error: CaptureError) -> Result<(), CaptureError> {
        match error {
            // The capture is open, so only a file in a directory can fail to open.
            CaptureError::InDirectory { .. } | CaptureError::Open { .. } => {
                let error = anyhow::Error::from(error);
                self.file_errors.push(format!("{error:#}"));
                Ok(())
            }
            error => Err(error),
        }
    }

    /// Datagrams that were not sFlow version 5, with the names of their protocols.
    pub fn not_sflow(&self) -> Option<String> {
        let names = match self.protocols.total() {
            0 => String::new(),
            _ => format!(" ({})", self.protocols),
        };
        let count = format::count(self.malformed);
        (self.malformed > 0).then(|| format!("{count} not sFlow 5{names}"))
    }
}

impl Model {
    /// The model of a stream before its first datagram.
    pub fn new(source: &str, is_capture: bool, speed: f64) -> Self {
        Self {
            history: History::new(MOST_BYTES, LONGEST),
            windows: Vec::new(),
            key_values: KeyValues::default(),
            clock: None,
            horizon: 0,
            last_packets: None,
            last_view: None,
            target: None,
            status: Status {
                source: source.to_owned(),
                speed,
                is_capture,
                is_paused: false,
                has_ended: false,
                fault: None,
                file_errors: Vec::new(),
                datagrams: 0,
                malformed: 0,
                protocols: Tally::default(),
                passed_over: None,
                kernel_drops: None,
            },
        }
    }

    /// Adds a datagram.
    pub fn receive(&mut self, datagram: StoredDatagram) {
        self.status.datagrams += 1;
        let Ok(parsed) = Datagram::parse(&datagram.bytes) else {
            self.status.malformed += 1;
            if let Some(protocol) = OtherProtocol::detect(&datagram.bytes) {
                self.status.protocols.add(protocol, 1);
            }
            return;
        };
        let is_of_packet = |sample| matches!(sample, Sample::Flow(_) | Sample::Discarded(_));
        let has_packets = parsed.samples().any(is_of_packet);
        let at = datagram.at;
        if self.history.would_remove(&datagram) {
            // All questions read the datagrams that it replaces.
            self.catch_up();
        }
        self.history.push(datagram);
        if has_packets {
            self.last_packets = Some((at, self.history.end()));
        }
    }

    /// Whether packet samples were received.
    pub fn has_packets(&self) -> bool {
        self.last_packets.is_some()
    }

    /// Continues a capture at another time, relative to the shown one.
    pub fn seek(&mut self, seconds: i64) {
        if let Some(clock) = self.clock.filter(|_| self.status.is_capture) {
            let from = self.target.unwrap_or(clock);
            let distance = Duration::from_secs(seconds.unsigned_abs());
            self.seek_to(match seconds < 0 {
                true => from - (from - Timestamp::ZERO).min(distance),
                false => from + distance,
            });
        }
    }

    /// Continues a capture at this time, or at its start if that is later.
    pub fn seek_to(&mut self, time: Timestamp) {
        if self.status.is_capture {
            self.target = Some(time);
        }
    }

    /// The time at which the capture continues; `None` if that was not requested.
    pub fn take_target(&mut self) -> Option<Timestamp> {
        self.target.take()
    }

    /// Forgets all datagrams, before a capture is played again.
    pub fn restart(&mut self) {
        let status = Status {
            datagrams: 0,
            malformed: 0,
            protocols: Tally::default(),
            file_errors: Vec::new(),
            has_ended: false,
            ..self.status.clone()
        };
        let fresh = Self::new(&status.source, status.is_capture, status.speed);
        *self = Self { status, ..fresh };
    }

    /// Marks the end of the stream. Smoothed values are then those at the time of the last packets:
    /// afterwards they would decay to nothing.
    pub fn end(&mut self) {
        self.catch_up();
        self.status.has_ended = true;
        self.last_view = self.last_packets;
        // Measured anew from the history. Totals do not decay.
        self.windows
            .retain(|(_, window)| window.measured.definition.smoothing().is_none());
    }

    /// The time of the answers to a question, and the number of the first datagram after it.
    fn view(&self, measured: &Measured, clock: Timestamp) -> (Timestamp, u64) {
        let last_view = self.last_view.filter(|(at, _)| *at < clock);
        let is_smoothed = measured.definition.smoothing().is_some();
        last_view
            .filter(|_| is_smoothed)
            .unwrap_or((clock, self.horizon))
    }

    /// Sets the time in the stream, unless it is paused.
    pub fn pass(&mut self, now: Timestamp) {
        if !self.status.is_paused || self.clock.is_none() {
            self.clock = Some(now);
            self.horizon = self.history.end();
        }
    }

    /// Sets the time in the stream, also while it is paused.
    pub fn pass_paused(&mut self, now: Timestamp) {
        self.clock = None;
        self.pass(now);
    }

    /// The time in the stream.
    pub fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// Removes questions that were not asked recently.
    pub fn forget_unasked(&mut self, wall: Instant) {
        self.windows.retain(|(_, window)| {
            wall.saturating_duration_since(window.asked_at) < QUESTION_TIMEOUT
        });
    }

    /// Processes all datagrams up to the current time.
    pub fn catch_up(&mut self) {
        if let Some(clock) = self.clock {
            for index in 0..self.windows.len() {
                self.advance(index, clock);
            }
        }
    }

    /// The answer to a question at the current time; `None` before the first datagram.
    ///
    /// # Errors
    ///
    /// If the limit of questions of remote clients is reached.
    pub fn ask(
        &mut self,
        question: &Question,
        client: Client,
        wall: Instant,
    ) -> Result<Option<Picture>, Busy> {
        let Some(clock) = self.clock else {
            return Ok(None);
        };
        let index = self.window(question, client, wall)?;
        let Some(at) = self.advance(index, clock) else {
            return Ok(None);
        };
        let Some((_, window)) = self.windows.get_mut(index) else {
            return Ok(None);
        };
        window.asked_at = wall;
        let answer = window.answer(at);
        let picture = |answer| Picture::new(question, answer, window.timeline(), window.missed());
        Ok(answer.map(picture))
    }

    /// Processes the datagrams up to the time of a window, which it returns.
    fn advance(&mut self, index: usize, clock: Timestamp) -> Option<Timestamp> {
        let (_, window) = self.windows.get(index)?;
        let (at, horizon) = self.view(&window.measured, clock);
        let (_, window) = self.windows.get_mut(index)?;
        window.advance(&self.history, horizon, at);
        Some(at)
    }

    /// Completions of this text in a field.
    pub fn complete(&mut self, field: Field, text: &str) -> Vec<Completion> {
        let now = self.clock.unwrap_or_default();
        self.key_values.advance(&self.history, self.horizon, now);
        completion::complete(field, text, &self.key_values, now)
    }

    /// The index of the window of a question, which is added if it is new.
    fn window(
        &mut self,
        question: &Question,
        client: Client,
        wall: Instant,
    ) -> Result<usize, Busy> {
        let measured = question.measured();
        let known = self
            .windows
            .iter()
            .position(|(_, window)| window.measured == measured);
        if let Some(place) = known {
            if let (Client::Local, Some((owner, _))) = (client, self.windows.get_mut(place)) {
                *owner = Client::Local;
            }
            return Ok(place);
        }
        self.forget_unasked(wall);
        let count = self
            .windows
            .iter()
            .filter(|(owner, _)| *owner == client)
            .count();
        match client {
            Client::Remote if count >= REMOTE_QUESTIONS => return Err(Busy),
            Client::Local if count >= LOCAL_QUESTIONS => {
                let own = self
                    .windows
                    .iter()
                    .enumerate()
                    .filter(|(_, (owner, _))| *owner == client);
                let oldest = own.min_by_key(|(_, (_, window))| window.asked_at);
                if let Some((place, _)) = oldest {
                    self.windows.remove(place);
                }
            }
            _ => {}
        }
        self.windows.push((client, Window::new(measured, wall)));
        Ok(self.windows.len() - 1)
    }
}
