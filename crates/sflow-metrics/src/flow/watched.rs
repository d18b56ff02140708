//! A watched definition and its flows.

use crate::config::Config;
use crate::flow::answer::{Answer, Id, Row};
use crate::flow::decay::{Decay, Step};
use crate::flow::definition::{Definition, Measure};
use crate::flow::distinct::{Distinct, STANDARD_ERROR};
use crate::flow::heavy::{Entry, Heavy, Part};
use crate::flow::key::Key;
use crate::flow::length::Length;
use crate::flow::sample::Observation;
use crate::flow::value::{Raw, Value};
use crate::health::Health;
use crate::timestamp::Timestamp;

/// Standard deviations of a normal distribution that include 95 % of cases.
const NINETY_FIVE: f64 = 1.96;

/// Flows without samples for this many time constants are not listed: their value is below a
/// millionth of what it was.
const FADED: u32 = 16;

/// A sketch uses this many times the memory of a sum, so there are fewer of them.
const SKETCH: usize = 8;

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) id: Id,
    pub(super) definition: Definition,
    /// Maximum number of bytes of its flows.
    pub(super) bytes: usize,
    decay: Decay,
    flows: Entries,
    total: Sum,
    unreported: f64,
    samples: u64,
}

#[derive(Debug)]
enum Entries {
    Sums(Heavy),
    Counts(Distinct),
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    weight: f64,
    /// The weight by the stated sampling rates.
    stated: f64,
    variance: f64,
}

/// Buffers for the encoded keys of a packet.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Number of packets that a sample or a dropped packet notification represents.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketCount {
    pub(super) packets: f64,
    /// By the stated sampling rate.
    pub(super) stated: f64,
    /// Unreported drops since the previous notification.
    pub(super) unreported: f64,
}

/// The weight of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed {
    pub(super) count: PacketCount,
    pub(super) length: Option<Length>,
    pub(super) at: Timestamp,
}

impl Watched {
    /// Limits the number of flows to those that fit half of the available bytes.
    pub(super) fn new(id: Id, definition: Definition, config: &Config, available: usize) -> Self {
        let longest = |key: &Key| Raw::longest(key.kind(), config.max_name_bytes);
        // The key is stored in a table and in a list.
        let key = 2 * definition.keys.iter().map(longest).sum::<usize>();
        let (most, each) = match definition.value {
            Measure::Distinct(_) => (config.max_flow_keys / SKETCH, key + Distinct::ENTRY),
            _ => (config.max_flow_keys, key + Heavy::ENTRY),
        };
        let capacity = most.min(available / 2 / each);
        let flows = match definition.value {
            Measure::Distinct(_) => Entries::Counts(Distinct::new(capacity, definition.smoothing)),
            _ => Entries::Sums(Heavy::new(capacity)),
        };
        Self {
            id,
            bytes: capacity.max(1) * each,
            decay: Decay::new(definition.smoothing),
            definition,
            flows,
            total: Sum::default(),
            unreported: 0.0,
            samples: 0,
        }
    }

    /// Adds a packet if it passes the filters.
    pub(super) fn add(
        &mut self,
        observation: &Observation<'_, '_>,
        weighed: Weighed,
        scratch: &mut Scratch,
        longest: usize,
        health: &mut Health,
    ) {
        let definition = &self.definition;
        let mut filters = definition.filters.iter();
        if !filters.all(|filter| filter.admits(|key| observation.value(key))) {
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
        encode(observation, &definition.keys, &mut scratch.key, longest);
        if let Measure::Distinct(keys) = &definition.value {
            encode(observation, keys, &mut scratch.value, longest);
        }
        let weight = self.advance(weighed.at);
        self.unreported += weighed.count.unreported * weight;
        let heavy = match &mut self.flows {
            Entries::Counts(distinct) => {
                let is_refused = distinct.add(&scratch.key, &scratch.value, weighed.at);
                health.flow_keys_evicted += u64::from(is_refused);
                return;
            }
            Entries::Sums(heavy) => heavy,
        };
        let packets = weighed.count.packets.max(1.0);
        let part = Part {
            weight: size * packets * weight,
            stated: size * weighed.count.stated.max(1.0) * weight,
            variance: size * size * packets * (packets - 1.0) * weight * weight,
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
        match &self.flows {
            Entries::Sums(heavy) => self.answer_sums(heavy, now, &mut answer),
            Entries::Counts(distinct) => self.answer_counts(distinct, now, &mut answer),
        }
        answer
    }

    /// The weight of a part that is added now, relative to the stored sums.
    fn advance(&mut self, at: Timestamp) -> f64 {
        match self.decay.step(at) {
            Step::Weight(weight) => weight,
            Step::Rescale(weight, factor) => {
                if let Entries::Sums(heavy) = &mut self.flows {
                    heavy.rescale(factor);
                }
                self.total.weight *= factor;
                self.total.stated *= factor;
                self.total.variance *= factor * factor;
                self.unreported *= factor;
                weight
            }
        }
    }

    fn answer_sums(&self, heavy: &Heavy, now: Timestamp, answer: &mut Answer) {
        let factor = self.decay.factor(now);
        let fades_in = self
            .definition
            .smoothing
            .map(|constant| constant.saturating_mul(FADED));
        let is_listed =
            |entry: &&Entry| fades_in.is_none_or(|fades_in| now - entry.last_seen <= fades_in);
        let heaviest = heaviest(
            heavy.entries().iter().filter(is_listed).collect(),
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
        // Exactly 0 if all flows are listed, despite rounding.
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
            let raw = Raw::decode(&mut key).unwrap_or(Raw::Absent);
            raw.to_value(part.kind())
        };
        self.definition.keys.iter().map(value).collect()
    }
}

fn encode(observation: &Observation<'_, '_>, keys: &[Key], out: &mut Vec<u8>, longest: usize) {
    out.clear();
    for key in keys {
        observation.value(*key).encode(out, longest);
    }
    if out.is_empty() {
        // An empty key has a dangling pointer, which is slow to compare.
        Raw::Absent.encode(out, longest);
    }
}

/// The first `top` items in this order, without sorting the others.
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
