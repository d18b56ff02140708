//! The heaviest of many keys in bounded memory.
//!
//! Space-Saving (Metwally et al., 2005): if the capacity is exhausted, a new key replaces the
//! lightest one and inherits its weight. So the stored weight of a key is at least its true weight,
//! and at most that plus the inherited weight, which is stored as its error. A key without entry
//! is at most as heavy as the lightest entry. The sum of all entries is the sum of all parts.

use core::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap};

use crate::timestamp::Timestamp;

/// Keys and their weights.
#[derive(Debug)]
pub(super) struct Heavy {
    capacity: usize,
    /// Randomly keyed, since foreign senders choose the keys.
    indices: HashMap<Box<[u8]>, u32>,
    entries: Vec<Entry>,
    /// The index of each entry with a lower bound of its weight; empty until an entry is replaced.
    lightest: BinaryHeap<Reverse<(Weight, u32)>>,
    evicted: u64,
}

/// One key and its weights.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Box<[u8]>,
    pub(super) weights: Weights,
}

/// The weight of a key, with bounds and sampling error.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Weights {
    /// Upper bound of the true weight; `weight - error` is the lower bound.
    pub(super) weight: f64,
    pub(super) error: f64,
    /// The weight by the stated sampling rates, of parts added since the key has an entry.
    pub(super) stated: f64,
    /// The variance of `weight` due to sampling.
    pub(super) variance: f64,
    /// Samples since the key has an entry.
    pub(super) samples: u64,
    pub(super) last_seen: Timestamp,
}

/// The contribution of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) weight: f64,
    /// The weight by the stated sampling rate.
    pub(super) stated: f64,
    pub(super) variance: f64,
    pub(super) at: Timestamp,
}

impl Heavy {
    /// Maximum number of bytes of an entry in all collections, without its key.
    pub(super) const ENTRY: usize = 2 * size_of::<Entry>() + 128;

    /// Stores at most `capacity` keys, but at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            indices: HashMap::new(),
            entries: Vec::new(),
            lightest: BinaryHeap::new(),
            evicted: 0,
        }
    }

    /// Adds a part to a key; returns whether another key was evicted.
    pub(super) fn add(&mut self, key: &[u8], part: Part) -> bool {
        if let Some(index) = self.indices.get(key) {
            if let Some(entry) = self.entries.get_mut(*index as usize) {
                entry.weights.add(part);
            }
            return false;
        }
        if self.entries.len() < self.capacity
            && let Ok(index) = u32::try_from(self.entries.len())
        {
            self.indices.insert(key.into(), index);
            self.entries.push(Entry::starting_with(key, part));
            return false;
        }
        self.replace_lightest(key, part);
        true
    }

    /// All entries, in no particular order.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Number of evictions.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Upper bound for the weight of a key without entry.
    pub(super) fn unseen(&self) -> f64 {
        // Evictions before a reset do not count.
        if self.evicted == 0 || self.entries.len() < self.capacity {
            return 0.0;
        }
        let weights = self.entries.iter().map(|entry| entry.weights.weight);
        weights.reduce(f64::min).unwrap_or(0.0)
    }

    /// Multiplies all weights.
    pub(super) fn rescale(&mut self, factor: f64) {
        if factor == 0.0 {
            self.indices.clear();
            self.entries.clear();
        }
        for entry in &mut self.entries {
            entry.weights.rescale(factor);
        }
        self.lightest.clear();
    }

    fn replace_lightest(&mut self, key: &[u8], part: Part) {
        let Some(index) = self.pop_lightest() else {
            return;
        };
        self.evicted += 1;
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return;
        };
        self.indices.remove(&entry.key);
        let inherited = entry.weights.weight;
        *entry = Entry::starting_with(key, part);
        entry.weights.add_unseen(inherited);
        let weight = Weight(entry.weights.weight);
        self.lightest.push(Reverse((weight, index)));
        self.indices.insert(key.into(), index);
    }

    /// The index of the lightest entry. Weights only grow, so an entry whose bound is its weight and
    /// the lowest of all bounds is the lightest.
    fn pop_lightest(&mut self) -> Option<u32> {
        if self.lightest.is_empty() {
            let indices = (0..).zip(&self.entries);
            let indices =
                indices.map(|(index, entry)| Reverse((Weight(entry.weights.weight), index)));
            self.lightest = indices.collect();
        }
        loop {
            let mut top = self.lightest.peek_mut()?;
            let Reverse((weight, index)) = *top;
            let now = self.entries.get(index as usize)?.weights.weight;
            if now > weight.0 {
                *top = Reverse((Weight(now), index));
                continue;
            }
            PeekMut::pop(top);
            return Some(index);
        }
    }
}

impl Entry {
    fn starting_with(key: &[u8], part: Part) -> Self {
        Self {
            key: key.into(),
            weights: Weights {
                weight: part.weight,
                error: 0.0,
                stated: part.stated,
                variance: part.variance,
                samples: 1,
                last_seen: part.at,
            },
        }
    }
}

impl Weights {
    /// Difference between the weight and the weight by the stated sampling rates.
    pub(super) fn rate_error(&self) -> f64 {
        (self.weight - self.error - self.stated).abs()
    }

    pub(super) fn rescale(&mut self, factor: f64) {
        self.weight *= factor;
        self.error *= factor;
        self.stated *= factor;
        self.variance *= factor * factor;
    }

    /// Adds the weights of the same key in another table.
    pub(super) fn merge(&mut self, other: &Self) {
        self.weight += other.weight;
        self.error += other.error;
        self.stated += other.stated;
        self.variance += other.variance;
        self.samples = self.samples.saturating_add(other.samples);
        self.last_seen = self.last_seen.max(other.last_seen);
    }

    /// Adds the upper bound of a key without entry in another table.
    pub(super) fn add_unseen(&mut self, unseen: f64) {
        self.weight += unseen;
        self.error += unseen;
    }

    fn add(&mut self, part: Part) {
        self.weight += part.weight;
        self.stated += part.stated;
        self.variance += part.variance;
        self.samples += 1;
        self.last_seen = self.last_seen.max(part.at);
    }
}

/// A weight with a total order.
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
        heavy
            .entries()
            .iter()
            .map(|entry| entry.weights.weight)
            .sum()
    }

    #[test]
    fn new_key_replaces_lightest() {
        let mut heavy = Heavy::new(2);
        assert!(!heavy.add(b"a", part(5.0)));
        assert!(!heavy.add(b"b", part(1.0)));
        assert!(heavy.add(b"c", part(2.0)));
        assert!(!heavy.add(b"a", part(1.0)));
        let mut entries: Vec<_> = heavy
            .entries()
            .iter()
            .map(|entry| (&*entry.key, entry.weights.weight, entry.weights.error))
            .collect();
        entries.sort_by(|a, b| a.0.cmp(b.0));
        assert_eq!(entries, [(&b"a"[..], 6.0, 0.0), (b"c", 3.0, 1.0)]);
        assert_eq!((heavy.evicted(), heavy.unseen()), (1, 3.0));
        heavy.rescale(0.0);
        heavy.add(b"d", part(7.0));
        assert_eq!((heavy.evicted(), heavy.unseen()), (1, 0.0));
    }

    proptest! {
        #[test]
        fn weights_are_within_bounds(
            capacity in 1_usize..12,
            parts in prop::collection::vec((0_u8..30, 1_u32..100, 0_u8..50), 0..400),
        ) {
            let mut heavy = Heavy::new(capacity);
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
            prop_assert!(unseen <= total / capacity as f64 + 1e-9);
            for (key, weight) in truth {
                match heavy.entries().iter().find(|entry| *entry.key == [key]) {
                    Some(entry) => {
                        prop_assert!(entry.weights.weight >= weight);
                        prop_assert!(entry.weights.weight - entry.weights.error <= weight);
                    }
                    None => prop_assert!(weight <= unseen),
                }
            }
        }
    }
}
