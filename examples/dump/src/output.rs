//! Buffered standard output.

use std::io::{self, ErrorKind, StdoutLock, Write as _};

/// The number of buffered bytes that are written at once.
const PIECE: usize = 64 << 10;

pub(crate) struct Output {
    buffer: Vec<u8>,
    stdout: StdoutLock<'static>,
}

/// The reason why output ended.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The reader closed the pipe.
    Closed,
    Failed(io::Error),
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(2 * PIECE),
            stdout: io::stdout().lock(),
        }
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
        let written = self.stdout.write_all(&self.buffer);
        self.buffer.clear();
        written
            .and_then(|()| self.stdout.flush())
            .map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => Stopped::Closed,
                _ => Stopped::Failed(error),
            })
    }
}
