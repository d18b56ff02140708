//! Buffered output.

use std::io::{self, Write};

/// The number of buffered bytes that are written at once.
const PIECE: usize = 64 << 10;

pub(crate) struct Output {
    buffer: Vec<u8>,
    target: Box<dyn Write>,
    is_terminal: bool,
}

/// The reason why output ended.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The reader closed the pipe.
    Closed,
    Failed(io::Error),
}

impl Output {
    pub(crate) fn new(target: Box<dyn Write>, is_terminal: bool) -> Self {
        Self {
            buffer: Vec::with_capacity(2 * PIECE),
            target,
            is_terminal,
        }
    }

    /// Whether output goes to a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The buffer to append output to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes the buffer if it is large.
    #[inline]
    pub(crate) fn write_if_large(&mut self) -> Result<(), Stopped> {
        if self.buffer.len() < PIECE {
            return Ok(());
        }
        self.flush()
    }

    /// Writes the buffer.
    pub(crate) fn flush(&mut self) -> Result<(), Stopped> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.target.write_all(&self.buffer);
        self.buffer.clear();
        written.and_then(|()| self.target.flush()).map_err(|error| {
            match command::is_closed(&error) {
                true => Stopped::Closed,
                false => Stopped::Failed(error),
            }
        })
    }
}
