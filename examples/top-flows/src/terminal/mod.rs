//! The view on a screen.
//!
//! Keys change a state; a state is drawn. Names that others wrote never reach the terminal with
//! a control character in them.

mod draw;
mod editor;
mod input;
mod list;
mod matrix;
mod state;
mod strip;
mod table;

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::DefaultTerminal;

use crate::model::Shared;
use crate::preset::Preset;
use crate::question::Question;
use state::{State, Then};

/// How often the screen is drawn if nobody presses a key.
const FRAME: Duration = Duration::from_millis(250);

/// A terminal that takes long to draw gets so many times that to itself.
const REST: u32 = 4;

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
    let keys = input::keys().context("cannot read keys")?;
    let mut state = State::new(start);
    loop {
        state.look(model, Instant::now());
        let begun = Instant::now();
        screen.draw(&mut state).context("the terminal is gone")?;
        let pause = FRAME.max(begun.elapsed() * REST);
        let mut next = Instant::now() + pause;
        loop {
            if is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let left = next.saturating_duration_since(Instant::now());
            match keys.recv_timeout(left.min(Duration::from_millis(100))) {
                Ok(event) => {
                    if state.take(&event, model) == Then::Leave {
                        return Ok(());
                    }
                    // Who presses a key wants to see it; of many at once the last.
                    next = next.min(Instant::now() + Duration::from_millis(10));
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() < next => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
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
