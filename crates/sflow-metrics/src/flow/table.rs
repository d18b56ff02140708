//! A definition that is watched, and what was seen of it.

use crate::config::Config;
use crate::flow::answer::{Answer, Id, Row};
use crate::flow::decay::{Decay, Step};
use crate::flow::definition::{Definition, Measure};
use crate::flow::distinct::{Distinct, STANDARD_ERROR};
use crate::flow::heavy::{Entry, Heavy, Part};
use crate::flow::key::Key;
use crate::flow::packet::Length;
use crate::flow::sample::Seen;
use crate::flow::value::{Raw, Value};
use crate::health::Health;
use crate::timestamp::Timestamp;

/// A normal distribution stays within so many standard deviations in 95 of 100 cases.
const NINETY_FIVE: f64 = 1.96;

/// A flow that was not seen for so many time constants is a ten millionth of what it was, and
/// not listed any more.
const FADED: u32 = 16;

/// Of sketches there are fewer: they take so many times the memory.
const SKETCH: usize = 8;

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) id: Id,
    pub(super) definition: Definition,
    /// Bytes that its flows may come to take up.
    pub(super) bytes: usize,
    decay: Decay,
    kept: Kept,
    total: Sum,
    unreported: f64,
    samples: u64,
}

#[derive(Debug)]
enum Kept {
    Weights(Heavy),
    Counts(Distinct),
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    weight: f64,
    /// The weight by the stated sampling rates.
    stated: f64,
    variance: f64,
}

/// Room for the key at hand, and for the values that are counted.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    key: Vec<u8>,
    value: Vec<u8>,
}

/// How many packets a sample, or the notification of a dropped one, stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandsFor {
    pub(super) packets: f64,
    /// By the stated rate.
    pub(super) stated: f64,
    /// Drops since the last notification that were not reported.
    pub(super) unreported: f64,
}

/// What a sample is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed {
    pub(super) stands_for: StandsFor,
    pub(super) length: Option<Length>,
    pub(super) at: Timestamp,
}

impl Watched {
    /// Its capacity is the number of flows that half of the remaining bytes can hold.
    pub(super) fn new(id: Id, definition: Definition, config: &Config, left: usize) -> Self {
        let longest = |key: &Key| Raw::longest(key.kind(), config.max_name_bytes);
        // It is kept in a table and in a list.
        let key = 2 * definition.keys.iter().map(longest).sum::<usize>();
        let (most, each) = match definition.value {
            Measure::Distinct(_) => (config.max_flow_keys / SKETCH, key + Distinct::ENTRY),
            _ => (config.max_flow_keys, key + Heavy::ENTRY),
        };
        let room = most.min(left / 2 / each);
        let kept = match definition.value {
            Measure::Distinct(_) => Kept::Counts(Distinct::new(room, definition.smoothing)),
            _ => Kept::Weights(Heavy::new(room)),
        };
        Self {
            id,
            bytes: room.max(1) * each,
            decay: Decay::new(definition.smoothing),
            definition,
            kept,
            total: Sum::default(),
            unreported: 0.0,
            samples: 0,
        }
    }

    /// Takes a packet over, if it passes the filters.
    pub(super) fn add(
        &mut self,
        seen: &Seen<'_, '_>,
        weighed: Weighed,
        scratch: &mut Scratch,
        longest: usize,
        health: &mut Health,
    ) {
        let definition = &self.definition;
        let mut filters = definition.filters.iter();
        if !filters.all(|filter| filter.admits(|key| seen.value(key))) {
            return;
        }
        let size = match (&definition.value, weighed.length) {
            (Measure::Bytes | Measure::DropBytes, Some(length)) => length.frame.into(),
            (Measure::NetBytes, Some(length)) => length.net.into(),
            (Measure::Bytes | Measure::DropBytes | Measure::NetBytes, None) => {
                health.flow_samples_unsized += 1;
                return;
            }
            _ => 1.0,
        };
        self.samples += 1;
        put(seen, &definition.keys, &mut scratch.key, longest);
        if let Measure::Distinct(keys) = &definition.value {
            put(seen, keys, &mut scratch.value, longest);
        }
        let worth = self.advance(weighed.at);
        self.unreported += weighed.stands_for.unreported * worth;
        let heavy = match &mut self.kept {
            Kept::Counts(distinct) => {
                let is_refused = distinct.add(&scratch.key, &scratch.value, weighed.at);
                health.flow_keys_evicted += u64::from(is_refused);
                return;
            }
            Kept::Weights(heavy) => heavy,
        };
        let packets = weighed.stands_for.packets.max(1.0);
        let part = Part {
            weight: size * packets * worth,
            stated: size * weighed.stands_for.stated.max(1.0) * worth,
            variance: size * size * packets * (packets - 1.0) * worth * worth,
            at: weighed.at,
        };
        self.total.weight += part.weight;
        self.total.stated += part.stated;
        self.total.variance += part.variance;
        health.flow_keys_evicted += u64::from(heavy.add(&scratch.key, part));
    }

    pub(super) fn answer(&self, now: Timestamp) -> Answer {
        let mut answer = Answer {
            at: now,
            keys: self.definition.keys.clone(),
            rows: Vec::new(),
            total: 0.0,
            total_sampling_error: 0.0,
            total_rate_error: 0.0,
            other: 0.0,
            samples: self.samples,
            tracked: 0,
            evicted: 0,
            unseen: 0.0,
            unreported: self.unreported * self.decay.factor(now),
        };
        match &self.kept {
            Kept::Weights(heavy) => self.answer_weights(heavy, now, &mut answer),
            Kept::Counts(distinct) => self.answer_counts(distinct, now, &mut answer),
        }
        answer
    }

    /// What a part that is added now is worth, next to what there is.
    fn advance(&mut self, at: Timestamp) -> f64 {
        match self.decay.step(at) {
            Step::Worth(worth) => worth,
            Step::Rescale(worth, factor) => {
                if let Kept::Weights(heavy) = &mut self.kept {
                    heavy.rescale(factor);
                }
                self.total.weight *= factor;
                self.total.stated *= factor;
                self.total.variance *= factor * factor;
                self.unreported *= factor;
                worth
            }
        }
    }

    fn answer_weights(&self, heavy: &Heavy, now: Timestamp, answer: &mut Answer) {
        let factor = self.decay.factor(now);
        let fades_in = self
            .definition
            .smoothing
            .map(|constant| constant.saturating_mul(FADED));
        let is_there =
            |entry: &&Entry| fades_in.is_none_or(|fades_in| now - entry.last_seen <= fades_in);
        let heaviest = heaviest(
            heavy.entries().iter().filter(is_there).collect(),
            self.definition.top,
            |a, b| {
                b.weight
                    .total_cmp(&a.weight)
                    .then_with(|| a.key.cmp(&b.key))
            },
        );
        answer.rows.extend(heaviest.into_iter().map(|entry| Row {
            keys: self.values(&entry.key),
            value: entry.weight * factor,
            error: entry.error * factor,
            sampling_error: (NINETY_FIVE * entry.variance.sqrt() + entry.rate_error()) * factor,
            rate_error: entry.rate_error() * factor,
            samples: entry.samples,
        }));
        answer.total = self.total.weight * factor;
        let rate_error = (self.total.weight - self.total.stated).abs();
        answer.total_rate_error = rate_error * factor;
        answer.total_sampling_error =
            (NINETY_FIVE * self.total.variance.sqrt() + rate_error) * factor;
        let listed: f64 = answer.rows.iter().map(|row| row.value).sum();
        // Of no flow at all when all are listed, whatever rounding leaves.
        if answer.rows.len() < heavy.entries().len() {
            answer.other = (answer.total - listed).max(0.0);
        }
        answer.tracked = heavy.entries().len();
        answer.evicted = heavy.evicted();
        answer.unseen = heavy.unseen() * factor;
    }

    fn answer_counts(&self, distinct: &Distinct, now: Timestamp, answer: &mut Answer) {
        let counts: Vec<_> = distinct
            .counts(now)
            .filter(|(_, count)| *count > 0.0)
            .collect();
        answer.tracked = counts.len();
        let heaviest = heaviest(counts, self.definition.top, |a, b| {
            b.1.total_cmp(&a.1).then_with(|| a.0.key.cmp(&b.0.key))
        });
        answer
            .rows
            .extend(heaviest.into_iter().map(|(entry, count)| Row {
                keys: self.values(&entry.key),
                value: count,
                error: 0.0,
                sampling_error: NINETY_FIVE * STANDARD_ERROR * count,
                rate_error: 0.0,
                samples: entry.samples,
            }));
        answer.total = distinct.all(now);
        answer.total_sampling_error = NINETY_FIVE * STANDARD_ERROR * answer.total;
        answer.evicted = distinct.refused();
    }

    fn values(&self, mut key: &[u8]) -> Vec<Value> {
        let value = |part: &Key| {
            let raw = Raw::take(&mut key).unwrap_or(Raw::Absent);
            raw.to_value(part.kind())
        };
        self.definition.keys.iter().map(value).collect()
    }
}

fn put(seen: &Seen<'_, '_>, keys: &[Key], out: &mut Vec<u8>, longest: usize) {
    out.clear();
    for key in keys {
        seen.value(*key).put(out, longest);
    }
    if out.is_empty() {
        // Nothing lies nowhere, and processors take their time to compare what lies there.
        Raw::Absent.put(out, longest);
    }
}

/// The first so many of a list in this order, without ordering the rest.
fn heaviest<T>(
    mut list: Vec<T>,
    top: usize,
    order: impl Fn(&T, &T) -> core::cmp::Ordering,
) -> Vec<T> {
    if top == 0 {
        return Vec::new();
    }
    if top < list.len() {
        list.select_nth_unstable_by(top - 1, &order);
        list.truncate(top);
    }
    list.sort_unstable_by(order);
    list
}
