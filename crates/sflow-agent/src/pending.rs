use std::collections::VecDeque;
use std::time::Duration;

/// Encoded samples that wait for their datagram, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    samples: VecDeque<Sample>,
    bytes: usize,
    /// Whether the samples are sent without waiting for others.
    is_flushed: bool,
}

#[derive(Clone, Debug)]
struct Sample {
    added: Duration,
    encoded: Box<[u8]>,
}

impl Pending {
    pub(crate) fn push(&mut self, encoded: &[u8], now: Duration) {
        self.bytes += encoded.len();
        self.samples.push_back(Sample {
            added: now,
            encoded: encoded.into(),
        });
    }

    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.samples.front().map(|sample| &*sample.encoded)
    }

    pub(crate) fn remove_first(&mut self) {
        if let Some(sample) = self.samples.pop_front() {
            self.bytes -= sample.encoded.len();
        }
        self.is_flushed &= !self.samples.is_empty();
    }

    /// Bytes of all samples.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn flush(&mut self) {
        self.is_flushed = !self.samples.is_empty();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When a datagram with at most `capacity` bytes of samples is due: at once if more than that
    /// wait, otherwise when the oldest sample has waited for `max_delay`.
    pub(crate) fn due(&self, capacity: usize, max_delay: Duration) -> Option<Duration> {
        let oldest = self.samples.front()?.added;
        if self.is_flushed || self.bytes > capacity {
            Some(oldest)
        } else {
            oldest.checked_add(max_delay)
        }
    }
}
