//! The loop in a terminal: a live screen where there is one, plain lines where there is not.
//!
//! Both are handed the newest [`Snapshot`]; neither reads a clock. Names and reasons that
//! others wrote never reach the terminal with a control character in them.

mod draw;
mod input;
mod plain;
mod service;

use std::io::{self, IsTerminal as _};

use ratatui::DefaultTerminal;

pub use self::input::{Input, inputs};
pub use self::plain::{Plain, set_replicas};

use crate::view::Snapshot;

/// Whether standard output is a terminal that a [`Screen`] can be drawn on.
pub fn is_available() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The terminal, taken over: alternate screen, no echo, every key delivered at once.
///
/// It is given back when the screen is dropped, and before a panic prints its message. While
/// it is held, nothing else may write to the terminal: log to a file, or not at all.
///
/// ```no_run
/// # async fn f(handle: elb::handle::Handle) -> std::io::Result<()> {
/// use std::time::Duration;
///
/// use elb::terminal::{Input, Screen, inputs};
///
/// let mut screen = Screen::open()?;
/// let mut inputs = inputs()?;
/// while handle.is_open() {
///     screen.draw(&handle.snapshot())?;
///     tokio::select! {
///         () = tokio::time::sleep(Duration::from_millis(500)) => {}
///         input = inputs.recv() => match input {
///             Some(Input::Redraw) => {}
///             Some(Input::Quit) | None => break,
///         },
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// If it is none, or refuses.
    pub fn open() -> io::Result<Self> {
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

    /// Draws a snapshot, at whatever size the terminal has now.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.0.draw(|frame| draw::draw(frame, snapshot)).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A panic has given it back already, before its message; to do so again would put the
        // cursor on top of that.
        if !std::thread::panicking() {
            // A terminal that is gone needs no restoring.
            let _ = ratatui::try_restore();
        }
    }
}
