//! Keys, as they are pressed.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use ratatui::crossterm::event::{self, Event, KeyEventKind};

/// What is pressed from now on, and that the terminal has another size; closed when it is gone.
///
/// The thread that waits for it ends with the program.
pub(super) fn keys() -> io::Result<Receiver<Event>> {
    let (sender, receiver) = sync_channel(64);
    let listen = move || {
        while let Ok(event) = event::read() {
            let is_wanted = match &event {
                Event::Resize(..) => true,
                Event::Key(key) => key.kind != KeyEventKind::Release,
                _ => false,
            };
            if is_wanted && sender.send(event).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("keys".to_owned())
        .spawn(listen)?;
    Ok(receiver)
}
