//! Standard input, of which one can tell when the next byte is to be waited for.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes have been taken.
#[derive(Clone, Default)]
pub(crate) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Standard input.
pub(crate) struct Stdin {
    taken: Taken,
}

impl Stdin {
    pub(crate) fn new() -> (Self, Taken) {
        let taken = Taken::default();
        let stdin = Self {
            taken: taken.clone(),
        };
        (stdin, taken)
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = io::stdin().lock().read(buffer)?;
        self.taken.0.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
