//! What terminal and page show: the past, the questions that are asked of it, and the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sflow_collector::capture::CaptureError;
use sflow_collector::{OtherProtocol, Tally};
use sflow_metrics::Timestamp;
use sflow_v5::Datagram;

use crate::complete::{self, Completion};
use crate::lens::Lens;
use crate::observed::Observed;
use crate::past::{Came, Past};
use crate::picture::Picture;
use crate::question::{Field, Question};
use crate::words;

/// The past that is kept: in bytes, and in time.
const MOST_BYTES: usize = 16 << 20;
const LONGEST: Duration = Duration::from_secs(300);

/// Questions of guests that are measured at the same time, and how long after the last time that
/// somebody wanted to know.
const GUESTS: usize = 12;
const OWN: usize = 4;
const PATIENCE: Duration = Duration::from_secs(20);

/// A model that several look at, one at a time.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Model>>);

/// All that is known.
#[derive(Debug)]
pub struct Model {
    past: Past,
    lenses: Vec<(Who, Lens)>,
    observed: Observed,
    /// The time in the stream; none before it begins.
    clock: Option<Timestamp>,
    /// Number of the first datagram that is still to come at that time: datagrams go by the
    /// order in which they came, whatever times they have.
    horizon: u64,
    /// Of the stream.
    pub status: Status,
}

/// How the stream does.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Status {
    /// Where it comes from.
    pub source: String,
    /// Seconds of it that pass in one; of a socket 1.
    pub speed: f64,
    /// Whether it is a recording.
    pub is_capture: bool,
    /// Whether time stands still.
    pub is_paused: bool,
    /// Whether it is over.
    pub has_ended: bool,
    /// Why no more comes, if that is a fault.
    pub fault: Option<String>,
    /// Errors of files of a directory, in their order. The files after them were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_errors: Vec<String>,
    /// Datagrams that came.
    pub datagrams: u64,
    /// Of these, those that were not sFlow version 5.
    pub malformed: u64,
    /// The protocols of these, as far as they are known.
    #[serde(skip)]
    pub protocols: Tally<OtherProtocol>,
    /// Packets of a capture that were passed over, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<String>,
    /// Datagrams that the kernel had no room for, if it tells.
    pub kernel_drops: Option<u64>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Who started the program: there is always room for his questions.
    Owner,
    /// Somebody on the network.
    Guest,
}

/// There are as many questions as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{GUESTS} other questions are being answered; ask again in a while")]
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
    /// Keeps the error of a file of a directory, after which the next file follows.
    ///
    /// # Errors
    ///
    /// Every other error: nothing follows.
    pub fn add_file_error(&mut self, error: CaptureError) -> Result<(), CaptureError> {
        match error {
            // The capture is open: only a file of a directory can still fail to open.
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
        let count = words::count(self.malformed);
        (self.malformed > 0).then(|| format!("{count} not sFlow 5{names}"))
    }
}

impl Model {
    /// Of a stream that has not begun.
    pub fn new(source: &str, is_capture: bool, speed: f64) -> Self {
        Self {
            past: Past::new(MOST_BYTES, LONGEST),
            lenses: Vec::new(),
            observed: Observed::default(),
            clock: None,
            horizon: 0,
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

    /// Takes a datagram in.
    pub fn receive(&mut self, came: Came) {
        self.status.datagrams += 1;
        if Datagram::parse(&came.bytes).is_err() {
            self.status.malformed += 1;
            if let Some(protocol) = OtherProtocol::detect(&came.bytes) {
                self.status.protocols.add(protocol, 1);
            }
            return;
        }
        if self.past.would_forget(&came) {
            // Nobody is to miss what is forgotten for it.
            self.catch_up();
        }
        self.past.push(came);
    }

    /// Lets the stream's time go on, unless it is stopped.
    pub fn pass(&mut self, now: Timestamp) {
        if !self.status.is_paused || self.clock.is_none() {
            self.clock = Some(now);
            self.horizon = self.past.end();
        }
    }

    /// The time in the stream.
    pub fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// Measures nothing any more that nobody has asked for lately.
    pub fn forget_unasked(&mut self, wall: Instant) {
        self.lenses
            .retain(|(_, lens)| wall.saturating_duration_since(lens.asked_at) < PATIENCE);
    }

    /// Lets all that is measured catch up.
    pub fn catch_up(&mut self) {
        if let Some(clock) = self.clock {
            for (_, lens) in &mut self.lenses {
                lens.advance(&self.past, self.horizon, clock);
            }
        }
    }

    /// The answer to a question at this moment; nothing before the stream begins.
    ///
    /// # Errors
    ///
    /// If it is a guest's, and there are too many others.
    pub fn ask(
        &mut self,
        question: &Question,
        who: Who,
        wall: Instant,
    ) -> Result<Option<Picture>, Busy> {
        let Some(clock) = self.clock else {
            return Ok(None);
        };
        let place = self.place(question, who, wall)?;
        let Some((_, lens)) = self.lenses.get_mut(place) else {
            return Ok(None);
        };
        lens.asked_at = wall;
        lens.advance(&self.past, self.horizon, clock);
        let answer = lens.answer(clock);
        let picture = |answer| Picture::new(question, answer, lens.history(), lens.missed());
        Ok(answer.map(picture))
    }

    /// What a field can go on with behind this text.
    pub fn complete(&mut self, field: Field, text: &str) -> Vec<Completion> {
        let now = self.clock.unwrap_or_default();
        self.observed.advance(&self.past, self.horizon, now);
        complete::complete(field, text, &self.observed, now)
    }

    /// The place of what answers a question.
    fn place(&mut self, question: &Question, who: Who, wall: Instant) -> Result<usize, Busy> {
        let measured = question.measured();
        let known = self
            .lenses
            .iter()
            .position(|(_, lens)| lens.measured == measured);
        if let Some(place) = known {
            if let (Who::Owner, Some((whose, _))) = (who, self.lenses.get_mut(place)) {
                *whose = Who::Owner;
            }
            return Ok(place);
        }
        self.forget_unasked(wall);
        let count = self
            .lenses
            .iter()
            .filter(|(whose, _)| *whose == who)
            .count();
        match who {
            Who::Guest if count >= GUESTS => return Err(Busy),
            Who::Owner if count >= OWN => {
                let own = self
                    .lenses
                    .iter()
                    .enumerate()
                    .filter(|(_, (whose, _))| *whose == who);
                let oldest = own.min_by_key(|(_, (_, lens))| lens.asked_at);
                if let Some((place, _)) = oldest {
                    self.lenses.remove(place);
                }
            }
            _ => {}
        }
        self.lenses.push((who, Lens::new(measured, wall)));
        Ok(self.lenses.len() - 1)
    }
}
