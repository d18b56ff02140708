//! Recent datagrams, from which a new question is answered immediately.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::Timestamp;

/// Memory of a datagram in addition to its bytes.
const OVERHEAD: usize = 64;

/// The newest datagrams, numbered in the order of their arrival, with limits in bytes and age.
#[derive(Debug)]
pub struct History {
    log: VecDeque<StoredDatagram>,
    /// Number of the oldest datagram.
    first: u64,
    bytes: usize,
    most_bytes: usize,
    longest: Duration,
}

/// A received datagram.
#[derive(Clone, Debug)]
pub struct StoredDatagram {
    /// The time of receipt.
    pub at: Timestamp,
    /// The source address.
    pub sender: IpAddr,
    /// The payload.
    pub bytes: Box<[u8]>,
}

impl History {
    /// An empty history with these limits.
    pub fn new(most_bytes: usize, longest: Duration) -> Self {
        Self {
            log: VecDeque::new(),
            first: 0,
            bytes: 0,
            most_bytes,
            longest,
        }
    }

    /// Adds a datagram and removes old ones beyond the limits.
    pub fn push(&mut self, datagram: StoredDatagram) {
        let at = datagram.at;
        self.bytes += datagram.bytes.len() + OVERHEAD;
        self.log.push_back(datagram);
        while self.log.len() > 1 && self.is_oldest_expired(at, self.bytes) {
            if let Some(oldest) = self.log.pop_front() {
                self.bytes -= oldest.bytes.len() + OVERHEAD;
                self.first += 1;
            }
        }
    }

    /// Whether adding this datagram would remove another one.
    pub fn would_remove(&self, datagram: &StoredDatagram) -> bool {
        self.is_oldest_expired(datagram.at, self.bytes + datagram.bytes.len() + OVERHEAD)
    }

    /// Whether the oldest datagram exceeds the limits at this time, with this number of bytes.
    fn is_oldest_expired(&self, at: Timestamp, bytes: usize) -> bool {
        let is_too_old = |oldest: &StoredDatagram| at - oldest.at > self.longest;
        !self.log.is_empty()
            && (bytes > self.most_bytes || self.log.front().is_some_and(is_too_old))
    }

    /// Number of the oldest datagram.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of the next datagram to arrive.
    pub fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    /// The datagrams from this number on, with their numbers.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &StoredDatagram)> {
        let skipped = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let from = self.first.max(number);
        (from..).zip(self.log.iter().skip(skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(seconds: u64, length: usize) -> StoredDatagram {
        StoredDatagram {
            at: Timestamp::from_secs(seconds),
            sender: [10, 0, 0, 1].into(),
            bytes: vec![0; length].into(),
        }
    }

    #[test]
    fn datagrams_beyond_limits_are_removed() {
        let mut history = History::new(1000, Duration::from_secs(10));
        for second in 0..5 {
            assert!(!history.would_remove(&datagram(second, 136)));
            history.push(datagram(second, 136));
        }
        assert_eq!((history.first(), history.end()), (0, 5));
        assert!(history.would_remove(&datagram(5, 136)));
        history.push(datagram(5, 136));
        assert_eq!((history.first(), history.end()), (1, 6), "too much");
        history.push(datagram(14, 0));
        assert_eq!(history.first(), 4, "too old");
        let numbers: Vec<_> = history.since(0).map(|(number, _)| number).collect();
        assert_eq!(numbers, [4, 5, 6]);
        assert_eq!(history.since(6).count(), 1);
        assert_eq!(history.since(99).count(), 0);
        history.push(datagram(15, 5000));
        assert_eq!(history.since(0).count(), 1, "the newest always stays");
    }
}
