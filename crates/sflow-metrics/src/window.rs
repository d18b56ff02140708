//! Windows: a ring of slots for one metric of one source.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// What has been read of one metric over some time.
///
/// Every reading stands for the interval that ends with it. For a counter, `integral` is
/// therefore the exact sum of its differences, and the mean is exact however unevenly the agent
/// polls; the mean of a gauge is weighted by time.
///
/// Partials merge in any order and grouping, and [`Partial::EMPTY`] changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Partial {
    /// Σ value × seconds.
    integral: f64,
    /// Σ seconds.
    elapsed: f64,
    /// Σ value of readings that stand for no time: first ones.
    instants: f64,
    instant_count: u32,
    min: f64,
    max: f64,
    last: f64,
    last_at: Timestamp,
}

impl Partial {
    pub(crate) const EMPTY: Self = Self {
        integral: 0.0,
        elapsed: 0.0,
        instants: 0.0,
        instant_count: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        last: 0.0,
        last_at: Timestamp::ZERO,
    };

    /// One reading and the seconds it stands for.
    pub(crate) fn reading(at: Timestamp, value: f64, seconds: f64) -> Self {
        let is_instant = seconds <= 0.0;
        Self {
            integral: if is_instant { 0.0 } else { value * seconds },
            elapsed: if is_instant { 0.0 } else { seconds },
            instants: if is_instant { value } else { 0.0 },
            instant_count: u32::from(is_instant),
            min: value,
            max: value,
            last: value,
            last_at: at,
        }
    }

    /// What both have seen. Of two readings at the same moment, the larger is the last.
    pub(crate) fn merge(self, other: Self) -> Self {
        let (last_at, last) = match (self.is_empty(), other.is_empty()) {
            (_, true) => (self.last_at, self.last),
            (true, false) => (other.last_at, other.last),
            (false, false) if self.last_at == other.last_at => {
                (self.last_at, self.last.max(other.last))
            }
            (false, false) if self.last_at > other.last_at => (self.last_at, self.last),
            (false, false) => (other.last_at, other.last),
        };
        Self {
            integral: self.integral + other.integral,
            elapsed: self.elapsed + other.elapsed,
            instants: self.instants + other.instants,
            instant_count: self.instant_count.saturating_add(other.instant_count),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            last,
            last_at,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.min > self.max
    }

    /// The mean over time; of first readings alone, their plain mean.
    pub(crate) fn mean(&self) -> Option<f64> {
        if self.elapsed > 0.0 {
            Some(self.integral / self.elapsed)
        } else if self.instant_count > 0 {
            Some(self.instants / f64::from(self.instant_count))
        } else {
            None
        }
    }

    pub(crate) fn min(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.min)
    }

    pub(crate) fn max(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.max)
    }

    pub(crate) fn last(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.last)
    }

    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.last_at)
    }
}

/// The newest slots of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    /// The metric, by its place in the catalogue.
    pub(crate) metric: u16,
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// How many slots the origin of time is away.
    number: u64,
    partial: Partial,
}

impl Ring {
    pub(crate) fn new(metric: u16, slots: usize) -> Self {
        let empty = Slot {
            number: 0,
            partial: Partial::EMPTY,
        };
        Self {
            metric,
            slots: vec![empty; slots.max(1)].into(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a reading; one that is older than the ring is dropped.
    pub(crate) fn push(&mut self, width: Duration, at: Timestamp, value: f64, seconds: f64) {
        let number = slot_number(width, at);
        let place = self.place(number);
        let slot = &mut self.slots[place];
        if slot.number > number {
            return;
        }
        if slot.number < number {
            *slot = Slot {
                number,
                partial: Partial::EMPTY,
            };
        }
        slot.partial = slot.partial.merge(Partial::reading(at, value, seconds));
    }

    /// What was read in the last so many slots, the one that `now` lies in included.
    pub(crate) fn since(&self, width: Duration, now: Timestamp, slots: usize) -> Partial {
        let newest = slot_number(width, now);
        let slots = u64::try_from(slots).unwrap_or(u64::MAX);
        let oldest = newest.saturating_sub(slots.saturating_sub(1));
        let inside = self
            .slots
            .iter()
            .filter(|slot| (oldest..=newest).contains(&slot.number));
        inside.fold(Partial::EMPTY, |sum, slot| sum.merge(slot.partial))
    }

    /// The same readings in a ring of another length.
    pub(crate) fn resized(&self, slots: usize) -> Self {
        let mut resized = Self::new(self.metric, slots);
        for slot in self.slots.iter().filter(|slot| !slot.partial.is_empty()) {
            let place = resized.place(slot.number);
            if resized.slots[place].number <= slot.number {
                resized.slots[place] = *slot;
            }
        }
        resized
    }

    fn place(&self, number: u64) -> usize {
        let length = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        usize::try_from(number % length).unwrap_or(0)
    }
}

fn slot_number(width: Duration, at: Timestamp) -> u64 {
    let width = u64::try_from(width.as_nanos()).unwrap_or(u64::MAX).max(1);
    at.as_nanos() / width
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDTH: Duration = Duration::from_secs(5);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_secs(second)
    }

    #[test]
    fn the_mean_is_exact_under_uneven_polling() {
        let mut ring = Ring::new(0, 12);
        ring.push(WIDTH, at(2), 100.0, 2.0);
        ring.push(WIDTH, at(12), 10.0, 10.0);
        ring.push(WIDTH, at(13), 500.0, 1.0);
        let all = ring.since(WIDTH, at(14), 12);
        assert_eq!(all.mean(), Some((200.0 + 100.0 + 500.0) / 13.0));
        assert_eq!(
            (all.min(), all.max(), all.last()),
            (Some(10.0), Some(500.0), Some(500.0))
        );
    }

    #[test]
    fn readings_leave_the_window() {
        let mut ring = Ring::new(0, 3);
        ring.push(WIDTH, at(2), 100.0, 2.0);
        ring.push(WIDTH, at(7), 10.0, 5.0);
        assert_eq!(ring.since(WIDTH, at(7), 3).max(), Some(100.0));
        assert_eq!(ring.since(WIDTH, at(7), 1).max(), Some(10.0));
        assert_eq!(ring.since(WIDTH, at(16), 3).max(), Some(10.0));
        assert_eq!(ring.since(WIDTH, at(21), 3).mean(), None);
        ring.push(WIDTH, at(16), 1.0, 5.0);
        assert_eq!(
            ring.since(WIDTH, at(16), 3).max(),
            Some(10.0),
            "its slot was used again"
        );
        ring.push(WIDTH, at(3), 9.0, 1.0);
        assert_eq!(ring.since(WIDTH, at(16), 3).max(), Some(10.0), "too old");
    }

    #[test]
    fn a_first_reading_is_its_own_mean() {
        let first = Partial::reading(at(1), 7.0, 0.0);
        assert_eq!(first.mean(), Some(7.0));
        assert_eq!(
            first.merge(Partial::reading(at(11), 1.0, 10.0)).mean(),
            Some(1.0)
        );
        assert_eq!(Partial::EMPTY.mean(), None);
        assert_eq!(Partial::EMPTY.last(), None);
    }

    #[test]
    fn a_longer_ring_keeps_what_the_shorter_one_had() {
        let mut ring = Ring::new(0, 3);
        for second in 0..30 {
            ring.push(WIDTH, at(second), second as f64, 1.0);
        }
        let longer = ring.resized(7);
        assert_eq!(longer.since(WIDTH, at(29), 7), ring.since(WIDTH, at(29), 3));
    }

    proptest! {
        /// Integers, so that floating-point addition is exact and the laws are equations.
        #[test]
        fn partials_merge(readings in prop::collection::vec((0u64..100, 0u32..1000, 0u32..10), 3)) {
            let partial = |place: usize| {
                let (second, value, seconds) = readings[place];
                Partial::reading(at(second), value.into(), seconds.into())
            };
            let (a, b, c) = (partial(0), partial(1), partial(2));
            prop_assert_eq!(a.merge(b), b.merge(a));
            prop_assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
            prop_assert_eq!(a.merge(Partial::EMPTY), a);
            prop_assert_eq!(Partial::EMPTY.merge(a), a);
        }
    }
}
