//! A watched definition and its flows.

use core::ops::Range;
use core::time::Duration;

use crate::config::Config;
use crate::flow::answer::{Answer, Id, Overall};
use crate::flow::decay::{Decay, Step};
use crate::flow::definition::{Averaging, Definition, Measure};
use crate::flow::distinct::{Distinct, Period};
use crate::flow::heavy::{Heavy, Part};
use crate::flow::key::Key;
use crate::flow::length::Length;
use crate::flow::partial::Partial;
use crate::flow::sample::Observation;
use crate::flow::value::Raw;
use crate::hash_key::HashKey;
use crate::health::Health;
use crate::timestamp::Timestamp;
use crate::window::{slot_number, slots_in};

/// If the clock steps back by more windows, its earlier time was wrong.
const BACKSTEP: u64 = 16;

/// Samples that are older than this many windows or time constants are ignored.
const MAX_AGE: u32 = 15;

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) id: Id,
    pub(super) definition: Definition,
    /// Maximum number of bytes of its flows.
    pub(super) bytes: usize,
    capacity: usize,
    decay: Decay,
    window: Option<Window>,
    current: Tally,
}

/// The windows before the current one.
#[derive(Debug)]
struct Window {
    length: Duration,
    /// The number of the current window; `None` without samples.
    number: Option<u64>,
    /// The last complete window, and the one before it: the time of an answer can be before that of
    /// the newest sample.
    previous: [Tally; 2],
}

/// Sums or counts, relative to the landmark of the decay.
#[derive(Debug)]
struct Tally {
    flows: Entries,
    /// Without what is known from `flows`.
    overall: Overall,
}

#[derive(Debug)]
enum Entries {
    Sums(Heavy),
    Counts(Distinct),
}

/// What an answer is read from.
struct View<'w> {
    /// `None` for a window without samples.
    tally: Option<&'w Tally>,
    window: Option<Range<Timestamp>>,
    /// The factor from stored amounts to those of the answer.
    factor: f64,
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
    /// The time since the datagram was received; not 0 if it was kept until others confirmed it.
    pub(super) age: Duration,
}

impl Watched {
    /// Limits the number of flows to those that fit half of the available bytes.
    pub(super) fn new(id: Id, definition: Definition, config: &Config, available: usize) -> Self {
        let longest = |key: &Key| Raw::longest(key.kind(), config.max_name_bytes);
        // The key is stored in a table and in a list.
        let key = 2 * definition.keys.iter().map(longest).sum::<usize>();
        let (most, each) = match definition.value {
            Measure::Distinct(_) => (
                config.max_flow_keys / Distinct::FEWER_KEYS,
                key + Distinct::ENTRY,
            ),
            _ => (config.max_flow_keys, key + Heavy::ENTRY),
        };
        // The last two complete windows are kept together with the current one.
        let tallies = match definition.averaging {
            Averaging::Window(_) => 3,
            Averaging::Smoothing(_) | Averaging::Off => 1,
        };
        let capacity = most.min(available / 2 / (each * tallies));
        let tally = || Tally::new(&definition, capacity);
        let window = definition.window().map(|length| Window {
            length: whole_slots(length, config),
            number: None,
            previous: [tally(), tally()],
        });
        Self {
            id,
            bytes: capacity.max(1) * each * tallies,
            capacity,
            decay: Decay::new(definition.smoothing()),
            window,
            current: tally(),
            definition,
        }
    }

    /// Adds a packet if it passes the filters.
    pub(super) fn add(
        &mut self,
        observation: &Observation<'_, '_>,
        weighed: Weighed,
        scratch: &mut Scratch,
        hash_key: &HashKey,
        longest: usize,
        health: &mut Health,
    ) {
        let definition = &self.definition;
        let mut filters = definition.filters.iter();
        if !filters.all(|filter| filter.admits(|key| observation.value(key)))
            || self.is_over(weighed)
        {
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
        encode(observation, &definition.keys, &mut scratch.key, longest);
        if let Measure::Distinct(keys) = &definition.value {
            encode(observation, keys, &mut scratch.value, longest);
        }
        let weight = self.advance(weighed.at);
        let Some(tally) = self.tally_at(weighed.at) else {
            return;
        };
        tally.overall.samples += 1;
        tally.overall.unreported += weighed.count.unreported * weight;
        let heavy = match &mut tally.flows {
            Entries::Counts(distinct) => {
                let hash = hash_key.hash(&scratch.value);
                let is_refused = distinct.add(&scratch.key, hash, weighed.at);
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
        tally.overall.weight += part.weight;
        tally.overall.stated += part.stated;
        tally.overall.variance += part.variance;
        health.flow_keys_evicted += u64::from(heavy.add(&scratch.key, part));
    }

    pub(super) fn answer(&self, now: Timestamp) -> Answer {
        let View {
            tally,
            window,
            factor,
        } = self.view(now);
        let definition = &self.definition;
        let overall = tally.map(Tally::overall).unwrap_or_default();
        let answer = Answer::new(definition, now, window, &overall, factor);
        match tally.map(|tally| &tally.flows) {
            Some(Entries::Sums(heavy)) => {
                let flows = heavy.entries().iter();
                let flows = flows.map(|entry| (&*entry.key, &entry.weights));
                answer.with_sums(definition, flows, &overall, factor)
            }
            Some(Entries::Counts(distinct)) => {
                let ended = distinct.ended_periods(now);
                let flows = distinct.entries().iter();
                let flows =
                    flows.map(|(key, count)| (&**key, count.samples, count.values.estimate(ended)));
                answer.with_counts(definition, flows, distinct.all().estimate(ended))
            }
            None => answer,
        }
    }

    pub(super) fn partial(&self, now: Timestamp, hash_key: &HashKey) -> Partial {
        let View {
            tally,
            window,
            factor,
        } = self.view(now);
        let overall = tally.map(Tally::overall).unwrap_or_default();
        let partial = Partial::new(&self.definition, now, window, overall, factor);
        match tally.map(|tally| &tally.flows) {
            Some(Entries::Sums(heavy)) => partial.with_sums(heavy, factor),
            Some(Entries::Counts(distinct)) => {
                partial.with_counts(distinct, distinct.ended_periods(now), hash_key)
            }
            None => partial,
        }
    }

    fn view(&self, now: Timestamp) -> View<'_> {
        let Some(window) = &self.window else {
            return View {
                tally: Some(&self.current),
                window: None,
                factor: self.decay.factor(now),
            };
        };
        let wanted = slot_number(window.length, now).checked_sub(1);
        let age = window.number.zip(wanted);
        let age = age.and_then(|(number, wanted)| number.checked_sub(wanted));
        let tally = match age {
            Some(0) => Some(&self.current),
            Some(1) => Some(&window.previous[0]),
            Some(2) => Some(&window.previous[1]),
            _ => None,
        };
        View {
            tally,
            window: Some(window.bounds(wanted)),
            factor: window.length.as_secs_f64().recip(),
        }
    }

    /// The weight of a part that is added now, relative to the stored sums.
    fn advance(&mut self, at: Timestamp) -> f64 {
        match self.decay.step(at) {
            Step::Weight(weight) => weight,
            Step::Rescale(weight, factor) => {
                if let Entries::Sums(heavy) = &mut self.current.flows {
                    heavy.rescale(factor);
                }
                self.current.overall.rescale(factor);
                weight
            }
        }
    }

    /// Whether a sample is too old to change an answer. It must not be mistaken for a step back of
    /// the clock, which discards the other samples.
    fn is_over(&self, weighed: Weighed) -> bool {
        let window = self.window.as_ref().map(|window| window.length);
        let length = window.or(self.definition.smoothing());
        length.is_some_and(|length| weighed.age > length.saturating_mul(MAX_AGE))
    }

    /// The tally of the window that contains a time; `None` if it is older than those kept.
    fn tally_at(&mut self, at: Timestamp) -> Option<&mut Tally> {
        let Some(window) = &mut self.window else {
            return Some(&mut self.current);
        };
        let wanted = slot_number(window.length, at);
        let number = *window.number.get_or_insert(wanted);
        let [before, oldest] = &mut window.previous;
        match number.checked_sub(wanted) {
            Some(0) => return Some(&mut self.current),
            Some(1) => return Some(before),
            Some(2) => return Some(oldest),
            Some(3..=BACKSTEP) => return None,
            _ => window.number = Some(wanted),
        }
        let empty = || Tally::new(&self.definition, self.capacity);
        let last = core::mem::replace(&mut self.current, empty());
        (*before, *oldest) = match wanted.checked_sub(number) {
            Some(1) => (last, core::mem::replace(before, empty())),
            Some(2) => (empty(), last),
            _ => (empty(), empty()),
        };
        Some(&mut self.current)
    }
}

impl Window {
    /// The start and the end of the window with this number. Before the first one is complete, it
    /// is empty.
    fn bounds(&self, number: Option<u64>) -> Range<Timestamp> {
        let nanos = u64::try_from(self.length.as_nanos()).unwrap_or(u64::MAX);
        let start = |number: u64| Timestamp::from_nanos(number.saturating_mul(nanos));
        number.map_or(Timestamp::ZERO..Timestamp::ZERO, |number| {
            start(number)..start(number.saturating_add(1))
        })
    }
}

impl Tally {
    fn new(definition: &Definition, capacity: usize) -> Self {
        let flows = match definition.value {
            Measure::Distinct(_) => {
                let period = definition.smoothing().map(Period::new);
                Entries::Counts(Distinct::new(capacity, period))
            }
            _ => Entries::Sums(Heavy::new(capacity)),
        };
        Self {
            flows,
            overall: Overall::default(),
        }
    }

    fn overall(&self) -> Overall {
        let (evicted, unseen) = match &self.flows {
            Entries::Sums(heavy) => (heavy.evicted(), heavy.unseen()),
            Entries::Counts(distinct) => (distinct.refused(), 0.0),
        };
        Overall {
            evicted,
            unseen,
            ..self.overall
        }
    }
}

/// The length of a window in whole slots, as for queries.
fn whole_slots(length: Duration, config: &Config) -> Duration {
    let slots = slots_in(config.slot, length.min(config.max_window));
    let slots = u32::try_from(slots).unwrap_or(u32::MAX);
    config
        .slot
        .max(Duration::from_nanos(1))
        .saturating_mul(slots.max(1))
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
