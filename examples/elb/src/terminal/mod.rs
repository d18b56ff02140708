//! Terminal output: a full-screen view on a terminal, lines otherwise.
//!
//! Both show a [`Snapshot`] and use no clock. Control characters of external text are replaced.

mod draw;
mod input;
mod plain;
mod service;

use std::io::{self, IsTerminal as _};

use ratatui::DefaultTerminal;

pub use self::draw::draw;
pub use self::input::{Input, inputs};
pub use self::plain::{Plain, set_replicas};

use crate::view::Snapshot;

/// Whether standard output is a terminal that a [`Screen`] can be drawn on.
pub fn is_available() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A terminal in full-screen mode: alternate screen, no echo, unbuffered keys.
///
/// The terminal is restored when the screen is dropped, and before a panic prints its message.
/// While the screen is open, nothing else may write to the terminal: log to a file, or not at all.
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
///     screen.draw(&handle.snapshot(usize::MAX))?;
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
    /// Switches the terminal to full-screen mode.
    ///
    /// # Errors
    ///
    /// If standard output is not a terminal, or the terminal cannot be switched.
    pub fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                // The mode may have been switched partially. The original error is returned rather
                // than an error of restoring.
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    /// Draws a snapshot in the current size of the terminal.
    ///
    /// # Errors
    ///
    /// If the terminal is closed.
    pub fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.0.draw(|frame| draw(frame, snapshot)).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic the terminal has been restored already; restoring it again would move the
        // cursor onto the message.
        if !std::thread::panicking() {
            // A closed terminal need not be restored.
            let _ = ratatui::try_restore();
        }
    }
}
