//! Merging of sorted flows.

use crate::flow::distinct::Count;
use crate::flow::heavy::Weights;

use super::{Counts, Sorted};

impl Counts<Sorted<Count>> {
    pub(super) fn merge(&mut self, other: Self) {
        self.hash_key = self.hash_key.or(other.hash_key);
        self.all.merge(&other.all);
        let both = |ours: &mut Count, theirs: &Count| {
            ours.samples = ours.samples.saturating_add(theirs.samples);
            ours.values.merge(&theirs.values);
        };
        merge_sorted(&mut self.flows, other.flows, both, |_, _| {});
    }
}

/// Adds sums. Where a flow has no entry, it has at most the weight `unseen` (ours, theirs).
pub(super) fn merge_sums(ours: &mut Sorted<Weights>, theirs: Sorted<Weights>, unseen: (f64, f64)) {
    let one = |weights: &mut Weights, is_ours| {
        weights.add_unseen(if is_ours { unseen.1 } else { unseen.0 });
    };
    merge_sorted(ours, theirs, Weights::merge, one);
}

/// Merges flows: `both` adds theirs to ours, `one` is called for flows in one list, with whether it
/// is ours.
fn merge_sorted<V>(
    ours: &mut Sorted<V>,
    theirs: Sorted<V>,
    both: impl Fn(&mut V, &V),
    one: impl Fn(&mut V, bool),
) {
    let mut merged = Vec::with_capacity(ours.len().max(theirs.len()));
    let mut theirs = theirs.into_iter().peekable();
    for (key, mut value) in ours.drain(..) {
        while let Some((key, mut value)) = theirs.next_if(|(their_key, _)| *their_key < key) {
            one(&mut value, false);
            merged.push((key, value));
        }
        match theirs.next_if(|(their_key, _)| *their_key == key) {
            Some((_, their_value)) => both(&mut value, &their_value),
            None => one(&mut value, true),
        }
        merged.push((key, value));
    }
    merged.extend(theirs.map(|(key, mut value)| {
        one(&mut value, false);
        (key, value)
    }));
    *ours = merged;
}

/// Number of flows in both lists together.
pub(super) fn flows_together<V>(ours: &Sorted<V>, theirs: &Sorted<V>) -> usize {
    let mut their_keys = theirs.iter().map(|(key, _)| key).peekable();
    let is_common = |(key, _): &&(Box<[u8]>, V)| {
        while their_keys.next_if(|their_key| *their_key < key).is_some() {}
        their_keys.next_if_eq(&key).is_some()
    };
    ours.len() + theirs.len() - ours.iter().filter(is_common).count()
}
