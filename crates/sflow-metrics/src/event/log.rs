use std::collections::VecDeque;

use super::{Event, Id, Kind};
use crate::timestamp::Timestamp;

/// The newest events.
#[derive(Debug, Default)]
pub(crate) struct Log {
    events: VecDeque<Event>,
    bytes: usize,
    last: Id,
}

impl Log {
    /// Adds an event and removes the oldest ones beyond `max` or `max_bytes`; returns how many were
    /// removed.
    pub(crate) fn push(&mut self, at: Timestamp, kind: Kind, max: usize, max_bytes: usize) -> u64 {
        let id = self.skip();
        self.bytes += kind.bytes();
        self.events.push_back(Event { id, at, kind });
        let mut dropped = 0;
        while self.events.len() > max || self.bytes > max_bytes {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.kind.bytes());
            dropped += 1;
        }
        dropped
    }

    /// Uses an id without an event.
    pub(crate) fn skip(&mut self) -> Id {
        self.last = Id(self.last.0 + 1);
        self.last
    }

    /// The events after one, oldest first.
    pub(crate) fn after(&self, id: Id) -> impl DoubleEndedIterator<Item = &Event> {
        let first = self.events.partition_point(|event| event.id <= id);
        self.events.range(first..)
    }

    /// The id of the newest event, in the log or not.
    pub(crate) const fn last(&self) -> Id {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::threshold::ThresholdId;

    fn event(value: f64) -> Kind {
        Kind::ThresholdCrossed {
            threshold: ThresholdId(0),
            name: "load".into(),
            entity: None,
            value,
        }
    }

    fn numbers(log: &Log, after: u64) -> Vec<u64> {
        log.after(Id(after)).map(|event| event.id.0).collect()
    }

    #[test]
    fn ids_increase_and_a_skipped_event_leaves_a_gap() {
        let mut log = Log::default();
        assert_eq!((numbers(&log, 0), log.last()), (vec![], Id::START));
        for value in 1..=3 {
            assert_eq!(
                log.push(Timestamp::ZERO, event(value.into()), 3, 1 << 20),
                0
            );
        }
        assert_eq!(numbers(&log, 0), [1, 2, 3]);
        assert_eq!(numbers(&log, 2), [3]);
        assert!(numbers(&log, 9).is_empty());
        log.skip();
        assert_eq!(log.push(Timestamp::ZERO, event(5.0), 3, 1 << 20), 1);
        assert_eq!((numbers(&log, 0), log.last()), (vec![2, 3, 5], Id(5)));
    }

    #[test]
    fn log_keeps_newest_events_within_bytes() {
        let mut log = Log::default();
        let each = event(0.0).bytes();
        for value in 0..100 {
            log.push(Timestamp::ZERO, event(value.into()), 1_000, 3 * each);
        }
        assert_eq!(numbers(&log, 0), [98, 99, 100]);
        assert_eq!(log.bytes, 3 * each);
    }

    #[test]
    fn log_without_capacity_assigns_ids() {
        let mut log = Log::default();
        assert_eq!(log.push(Timestamp::ZERO, event(1.0), 0, 1 << 20), 1);
        assert_eq!((numbers(&log, 0), log.last()), (vec![], Id(1)));
    }
}
