//! Number of different values per key in bounded memory: one sketch for each key.
//!
//! Values expire in whole periods: a count includes the current period and the one before. Periods
//! are aligned with the origin of time, so that those of several registries are the same.

use core::time::Duration;
use std::collections::HashMap;

use crate::flow::sketch::{Estimate, SKETCH_BYTES, Sketch};
use crate::timestamp::Timestamp;
use crate::window::slot_number;

/// Minimum length of a period: expiry visits all keys.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

/// If the clock steps back by more periods, its earlier time was wrong.
const BACKSTEP: u64 = 16;

/// Counts of different values for each key.
#[derive(Debug)]
pub(super) struct Distinct {
    capacity: usize,
    period: Option<Period>,
    /// The number of the current period.
    current: u64,
    indices: HashMap<Box<[u8]>, u32>,
    entries: Vec<(Box<[u8]>, Count)>,
    all: DistinctValues,
    refused: u64,
}

/// The time after which values expire, at least 1 s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Period(Duration);

/// The values of a key.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Count {
    pub(super) samples: u64,
    pub(super) values: DistinctValues,
}

/// The values of the current period and of the one before.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct DistinctValues {
    current: Sketch,
    previous: Sketch,
}

impl Distinct {
    /// Maximum number of bytes of a key's count in all collections, without the key.
    pub(super) const ENTRY: usize = 2 * (SKETCH_BYTES + size_of::<(Box<[u8]>, Count)>()) + 128;

    /// A count uses about this many times the memory of a sum, so the maximum number of keys is
    /// divided by it.
    pub(super) const FEWER_KEYS: usize = 8;

    /// Counts values of at most `capacity` keys, but at least one; without a period they do not
    /// expire.
    pub(super) fn new(capacity: usize, period: Option<Period>) -> Self {
        Self {
            capacity: capacity.max(1),
            period,
            current: 0,
            indices: HashMap::new(),
            entries: Vec::new(),
            all: DistinctValues::default(),
            refused: 0,
        }
    }

    /// Counts a value of a key, given its keyed hash; returns whether it was refused because the
    /// capacity is exhausted.
    pub(super) fn add(&mut self, key: &[u8], hash: u64, at: Timestamp) -> bool {
        self.advance(at);
        self.all.add(hash);
        let index = self.indices.get(key).copied();
        let index = match (index, u32::try_from(self.entries.len())) {
            (Some(index), _) => index,
            (None, Ok(index)) if self.entries.len() < self.capacity => {
                self.indices.insert(key.into(), index);
                self.entries.push((key.into(), Count::default()));
                index
            }
            _ => {
                self.refused += 1;
                return true;
            }
        };
        if let Some((_, count)) = self.entries.get_mut(index as usize) {
            count.samples += 1;
            count.values.add(hash);
        }
        false
    }

    /// All keys with their values, in no particular order.
    pub(super) fn entries(&self) -> &[(Box<[u8]>, Count)] {
        &self.entries
    }

    /// The values of all keys together.
    pub(super) fn all(&self) -> &DistinctValues {
        &self.all
    }

    /// Number of refused values.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Number of periods that have ended since the last value was added; the maximum after a step
    /// back of the clock.
    pub(super) fn ended_periods(&self, now: Timestamp) -> u64 {
        let number = self.period.map_or(0, |period| period.number(now));
        if self.current.saturating_sub(number) > BACKSTEP {
            return u64::MAX;
        }
        number.saturating_sub(self.current)
    }

    /// Starts a new period if the current one has ended.
    fn advance(&mut self, at: Timestamp) {
        let Some(period) = self.period else { return };
        let ended = self.ended_periods(at);
        if ended == 0 {
            return;
        }
        self.current = period.number(at);
        self.all.end_periods(ended);
        let indices = &mut self.indices;
        self.entries.retain_mut(|(key, count)| {
            count.values.end_periods(ended);
            let is_used = !count.values.is_empty();
            if !is_used {
                indices.remove(key);
            }
            is_used
        });
        for (index, (key, _)) in (0..).zip(&self.entries) {
            if let Some(known) = indices.get_mut(key) {
                *known = index;
            }
        }
    }
}

impl Period {
    pub(super) fn new(length: Duration) -> Self {
        Self(length.max(SHORTEST_PERIOD))
    }

    /// The number of the period that contains a time.
    pub(super) fn number(self, at: Timestamp) -> u64 {
        slot_number(self.0, at)
    }
}

impl DistinctValues {
    fn add(&mut self, hash: u64) {
        self.current.add(hash);
    }

    /// Forgets the values that expire when this many periods end.
    pub(super) fn end_periods(&mut self, ended: u64) {
        match ended {
            0 => {}
            1 => self.previous = core::mem::take(&mut self.current),
            _ => *self = Self::default(),
        }
    }

    /// Adds the values of the same periods.
    pub(super) fn merge(&mut self, other: &Self) {
        self.current.merge(&other.current);
        self.previous.merge(&other.previous);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty() && self.previous.is_empty()
    }

    /// The estimated number of values when this many more periods have ended.
    pub(super) fn estimate(&self, ended: u64) -> Estimate {
        match ended {
            0 if self.previous.is_empty() => self.current.estimate(),
            0 => {
                let mut both = self.previous.clone();
                both.merge(&self.current);
                both.estimate()
            }
            1 => self.current.estimate(),
            _ => Estimate::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::sketch::STANDARD_ERROR;
    use crate::hash_key::HashKey;

    fn hash(value: u32) -> u64 {
        HashKey::new([7; 16]).hash(&value.to_be_bytes())
    }

    #[test]
    fn count_is_within_error() {
        for truth in [0_u32, 1, 10, 100, 1_000, 10_000, 300_000] {
            let mut distinct = Distinct::new(4, None);
            for value in 0..truth {
                for _ in 0..2 {
                    distinct.add(b"key", hash(value), Timestamp::ZERO);
                }
            }
            let Estimate { value, error } = distinct.all().estimate(0);
            let difference = (value - f64::from(truth)).abs();
            assert!(difference <= 3.0 * error, "{truth}: {value}");
            let expected = if truth < 96 { 0.0 } else { STANDARD_ERROR };
            assert_eq!(error, expected * value, "{truth}");
        }
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let mut distinct = Distinct::new(1, None);
        for value in 0..90 {
            assert_eq!(distinct.all().estimate(0).value, f64::from(value));
            distinct.add(b"key", hash(value), Timestamp::ZERO);
        }
    }

    #[test]
    fn expired_values_release_capacity() {
        let period = Period::new(Duration::from_secs(10));
        let mut distinct = Distinct::new(1, Some(period));
        let at = Timestamp::from_secs;
        assert!(!distinct.add(b"a", hash(1), at(100)));
        assert!(distinct.add(b"b", hash(1), at(105)));
        assert_eq!(distinct.refused(), 1);
        let count = |distinct: &Distinct, seconds| {
            let ended = distinct.ended_periods(at(seconds));
            distinct.all().estimate(ended).value
        };
        assert_eq!(count(&distinct, 112), 1.0, "value of the previous period");
        assert_eq!(count(&distinct, 120), 0.0);
        assert!(!distinct.add(b"a", hash(2), at(112)));
        assert_eq!(count(&distinct, 112), 2.0);
        assert!(!distinct.add(b"a", hash(3), at(125)));
        assert_eq!(count(&distinct, 125), 2.0);
        assert!(
            !distinct.add(b"b", hash(1), at(200)),
            "capacity is available again"
        );
        assert_eq!(count(&distinct, 200), 1.0);
        assert_eq!(count(&distinct, 10), 0.0, "clock set back");
        assert!(!distinct.add(b"c", hash(1), at(10)), "clock set back");
        assert_eq!(count(&distinct, 10), 1.0);
    }
}
