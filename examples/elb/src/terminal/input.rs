//! Keyboard input. A terminal in raw mode sends Ctrl-C as a key instead of a signal.

use std::io;
use std::thread;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

/// Input of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Quit: `q`, Esc or Ctrl-C.
    Quit,
    /// Redraw: the size of the terminal has changed.
    Redraw,
}

/// Receives input; closed when the terminal is closed.
///
/// A thread reads the keys and ends soon after the receiver is dropped. Single keys are only
/// received while a [`Screen`](super::Screen) is open.
///
/// # Errors
///
/// If the thread cannot be started.
pub fn inputs() -> io::Result<mpsc::Receiver<Input>> {
    const INTERVAL: Duration = Duration::from_millis(100);

    let (sender, receiver) = mpsc::channel(16);
    let listen = move || {
        while !sender.is_closed() {
            let event = match event::poll(INTERVAL) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            let Ok(event) = event else { return };
            if let Some(input) = Input::from_event(&event)
                && sender.blocking_send(input).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("keys".to_owned())
        .spawn(listen)?;
    Ok(receiver)
}

impl Input {
    /// The meaning of an event of the terminal, if it has one.
    pub fn from_event(event: &Event) -> Option<Self> {
        match event {
            Event::Resize(..) => Some(Self::Redraw),
            Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
                KeyCode::Esc | KeyCode::Char('q' | 'Q') => Some(Self::Quit),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    Some(Self::Quit)
                }
                _ => None,
            },
            _ => None,
        }
    }
}
