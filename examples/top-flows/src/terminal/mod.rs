//! The view on a screen.
//!
//! Keys change a state; a state is drawn. Names that others wrote never reach the terminal with
//! a control character in them.

mod draw;
mod editor;
mod list;
mod matrix;
mod state;
mod strip;
mod table;

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::{cursor, event};

use crate::model::Shared;
use crate::preset::Preset;
use crate::question::Question;
use state::{State, Then};

/// How often the screen is drawn if nobody presses a key.
const FRAME: Duration = Duration::from_millis(250);

/// How long at most nobody looks whether it is over.
const PATIENCE: Duration = Duration::from_millis(100);

/// What to begin with.
#[derive(Debug)]
pub struct Start {
    /// The first question.
    pub question: Question,
    /// Questions that somebody else thought of.
    pub presets: Vec<Preset>,
    /// Where the page is, if there is one.
    pub page: Option<String>,
    /// Whether the matrix is shown first.
    pub is_matrix: bool,
}

/// Whether standard output is a terminal that can be drawn on.
pub fn is_available() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows the model until somebody wants to leave, or the flag is raised.
///
/// # Errors
///
/// If the terminal refuses, or is gone.
pub fn run(model: &Shared, start: Start, is_over: &AtomicBool) -> anyhow::Result<()> {
    let mut screen = Screen::open().context("cannot draw on this terminal")?;
    let mut pulse = Pulse::default();
    let mut state = State::new(start);
    loop {
        state.look(model, Instant::now());
        screen.draw(&mut state).context("the terminal is gone")?;
        pulse.wait();
        let mut next = Instant::now() + FRAME;
        loop {
            if is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let left = next.saturating_duration_since(Instant::now());
            let event = match event::poll(left.min(PATIENCE)) {
                Ok(true) => event::read(),
                Ok(false) if Instant::now() < next => continue,
                Ok(false) => break,
                Err(error) => Err(error),
            };
            // A terminal that cannot be read any more has been closed.
            let Ok(event) = event else { return Ok(()) };
            if state.take(&event, model) == Then::Leave {
                return Ok(());
            }
            // Who presses a key wants to see it; of many at once the last.
            next = next.min(Instant::now() + Duration::from_millis(10));
        }
    }
}

/// Gives the terminal back when the program ends without leaving [`run`].
pub fn restore() {
    // There is nothing else to be done about a terminal that refuses.
    let _ = ratatui::try_restore();
}

/// Whether the terminal has shown what it was given: it is asked where its cursor is, and answers
/// when it comes to that. So no more than one or two pictures are ever on their way, however slow
/// the line and however much it takes in.
#[derive(Debug, Default)]
struct Pulse {
    has_answered: bool,
    /// Questions without an answer in time.
    missed: u32,
}

impl Pulse {
    /// Waits for the answer, two seconds at most; one that never answers is not asked again.
    fn wait(&mut self) {
        if !self.has_answered && self.missed >= 2 {
            return;
        }
        match cursor::position() {
            Ok(_) => self.has_answered = true,
            Err(_) => self.missed += 1,
        }
    }
}

impl Drop for Pulse {
    /// Takes what may still come, or it would be typed into whatever runs next.
    fn drop(&mut self) {
        if self.missed > 0 && self.has_answered && !std::thread::panicking() {
            // That there is nothing is as good.
            event::poll(Duration::from_secs(1)).ok();
        }
    }
}

/// The terminal, taken over; given back when this is dropped, and before a panic is told.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                // The first of its steps may have been taken; what failed is worth more to know
                // than whether that could be undone.
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    fn draw(&mut self, state: &mut State) -> io::Result<()> {
        self.0.draw(|frame| draw::draw(frame, state)).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A panic has given it back already, before its message.
        if !std::thread::panicking() {
            // A terminal that is gone needs no restoring.
            let _ = ratatui::try_restore();
        }
    }
}

#[cfg(test)]
mod tests;
