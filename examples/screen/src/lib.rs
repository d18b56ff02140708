//! A terminal in full-screen mode, and text that is wrapped to its width.
//!
//! ```no_run
//! use screen::Screen;
//!
//! if !screen::is_available() {
//!     return Ok(());
//! }
//! let mut screen = Screen::open()?;
//! screen.draw(|frame| frame.render_widget("Press any key.", frame.area()))?;
//! // While the screen is open, keys are read one by one.
//! ratatui::crossterm::event::read()?;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, IsTerminal as _};

use ratatui::text::Span;
use ratatui::{DefaultTerminal, Frame};

/// Whether standard output is a terminal that a [`Screen`] can be drawn on.
pub fn is_available() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Restores the terminal when the program ends while a [`Screen`] is open.
pub fn restore() {
    // An error of the terminal cannot be handled here.
    let _ =
        ratatui::crossterm::execute!(io::stdout(), ratatui::crossterm::event::DisableMouseCapture);
    let _ = ratatui::try_restore();
}

/// A terminal in full-screen mode: alternate screen, no echo, unbuffered keys.
///
/// The terminal is restored when the screen is dropped, and before a panic prints its message.
/// While the screen is open, nothing else may write to the terminal: log to a file, or not at all.
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
                restore();
                Err(error)
            }
        }
    }

    /// Draws in the current size of the terminal.
    ///
    /// # Errors
    ///
    /// If the terminal is closed.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic the terminal has been restored already; restoring it again would move the
        // cursor onto the message.
        if !std::thread::panicking() {
            restore();
        }
    }
}

/// Wraps the text to `width` columns, between words where possible.
///
/// ```
/// assert_eq!(screen::wrapped("one two three", 7), ["one two", "three"]);
/// ```
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let columns = |text: &str| Span::raw(text).width();
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        for piece in pieces(word, width.max(1)) {
            let Some(row) = rows.last_mut() else { continue };
            match columns(row) {
                0 => row.push_str(piece),
                used if used + 1 + columns(piece) <= width => {
                    row.push(' ');
                    row.push_str(piece);
                }
                _ => rows.push(piece.to_owned()),
            }
        }
    }
    rows
}

/// Splits a word that is wider than a row.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, c) in word.char_indices() {
        let columns = Span::raw(&word[at..at + c.len_utf8()]).width();
        if used + columns > width && at > start {
            pieces.push(&word[start..at]);
            (start, used) = (at, 0);
        }
        used += columns;
    }
    pieces.push(&word[start..]);
    pieces
}
