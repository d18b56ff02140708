//! What came lately, so that a new question is answered from the past and not only from now on.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::Timestamp;

/// What one datagram costs besides its bytes.
const OVERHEAD: usize = 64;

/// The newest datagrams, numbered in the order in which they came: so many bytes of them, and
/// none that is older than so long.
#[derive(Debug)]
pub struct Past {
    log: VecDeque<Came>,
    /// Number of the first one that is still there.
    first: u64,
    bytes: usize,
    most_bytes: usize,
    longest: Duration,
}

/// One datagram.
#[derive(Clone, Debug)]
pub struct Came {
    /// When.
    pub at: Timestamp,
    /// From whom.
    pub sender: IpAddr,
    /// What.
    pub bytes: Box<[u8]>,
}

impl Past {
    /// A past of so many bytes, and so long.
    pub fn new(most_bytes: usize, longest: Duration) -> Self {
        Self {
            log: VecDeque::new(),
            first: 0,
            bytes: 0,
            most_bytes,
            longest,
        }
    }

    /// Keeps one more, and forgets what there is no room for.
    pub fn push(&mut self, came: Came) {
        let at = came.at;
        self.bytes += came.bytes.len() + OVERHEAD;
        self.log.push_back(came);
        while self.log.len() > 1 && self.is_oldest_to_go(at, self.bytes) {
            if let Some(oldest) = self.log.pop_front() {
                self.bytes -= oldest.bytes.len() + OVERHEAD;
                self.first += 1;
            }
        }
    }

    /// Whether something would be forgotten for this one.
    pub fn would_forget(&self, came: &Came) -> bool {
        self.is_oldest_to_go(came.at, self.bytes + came.bytes.len() + OVERHEAD)
    }

    /// Whether the oldest one has to go at this moment, if there are so many bytes.
    fn is_oldest_to_go(&self, at: Timestamp, bytes: usize) -> bool {
        let is_too_old = |oldest: &Came| at - oldest.at > self.longest;
        !self.log.is_empty()
            && (bytes > self.most_bytes || self.log.front().is_some_and(is_too_old))
    }

    /// Number of the oldest one.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of the next one to come.
    pub fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    /// Those from this number on, with their numbers.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Came)> {
        let skipped = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let from = self.first.max(number);
        (from..).zip(self.log.iter().skip(skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(seconds: u64, length: usize) -> Came {
        Came {
            at: Timestamp::from_secs(seconds),
            sender: [10, 0, 0, 1].into(),
            bytes: vec![0; length].into(),
        }
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten() {
        let mut past = Past::new(1000, Duration::from_secs(10));
        for second in 0..5 {
            assert!(!past.would_forget(&came(second, 136)));
            past.push(came(second, 136));
        }
        assert_eq!((past.first(), past.end()), (0, 5));
        assert!(past.would_forget(&came(5, 136)));
        past.push(came(5, 136));
        assert_eq!((past.first(), past.end()), (1, 6), "too much");
        past.push(came(14, 0));
        assert_eq!(past.first(), 4, "too old");
        let numbers: Vec<_> = past.since(0).map(|(number, _)| number).collect();
        assert_eq!(numbers, [4, 5, 6]);
        assert_eq!(past.since(6).count(), 1);
        assert_eq!(past.since(99).count(), 0);
        past.push(came(15, 5000));
        assert_eq!(past.since(0).count(), 1, "the newest always stays");
    }
}
