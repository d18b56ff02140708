use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The initial and the maximum size of the buffer in bytes. A length in a file cannot exceed it.
const FIRST: usize = 64 << 10;
pub(super) const LARGEST: usize = 1 << 20;

/// How the file was compressed, and the number of compressed bytes read so far.
pub(super) struct Compressed {
    pub(super) format: &'static str,
    pub(super) bytes_read: Arc<AtomicU64>,
}

/// A buffered file that is read from front to back.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
}

impl Input {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            buffer: vec![0; FIRST],
            start: 0,
            end: 0,
            position: 0,
        }
    }

    /// The position of the buffered bytes in the file.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The end of the buffered bytes in the file.
    pub(super) const fn position_read(&self) -> u64 {
        self.position + (self.end - self.start) as u64
    }

    /// Buffers at least `length` bytes, unless the file ends or `length` exceeds [`LARGEST`].
    pub(super) fn at_least(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.end - self.start < length {
            if !self.more()? {
                break;
            }
        }
        Ok(self.buffered())
    }

    /// The buffered bytes.
    pub(super) fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Skips `length` bytes; false if the file ends before.
    pub(super) fn skip(&mut self, length: u64) -> io::Result<bool> {
        let mut left = length;
        loop {
            let buffered = self.end - self.start;
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(buffered);
            self.start += step;
            self.position += step as u64;
            left -= step as u64;
            if left == 0 {
                return Ok(true);
            }
            if !self.more()? {
                return Ok(false);
            }
        }
    }

    /// Reads more bytes; false if the file has ended or the buffer is full.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            let size = (self.buffer.len() * 2).min(LARGEST);
            self.buffer.resize(size, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.reader.read(free) {
                Ok(length) => {
                    self.end += length.min(free.len());
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte per read, with interruptions.
    struct Drip(u32, bool);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let (Some(first), true) = (buffer.first_mut(), self.0 > 0) else {
                return Ok(0);
            };
            *first = self.0.to_le_bytes()[0];
            self.0 -= 1;
            Ok(1)
        }
    }

    #[test]
    fn short_reads_are_joined() {
        let mut input = Input::new(Box::new(Drip(10, false)));
        assert_eq!(input.at_least(3).unwrap(), [10, 9, 8]);
        assert!(input.skip(2).unwrap());
        assert_eq!(input.at_least(2).unwrap(), [8, 7]);
        assert!(input.skip(5).unwrap());
        assert_eq!(
            (input.position(), input.at_least(9).unwrap()),
            (7, &[3, 2, 1][..])
        );
        assert_eq!(input.position_read(), 10);
        assert!(!input.skip(4).unwrap());
        assert_eq!(input.position(), 10);
    }

    #[test]
    fn buffer_grows_with_data_up_to_limit() {
        let mut input = Input::new(Box::new(io::repeat(7).take(100_000)));
        assert_eq!(input.at_least(usize::MAX).unwrap().len(), 100_000);
        assert!(input.buffer.len() < 300_000);
        let mut input = Input::new(Box::new(io::repeat(7)));
        assert_eq!(input.at_least(usize::MAX).unwrap().len(), LARGEST);
        assert!(input.skip(5_000_000).unwrap());
        assert_eq!((input.position(), input.buffer.len()), (5_000_000, LARGEST));
    }
}
