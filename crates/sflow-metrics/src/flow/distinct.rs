//! Number of different values per key in bounded memory: one HyperLogLog sketch for each key
//! (Flajolet et al., 2007).
//!
//! Values expire in whole periods: a count includes the current period and the one before.

use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::HashMap;
use std::hash::RandomState;

use crate::timestamp::Timestamp;

/// Bits of a hash that select a register.
const BITS: u32 = 10;
const REGISTERS: usize = 1 << BITS;

/// Minimum length of a period: expiry visits all keys.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

/// The relative standard error of a count.
pub(super) const STANDARD_ERROR: f64 = 1.04 / 32.0;

/// Counts of different values for each key.
#[derive(Debug)]
pub(super) struct Distinct {
    capacity: usize,
    period: Option<Duration>,
    began: Option<Timestamp>,
    /// Randomly keyed, since foreign senders choose the values.
    hasher: RandomState,
    indices: HashMap<Box<[u8]>, u32>,
    entries: Vec<Count>,
    all: Sketches,
    refused: u64,
}

/// The values of a key.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) key: Box<[u8]>,
    pub(super) samples: u64,
    sketches: Sketches,
}

#[derive(Debug)]
struct Sketches {
    current: Box<[u8; REGISTERS]>,
    previous: Box<[u8; REGISTERS]>,
}

impl Distinct {
    /// Maximum number of bytes of a key's count in all collections, without the key.
    pub(super) const ENTRY: usize = 2 * (REGISTERS + size_of::<Count>()) + 128;

    /// Counts values of at most `capacity` keys, but at least one; without a period they do not
    /// expire.
    pub(super) fn new(capacity: usize, period: Option<Duration>) -> Self {
        Self {
            capacity: capacity.max(1),
            period: period.map(|period| period.max(SHORTEST_PERIOD)),
            began: None,
            hasher: RandomState::new(),
            indices: HashMap::new(),
            entries: Vec::new(),
            all: Sketches::new(),
            refused: 0,
        }
    }

    /// Counts a value of a key; returns whether it was refused because the capacity is exhausted.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8], at: Timestamp) -> bool {
        self.advance(at);
        let hash = self.hasher.hash_one(value);
        self.all.add(hash);
        let index = self.indices.get(key).copied();
        let index = match (index, u32::try_from(self.entries.len())) {
            (Some(index), _) => index,
            (None, Ok(index)) if self.entries.len() < self.capacity => {
                self.indices.insert(key.into(), index);
                self.entries.push(Count {
                    key: key.into(),
                    samples: 0,
                    sketches: Sketches::new(),
                });
                index
            }
            _ => {
                self.refused += 1;
                return true;
            }
        };
        if let Some(count) = self.entries.get_mut(index as usize) {
            count.samples += 1;
            count.sketches.add(hash);
        }
        false
    }

    /// All keys with their counts, in no particular order.
    pub(super) fn counts(&self, now: Timestamp) -> impl Iterator<Item = (&Count, f64)> {
        let counts = self.entries.iter();
        counts.map(move |count| (count, count.sketches.estimate(self.ended_periods(now))))
    }

    /// The count of different values of all keys together.
    pub(super) fn all(&self, now: Timestamp) -> f64 {
        self.all.estimate(self.ended_periods(now))
    }

    /// Number of refused values.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Number of periods that ended since the last call of [`advance`](Self::advance); at most 2.
    fn ended_periods(&self, now: Timestamp) -> u8 {
        let (Some(period), Some(began)) = (self.period, self.began) else {
            return 0;
        };
        let elapsed = now - began;
        u8::from(elapsed >= period) + u8::from(elapsed >= period.saturating_mul(2))
    }

    /// Starts a new period if the current one has ended.
    fn advance(&mut self, at: Timestamp) {
        let began = *self.began.get_or_insert(at);
        let Some(period) = self.period else { return };
        let has_stepped_back = began - at > period.saturating_mul(16);
        let ended = if has_stepped_back {
            2
        } else {
            self.ended_periods(at)
        };
        if ended == 0 {
            return;
        }
        self.began = Some(if ended == 1 { began + period } else { at });
        for _ in 0..ended {
            self.all.start_period();
            self.entries
                .iter_mut()
                .for_each(|count| count.sketches.start_period());
        }
        let indices = &mut self.indices;
        self.entries.retain(|count| {
            let is_used = !count.sketches.is_empty();
            if !is_used {
                indices.remove(&count.key);
            }
            is_used
        });
        for (index, count) in (0..).zip(&self.entries) {
            if let Some(known) = indices.get_mut(&count.key) {
                *known = index;
            }
        }
    }
}

impl Sketches {
    fn new() -> Self {
        Self {
            current: Box::new([0; REGISTERS]),
            previous: Box::new([0; REGISTERS]),
        }
    }

    /// The first bits select a register, which stores the longest run of zeros of the other bits.
    fn add(&mut self, hash: u64) {
        let register = (hash >> (u64::BITS - BITS)) as usize;
        let run = (hash << BITS | 1 << (BITS - 1)).leading_zeros() + 1;
        if let (Some(known), Ok(run)) = (self.current.get_mut(register), u8::try_from(run)) {
            *known = run.max(*known);
        }
    }

    fn start_period(&mut self) {
        core::mem::swap(&mut self.current, &mut self.previous);
        self.current.fill(0);
    }

    fn is_empty(&self) -> bool {
        self.current
            .iter()
            .chain(&*self.previous)
            .all(|run| *run == 0)
    }

    /// The count after this many more periods have ended.
    fn estimate(&self, ended_periods: u8) -> f64 {
        if ended_periods > 1 {
            return 0.0;
        }
        let registers = REGISTERS as f64;
        let (mut sum, mut zeros) = (0.0, 0_u32);
        for (current, previous) in self.current.iter().zip(&*self.previous) {
            let run = if ended_periods == 0 {
                *current.max(previous)
            } else {
                *current
            };
            sum += (-f64::from(run)).exp2();
            zeros += u32::from(run == 0);
        }
        let bias = 0.7213 / (1.0 + 1.079 / registers);
        let raw = bias * registers * registers / sum;
        if raw <= 2.5 * registers && zeros > 0 {
            // Linear counting is more accurate while registers are empty.
            return registers * (registers / f64::from(zeros)).ln();
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_within_error() {
        for truth in [0_u32, 1, 10, 100, 1_000, 10_000, 300_000] {
            let mut distinct = Distinct::new(4, None);
            for value in 0..truth {
                for _ in 0..2 {
                    distinct.add(b"key", &value.to_be_bytes(), Timestamp::ZERO);
                }
            }
            let found = distinct.all(Timestamp::from_secs(1_000_000));
            let error = (found - f64::from(truth)).abs();
            // Even a few values may share a register by chance.
            let most = 6.0 * STANDARD_ERROR * f64::from(truth) + 5.0;
            assert!(error < most, "{truth}: {found}");
        }
    }

    #[test]
    fn expired_values_release_capacity() {
        let mut distinct = Distinct::new(1, Some(Duration::from_secs(10)));
        // Values whose hashes, which are random, choose different registers.
        let mut registers = Vec::new();
        let mut values = (0..=u8::MAX).map(|value| [value]).filter(|value| {
            let register = distinct.hasher.hash_one(value.as_slice()) >> (u64::BITS - BITS);
            let is_new = !registers.contains(&register);
            registers.push(register);
            is_new
        });
        let [one, two, three] = core::array::from_fn(|_| values.next().unwrap());
        let at = Timestamp::from_secs;
        assert!(!distinct.add(b"a", &one, at(100)));
        assert!(distinct.add(b"b", &one, at(105)));
        assert_eq!(distinct.refused(), 1);
        let count = |distinct: &Distinct, seconds| distinct.all(at(seconds)).round();
        assert_eq!(count(&distinct, 112), 1.0, "value of the previous period");
        assert_eq!(count(&distinct, 120), 0.0);
        assert!(!distinct.add(b"a", &two, at(112)));
        assert_eq!(count(&distinct, 112), 2.0);
        assert!(!distinct.add(b"a", &three, at(125)));
        assert_eq!(count(&distinct, 125), 2.0);
        assert!(
            !distinct.add(b"b", &one, at(200)),
            "capacity is available again"
        );
        assert_eq!(count(&distinct, 200), 1.0);
    }
}
