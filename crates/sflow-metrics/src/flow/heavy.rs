//! The heaviest of very many keys, in bounded memory.
//!
//! Space-Saving (Metwally and others, 2005): when there is no room for a new key, it takes the
//! place of the lightest one and its weight. So no key is lighter than it seems by anything, or
//! heavier than it is by more than the weight that it took over, which is kept with it; a key
//! that is not here is not heavier than the lightest one that is; and the sum over all places is
//! the sum of all that was added, always.

use core::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap};

use crate::timestamp::Timestamp;

/// Weights of keys.
#[derive(Debug)]
pub(super) struct Heavy {
    room: usize,
    /// Randomly keyed: what is in the keys comes from strangers.
    places: HashMap<Box<[u8]>, u32>,
    entries: Vec<Entry>,
    /// Each place once, as light as it was when last looked at; only when all are taken.
    lightest: BinaryHeap<Reverse<(Weight, u32)>>,
    evicted: u64,
}

/// One key and its weight.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Box<[u8]>,
    /// At most: it may be too high by `error`.
    pub(super) weight: f64,
    pub(super) error: f64,
    /// The weight by the stated sampling rates, of what was added since it is here.
    pub(super) stated: f64,
    /// The variance of `weight` that comes from taking samples.
    pub(super) variance: f64,
    /// Samples since it is here.
    pub(super) samples: u64,
    pub(super) last_seen: Timestamp,
}

/// What a sample adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) weight: f64,
    /// The weight by the stated sampling rate.
    pub(super) stated: f64,
    pub(super) variance: f64,
    pub(super) at: Timestamp,
}

impl Heavy {
    /// Bytes of a flow without its key: in the list, the table and the heap, as these grow.
    pub(super) const ENTRY: usize = 2 * size_of::<Entry>() + 128;

    /// Room for so many keys, of which at least one.
    pub(super) fn new(room: usize) -> Self {
        Self {
            room: room.max(1),
            places: HashMap::new(),
            entries: Vec::new(),
            lightest: BinaryHeap::new(),
            evicted: 0,
        }
    }

    /// Adds to a key; tells whether another one had to go for it.
    pub(super) fn add(&mut self, key: &[u8], part: Part) -> bool {
        if let Some(place) = self.places.get(key) {
            if let Some(entry) = self.entries.get_mut(*place as usize) {
                entry.add(part);
            }
            return false;
        }
        if self.entries.len() < self.room
            && let Ok(place) = u32::try_from(self.entries.len())
        {
            self.places.insert(key.into(), place);
            self.entries.push(Entry::starting_with(key, part));
            return false;
        }
        self.replace_lightest(key, part);
        true
    }

    /// All keys, in no order.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Times that a key had to go for another.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// What a key that is not here can weigh at most.
    pub(super) fn unseen(&self) -> f64 {
        if self.evicted == 0 {
            return 0.0;
        }
        let weights = self.entries.iter().map(|entry| entry.weight);
        weights.reduce(f64::min).unwrap_or(0.0)
    }

    /// Multiplies all weights.
    pub(super) fn rescale(&mut self, factor: f64) {
        if factor == 0.0 {
            // Nothing is left of any of them.
            self.places.clear();
            self.entries.clear();
        }
        for entry in &mut self.entries {
            entry.weight *= factor;
            entry.error *= factor;
            entry.stated *= factor;
            entry.variance *= factor * factor;
        }
        self.lightest.clear();
    }

    fn replace_lightest(&mut self, key: &[u8], part: Part) {
        let Some(place) = self.take_lightest() else {
            return;
        };
        self.evicted += 1;
        let Some(entry) = self.entries.get_mut(place as usize) else {
            return;
        };
        self.places.remove(&entry.key);
        let inherited = entry.weight;
        *entry = Entry::starting_with(key, part);
        entry.weight += inherited;
        entry.error = inherited;
        let weight = Weight(entry.weight);
        self.lightest.push(Reverse((weight, place)));
        self.places.insert(key.into(), place);
    }

    /// Weights only grow, so the place that is lightest as it is now is lighter than all others,
    /// which are at least what they were.
    fn take_lightest(&mut self) -> Option<u32> {
        if self.lightest.is_empty() {
            let places = (0..).zip(&self.entries);
            let places = places.map(|(place, entry)| Reverse((Weight(entry.weight), place)));
            self.lightest = places.collect();
        }
        loop {
            let mut top = self.lightest.peek_mut()?;
            let Reverse((weight, place)) = *top;
            let now = self.entries.get(place as usize)?.weight;
            if now > weight.0 {
                *top = Reverse((Weight(now), place));
                continue;
            }
            PeekMut::pop(top);
            return Some(place);
        }
    }
}

impl Entry {
    fn starting_with(key: &[u8], part: Part) -> Self {
        Self {
            key: key.into(),
            weight: part.weight,
            error: 0.0,
            stated: part.stated,
            variance: part.variance,
            samples: 1,
            last_seen: part.at,
        }
    }

    /// By how much the weight differs from that by the stated sampling rates.
    pub(super) fn rate_error(&self) -> f64 {
        (self.weight - self.error - self.stated).abs()
    }

    fn add(&mut self, part: Part) {
        self.weight += part.weight;
        self.stated += part.stated;
        self.variance += part.variance;
        self.samples += 1;
        self.last_seen = self.last_seen.max(part.at);
    }
}

/// A weight that can be ordered.
#[derive(Clone, Copy, Debug)]
struct Weight(f64);

impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Weight {}

impl PartialOrd for Weight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Weight {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(weight: f64) -> Part {
        Part {
            weight,
            stated: weight,
            variance: 0.0,
            at: Timestamp::ZERO,
        }
    }

    fn sum(heavy: &Heavy) -> f64 {
        heavy.entries().iter().map(|entry| entry.weight).sum()
    }

    #[test]
    fn the_lightest_has_to_go() {
        let mut heavy = Heavy::new(2);
        assert!(!heavy.add(b"a", part(5.0)));
        assert!(!heavy.add(b"b", part(1.0)));
        assert!(heavy.add(b"c", part(2.0)));
        assert!(!heavy.add(b"a", part(1.0)));
        let mut entries: Vec<_> = heavy
            .entries()
            .iter()
            .map(|entry| (&*entry.key, entry.weight, entry.error))
            .collect();
        entries.sort_by(|a, b| a.0.cmp(b.0));
        assert_eq!(entries, [(&b"a"[..], 6.0, 0.0), (b"c", 3.0, 1.0)]);
        assert_eq!((heavy.evicted(), heavy.unseen()), (1, 3.0));
    }

    proptest! {
        #[test]
        fn no_key_is_lighter_or_much_heavier(
            room in 1_usize..12,
            parts in prop::collection::vec((0_u8..30, 1_u32..100, 0_u8..50), 0..400),
        ) {
            let mut heavy = Heavy::new(room);
            let mut truth: HashMap<u8, f64> = HashMap::new();
            let mut total = 0.0;
            for (key, weight, chance) in parts {
                if chance == 0 {
                    heavy.rescale(0.5);
                    truth.values_mut().for_each(|weight| *weight *= 0.5);
                    total *= 0.5;
                }
                let weight = f64::from(weight);
                heavy.add(&[key], part(weight));
                *truth.entry(key).or_default() += weight;
                total += weight;
            }
            prop_assert_eq!(sum(&heavy), total);
            let unseen = heavy.unseen();
            prop_assert!(unseen <= total / room as f64 + 1e-9);
            for (key, weight) in truth {
                match heavy.entries().iter().find(|entry| *entry.key == [key]) {
                    Some(entry) => {
                        prop_assert!(entry.weight >= weight);
                        prop_assert!(entry.weight - entry.error <= weight);
                    }
                    None => prop_assert!(weight <= unseen),
                }
            }
        }
    }
}
