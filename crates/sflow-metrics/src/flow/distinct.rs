//! How many different values there are, in bounded memory: one HyperLogLog sketch for each key
//! (Flajolet and others, 2007).
//!
//! What is forgotten is forgotten in whole periods: an answer covers the period that is under
//! way and the one before.

use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::HashMap;
use std::hash::RandomState;

use crate::timestamp::Timestamp;

/// Bits of a hash that choose a register.
const BITS: u32 = 10;
const REGISTERS: usize = 1 << BITS;

/// Looking through all keys more often would cost more than it tells.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

/// The standard error of a count, as a part of it.
pub(super) const STANDARD_ERROR: f64 = 1.04 / 32.0;

/// Counts of different values for each key.
#[derive(Debug)]
pub(super) struct Distinct {
    room: usize,
    period: Option<Duration>,
    began: Option<Timestamp>,
    /// Randomly keyed: what is counted comes from strangers.
    hasher: RandomState,
    places: HashMap<Box<[u8]>, u32>,
    entries: Vec<Count>,
    all: Sketches,
    refused: u64,
}

/// The values of one key.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) key: Box<[u8]>,
    pub(super) samples: u64,
    sketches: Sketches,
}

#[derive(Debug)]
struct Sketches {
    now: Box<[u8; REGISTERS]>,
    before: Box<[u8; REGISTERS]>,
}

impl Distinct {
    /// Bytes of a key's count without the key: in the list and the table, as these grow.
    pub(super) const ENTRY: usize = 2 * (REGISTERS + size_of::<Count>()) + 128;

    /// Room for so many keys; they are forgotten after a period, or two.
    pub(super) fn new(room: usize, period: Option<Duration>) -> Self {
        Self {
            room: room.max(1),
            period: period.map(|period| period.max(SHORTEST_PERIOD)),
            began: None,
            hasher: RandomState::new(),
            places: HashMap::new(),
            entries: Vec::new(),
            all: Sketches::new(),
            refused: 0,
        }
    }

    /// Counts a value of a key; tells whether there was no room for the key.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8], at: Timestamp) -> bool {
        self.turn(at);
        let hash = self.hasher.hash_one(value);
        self.all.add(hash);
        let place = self.places.get(key).copied();
        let place = match (place, u32::try_from(self.entries.len())) {
            (Some(place), _) => place,
            (None, Ok(place)) if self.entries.len() < self.room => {
                self.places.insert(key.into(), place);
                self.entries.push(Count {
                    key: key.into(),
                    samples: 0,
                    sketches: Sketches::new(),
                });
                place
            }
            _ => {
                self.refused += 1;
                return true;
            }
        };
        if let Some(count) = self.entries.get_mut(place as usize) {
            count.samples += 1;
            count.sketches.add(hash);
        }
        false
    }

    /// All keys with their counts, in no order.
    pub(super) fn counts(&self, now: Timestamp) -> impl Iterator<Item = (&Count, f64)> {
        let counts = self.entries.iter();
        counts.map(move |count| (count, count.sketches.estimate(self.turns(now))))
    }

    /// The count of different values of all keys together.
    pub(super) fn all(&self, now: Timestamp) -> f64 {
        self.all.estimate(self.turns(now))
    }

    /// Values of keys without room.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// How many periods have ended by now that nobody has closed.
    fn turns(&self, now: Timestamp) -> u8 {
        let (Some(period), Some(began)) = (self.period, self.began) else {
            return 0;
        };
        let elapsed = now - began;
        u8::from(elapsed >= period) + u8::from(elapsed >= period.saturating_mul(2))
    }

    fn turn(&mut self, at: Timestamp) {
        let began = *self.began.get_or_insert(at);
        let Some(period) = self.period else { return };
        let has_stepped_back = began - at > period.saturating_mul(16);
        let turns = if has_stepped_back { 2 } else { self.turns(at) };
        if turns == 0 {
            return;
        }
        self.began = Some(if turns == 1 { began + period } else { at });
        for _ in 0..turns {
            self.all.turn();
            self.entries
                .iter_mut()
                .for_each(|count| count.sketches.turn());
        }
        let places = &mut self.places;
        self.entries.retain(|count| {
            let stays = !count.sketches.is_empty();
            if !stays {
                places.remove(&count.key);
            }
            stays
        });
        for (place, count) in (0..).zip(&self.entries) {
            if let Some(known) = places.get_mut(&count.key) {
                *known = place;
            }
        }
    }
}

impl Sketches {
    fn new() -> Self {
        Self {
            now: Box::new([0; REGISTERS]),
            before: Box::new([0; REGISTERS]),
        }
    }

    /// The first bits choose a register, which keeps the longest run of zeros of the others.
    fn add(&mut self, hash: u64) {
        let register = (hash >> (u64::BITS - BITS)) as usize;
        let run = (hash << BITS | 1 << (BITS - 1)).leading_zeros() + 1;
        if let (Some(known), Ok(run)) = (self.now.get_mut(register), u8::try_from(run)) {
            *known = run.max(*known);
        }
    }

    fn turn(&mut self) {
        core::mem::swap(&mut self.now, &mut self.before);
        self.now.fill(0);
    }

    fn is_empty(&self) -> bool {
        self.now.iter().chain(&*self.before).all(|run| *run == 0)
    }

    /// The count as it is after so many turns.
    fn estimate(&self, turns: u8) -> f64 {
        if turns > 1 {
            return 0.0;
        }
        let registers = REGISTERS as f64;
        let (mut sum, mut zeros) = (0.0, 0_u32);
        for (now, before) in self.now.iter().zip(&*self.before) {
            let run = if turns == 0 { *now.max(before) } else { *now };
            sum += (-f64::from(run)).exp2();
            zeros += u32::from(run == 0);
        }
        let bias = 0.7213 / (1.0 + 1.079 / registers);
        let raw = bias * registers * registers / sum;
        if raw <= 2.5 * registers && zeros > 0 {
            // While registers are empty, their number tells more.
            return registers * (registers / f64::from(zeros)).ln();
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_near() {
        for truth in [0_u32, 1, 10, 100, 1_000, 10_000, 300_000] {
            let mut distinct = Distinct::new(4, None);
            for value in 0..truth {
                for _ in 0..2 {
                    distinct.add(b"key", &value.to_be_bytes(), Timestamp::ZERO);
                }
            }
            let found = distinct.all(Timestamp::from_secs(1_000_000));
            let error = (found - f64::from(truth)).abs();
            // Of a few values, too, some may share a register by chance.
            let most = 6.0 * STANDARD_ERROR * f64::from(truth) + 5.0;
            assert!(error < most, "{truth}: {found}");
        }
    }

    #[test]
    fn what_is_old_is_forgotten_and_makes_room() {
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
        assert_eq!(count(&distinct, 112), 1.0, "of the period before");
        assert_eq!(count(&distinct, 120), 0.0);
        assert!(!distinct.add(b"a", &two, at(112)));
        assert_eq!(count(&distinct, 112), 2.0);
        assert!(!distinct.add(b"a", &three, at(125)));
        assert_eq!(count(&distinct, 125), 2.0);
        assert!(!distinct.add(b"b", &one, at(200)), "there is room again");
        assert_eq!(count(&distinct, 200), 1.0);
    }
}
