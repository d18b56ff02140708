use std::collections::VecDeque;

use super::{Aggregate, Percent, Slots};

/// Slots by which a late reading may be older than two lengths of its ring.
const STEP: u64 = 16;

/// The newest slots of a metric with readings.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    /// Index of the metric among the watched ones.
    pub(crate) watch: usize,
    /// Number of slots to keep, including the newest one.
    span: u64,
    /// Sorted by number.
    slots: VecDeque<Slot>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Slot {
    /// Number of slots since the origin of time.
    number: u64,
    aggregate: Aggregate,
}

impl Ring {
    /// Bytes of a slot.
    pub(crate) const SLOT: usize = size_of::<Slot>();

    /// Memory of the slots in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.slots.len() * Self::SLOT
    }

    /// Whether the slot with this number is the newest one.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.slots.back().is_some_and(|slot| slot.number == number)
    }

    pub(crate) fn new(watch: usize, span: u64) -> Self {
        Self {
            watch,
            span: span.max(1),
            slots: VecDeque::new(),
        }
    }

    /// Sets the number of slots to keep.
    pub(crate) fn span(&mut self, span: u64) {
        self.span = span.max(1);
    }

    /// Drops the slots that are too old if the newest one has this number.
    pub(crate) fn drop_old(&mut self, number: u64) {
        if self.slots.back().is_some_and(|last| last.number >= number) {
            return;
        }
        let oldest = number.saturating_add(1).saturating_sub(self.span);
        while self.slots.front().is_some_and(|slot| slot.number < oldest) {
            self.slots.pop_front();
        }
    }

    /// Adds a reading. A reading older than the ring is dropped. If it is older by more than twice
    /// the length of the ring, the clock was set back and the ring starts again.
    pub(crate) fn push(&mut self, number: u64, reading: Aggregate) {
        match self.slots.back_mut() {
            Some(last) if last.number == number => {
                last.aggregate = last.aggregate.merge(reading);
                return;
            }
            Some(last) if last.number > number => {}
            _ => {
                self.drop_old(number);
                let aggregate = reading;
                self.slots.push_back(Slot { number, aggregate });
                return;
            }
        }
        self.push_late(number, reading);
    }

    /// Adds a reading to an older slot.
    #[cold]
    fn push_late(&mut self, number: u64, reading: Aggregate) {
        let newest = self.slots.back().map_or(number, |slot| slot.number);
        if number < newest.saturating_add(1).saturating_sub(self.span) {
            let step = self.span.saturating_mul(2).saturating_add(STEP);
            if newest - number > step {
                self.slots.clear();
                let aggregate = reading;
                self.slots.push_back(Slot { number, aggregate });
            }
            return;
        }
        let place = self.slots.iter().rposition(|slot| slot.number <= number);
        match place.and_then(|place| self.slots.get_mut(place)) {
            Some(slot) if slot.number == number => slot.aggregate = slot.aggregate.merge(reading),
            _ => {
                let aggregate = reading;
                let place = place.map_or(0, |place| place + 1);
                self.slots.insert(place, Slot { number, aggregate });
            }
        }
    }

    /// The readings in some slots.
    pub(crate) fn over(&self, slots: Slots) -> Aggregate {
        self.within(slots)
            .fold(Aggregate::EMPTY, |sum, slot| sum.merge(slot.aggregate))
    }

    /// The percentile of the means of slots, weighted by time.
    pub(crate) fn percentile(&self, slots: Slots, percent: Percent) -> Option<f64> {
        let mut means: Vec<(f64, f64)> = self
            .within(slots)
            .filter_map(|slot| Some((slot.aggregate.mean()?, slot.aggregate.elapsed)))
            .collect();
        means.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        let all: f64 = means.iter().map(|(_, seconds)| seconds).sum();
        let mut left = all * percent.percent() / 100.0;
        let mut reached = None;
        for (mean, seconds) in means {
            // First readings are valid for no time. They count only if there are no others.
            if seconds > 0.0 || all <= 0.0 {
                reached = Some(mean);
                left -= seconds;
                if left <= 0.0 {
                    break;
                }
            }
        }
        reached
    }

    fn within(&self, slots: Slots) -> impl Iterator<Item = &Slot> {
        let inside = move |slot: &&Slot| slots.contains(&slot.number);
        self.slots.iter().filter(inside)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::timestamp::Timestamp;
    use crate::window::slot_number;

    const WIDTH: Duration = Duration::from_secs(5);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    fn push(ring: &mut Ring, second: u64, value: f64, seconds: f64) {
        let reading = Aggregate::reading(at(second), value, seconds);
        ring.push(slot_number(WIDTH, at(second)), reading);
    }

    fn since(ring: &Ring, second: u64, slots: u64) -> Aggregate {
        let newest = slot_number(WIDTH, at(second));
        ring.over((newest + 1).saturating_sub(slots)..=newest)
    }

    #[test]
    fn mean_is_exact_under_uneven_polling() {
        let mut ring = Ring::new(0, 12);
        push(&mut ring, 2, 100.0, 2.0);
        push(&mut ring, 12, 10.0, 10.0);
        push(&mut ring, 13, 500.0, 1.0);
        let all = since(&ring, 14, 12);
        assert_eq!(all.mean(), Some((200.0 + 100.0 + 500.0) / 13.0));
        assert_eq!(
            (all.min(), all.max(), all.last()),
            (Some(10.0), Some(500.0), Some(500.0))
        );
    }

    #[test]
    fn readings_leave_the_window() {
        let mut ring = Ring::new(0, 3);
        push(&mut ring, 2, 100.0, 2.0);
        push(&mut ring, 7, 10.0, 5.0);
        assert_eq!(since(&ring, 7, 3).max(), Some(100.0));
        assert_eq!(since(&ring, 7, 1).max(), Some(10.0));
        assert_eq!(since(&ring, 16, 3).max(), Some(10.0));
        assert_eq!(since(&ring, 21, 3).mean(), None);
        push(&mut ring, 16, 1.0, 5.0);
        assert_eq!(ring.slots.len(), 2, "old slots are dropped");
        assert_eq!(since(&ring, 16, 3).max(), Some(10.0));
        push(&mut ring, 3, 9.0, 1.0);
        assert_eq!(since(&ring, 16, 9).max(), Some(10.0), "too old");
        push(&mut ring, 11, 50.0, 1.0);
        assert_eq!(
            since(&ring, 16, 3).max(),
            Some(50.0),
            "late, but not too late"
        );
        assert_eq!(since(&ring, 16, 3).last(), Some(1.0));
    }

    #[test]
    fn clock_set_back_starts_window_again() {
        let mut ring = Ring::new(0, 3);
        push(&mut ring, 1_000, 7.0, 5.0);
        // The clock is set to 2106, then to the last timestamp.
        push(&mut ring, u32::MAX.into(), 100.0, 5.0);
        ring.push(u64::MAX, Aggregate::reading(at(1), 100.0, 5.0));
        push(&mut ring, 1_010, 9.0, 5.0);
        assert_eq!(since(&ring, 1_010, 3).max(), Some(9.0));
        push(&mut ring, 1_015, 3.0, 5.0);
        assert_eq!(since(&ring, 1_015, 3).min(), Some(3.0));
        assert_eq!(ring.slots.len(), 2);
    }

    #[test]
    fn percentiles_are_weighted_by_time() {
        let mut ring = Ring::new(0, 12);
        for (second, value, seconds) in [(10, 1.0, 10.0), (20, 9.0, 10.0), (50, 5.0, 30.0)] {
            push(&mut ring, second, value, seconds);
        }
        let of = |percent| ring.percentile(0..=99, Percent::new(percent).unwrap());
        assert_eq!((of(0.0), of(20.0)), (Some(1.0), Some(1.0)));
        assert_eq!((of(50.0), of(80.0)), (Some(5.0), Some(5.0)));
        assert_eq!((of(81.0), of(100.0)), (Some(9.0), Some(9.0)));
        assert_eq!(ring.percentile(70..=99, Percent::HALF), None);
        let mut first = Ring::new(0, 12);
        push(&mut first, 1, 7.0, 0.0);
        assert_eq!(first.percentile(0..=9, Percent::HALF), Some(7.0));
    }

    #[test]
    fn first_reading_is_its_own_mean() {
        let first = Aggregate::reading(at(1), 7.0, 0.0);
        assert_eq!(first.mean(), Some(7.0));
        assert_eq!(
            first.merge(Aggregate::reading(at(11), 1.0, 10.0)).mean(),
            Some(1.0)
        );
        assert_eq!(Aggregate::EMPTY.mean(), None);
        assert_eq!(Aggregate::EMPTY.last(), None);
    }

    #[test]
    fn longer_ring_keeps_slots() {
        let mut ring = Ring::new(0, 3);
        for second in 0..30 {
            push(&mut ring, second, second as f64, 1.0);
        }
        let before = since(&ring, 29, 3);
        ring.span(7);
        assert_eq!(since(&ring, 29, 7), before);
        for second in 30..60 {
            push(&mut ring, second, second as f64, 1.0);
        }
        assert_eq!(since(&ring, 59, 99).min(), Some(25.0));
    }

    proptest! {
        /// Integers, so that floating-point addition is exact and the laws are equations.
        #[test]
        fn aggregates_merge(readings in prop::collection::vec((0u64..100, 0u32..1000, 0u32..10), 3)) {
            let aggregate = |place: usize| {
                let (second, value, seconds) = readings[place];
                Aggregate::reading(at(second), value.into(), seconds.into())
            };
            let (a, b, c) = (aggregate(0), aggregate(1), aggregate(2));
            prop_assert_eq!(a.merge(b), b.merge(a));
            prop_assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
            prop_assert_eq!(a.merge(Aggregate::EMPTY), a);
            prop_assert_eq!(Aggregate::EMPTY.merge(a), a);
        }
    }
}
