//! The terminal interface.
//!
//! Keys change the state; the state is drawn. Text from the network is written without control
//! characters.

mod draw;
mod editor;
mod list;
mod matrix;
mod state;
mod table;
mod timeline;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::crossterm::{cursor, event, execute};
use screen::Screen;
pub use screen::{is_available, restore};

use crate::model::Shared;
use crate::preset::Preset;
use crate::question::Question;
use state::{State, Then};

/// The interval of drawing without key presses.
const FRAME: Duration = Duration::from_millis(250);

/// The maximum time between two checks of the flag.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The initial state.
#[derive(Debug)]
pub struct Start {
    /// The first question.
    pub question: Question,
    /// The presets.
    pub presets: Vec<Preset>,
    /// The address of the page, if it is served.
    pub page: Option<String>,
    /// Whether the matrix is shown first.
    pub is_matrix: bool,
}

/// Shows the model until the user quits or the flag is set.
///
/// # Errors
///
/// If the terminal cannot be set up or written to.
pub fn run(model: &Shared, start: Start, is_over: &AtomicBool) -> anyhow::Result<()> {
    let mut screen = Screen::open().context("cannot draw on this terminal")?;
    let _mouse = Mouse::capture();
    let mut pulse = Pulse::default();
    let mut state = State::new(start);
    loop {
        state.refresh(model, Instant::now());
        let drawn = screen.draw(|frame| draw::draw(frame, &mut state));
        drawn.context("the terminal is gone")?;
        pulse.wait();
        let mut next = Instant::now() + FRAME;
        loop {
            if is_over.load(Ordering::Relaxed) {
                return Ok(());
            }
            let left = next.saturating_duration_since(Instant::now());
            let event = match event::poll(left.min(POLL_INTERVAL)) {
                Ok(true) => event::read(),
                Ok(false) if Instant::now() < next => continue,
                Ok(false) => break,
                Err(error) => Err(error),
            };
            // If the terminal cannot be read it has been closed.
            let Ok(event) = event else { return Ok(()) };
            if state.apply(&event, model) == Then::Leave {
                return Ok(());
            }
            // Draw soon after a key press, and once after several.
            next = next.min(Instant::now() + Duration::from_millis(10));
        }
    }
}

/// Reports of the mouse, until it is dropped. The terminal selects text while Shift is pressed.
#[derive(Debug)]
struct Mouse;

impl Mouse {
    fn capture() -> Self {
        // Terminals without a mouse ignore it.
        execute!(io::stdout(), event::EnableMouseCapture).ok();
        Self
    }
}

impl Drop for Mouse {
    fn drop(&mut self) {
        execute!(io::stdout(), event::DisableMouseCapture).ok();
    }
}

/// Flow control: the terminal answers a query for the cursor position after it has processed all
/// previous output. So at most two frames are buffered, however slow the line is.
#[derive(Debug, Default)]
struct Pulse {
    has_answered: bool,
    /// Number of queries without an answer in time.
    missed: u32,
}

impl Pulse {
    /// Waits for the answer, at most two seconds. Terminals that never answer are not queried again.
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
    /// Discards a late answer, which the next program would read as input.
    fn drop(&mut self) {
        if self.missed > 0 && self.has_answered && !std::thread::panicking() {
            event::poll(Duration::from_secs(1)).ok();
        }
    }
}

#[cfg(test)]
mod tests;
