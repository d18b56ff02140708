//! Standard output, in large pieces.

use std::io::{self, ErrorKind, StdoutLock, Write as _};

/// Bytes from which on they are written.
const PIECE: usize = 64 << 10;

/// What is to be written, and where to.
pub(crate) struct Output {
    buffer: Vec<u8>,
    stdout: StdoutLock<'static>,
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Who reads has seen enough.
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

    /// Where to write.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Hands a large piece on, if there is one.
    #[inline]
    pub(crate) fn relieve(&mut self) -> Result<(), Stopped> {
        if self.buffer.len() < PIECE {
            return Ok(());
        }
        self.flush()
    }

    /// Hands everything on.
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
