//! One measurement, on its way through the past.

use std::time::{Duration, Instant};

use sflow_metrics::{Config, Registry, Timestamp, flow};
use sflow_v5::Datagram;

use crate::history::{History, MOMENTS};
use crate::past::Past;
use crate::question::{Aggregate, Measured};

/// The time between two moments of a history.
const STEP: Duration = Duration::from_secs(1);

/// A registry that measures one thing, and how far it has come in the [`Past`].
#[derive(Debug)]
pub struct Lens {
    /// What it measures.
    pub measured: Measured,
    /// When somebody last wanted to know.
    pub asked_at: Instant,
    registry: Registry,
    id: Option<flow::Id>,
    /// Number of the next datagram.
    next: u64,
    /// When the next moment of the history is due.
    due: Option<Timestamp>,
    history: History,
    /// Datagrams that were forgotten before it came to them.
    missed: u64,
}

impl Lens {
    /// Begins at the beginning of the past.
    pub fn new(measured: Measured, asked_at: Instant) -> Self {
        let mut registry = Registry::new(bounds());
        // It is the only one: there is room for it.
        let id = registry.watch_flows(measured.definition.clone()).ok();
        Self {
            measured,
            asked_at,
            registry,
            id,
            next: 0,
            due: None,
            history: History::default(),
            missed: 0,
        }
    }

    /// Goes on with what came before the datagram of this number, up to this moment.
    pub fn advance(&mut self, past: &Past, horizon: u64, now: Timestamp) {
        if self.next < past.first() {
            if self.next > 0 {
                self.missed += past.first() - self.next;
            }
            self.next = past.first();
        }
        for (number, came) in past.since(self.next) {
            if number >= horizon {
                break;
            }
            self.next = number + 1;
            self.pass(came.at);
            if let Ok(datagram) = Datagram::parse(&came.bytes) {
                self.registry.ingest(came.at, came.sender, &datagram);
            }
        }
        self.pass(now);
    }

    /// What there is at this moment: by the keys of the question, heaviest first.
    pub fn answer(&self, now: Timestamp) -> Option<flow::Answer> {
        let mut answer = self.registry.flows(now, self.id?)?;
        if self.measured.aggregate == Aggregate::Max {
            fold(&mut answer, &self.measured);
        }
        Some(answer)
    }

    /// The last minutes.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Datagrams that it could not take in.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Lets time go on, and writes its moments down.
    fn pass(&mut self, now: Timestamp) {
        let due = *self.due.get_or_insert(now + STEP);
        let steps = (now - due).as_nanos() / STEP.as_nanos();
        let is_far = steps > MOMENTS as u128 || (due - now) > STEP * 2;
        if is_far {
            // A clock that was set, or hours without a word: nothing in between is known.
            self.history.clear();
            self.due = Some(now + STEP);
            self.registry.expire(now);
            return;
        }
        let mut due = due;
        while due <= now {
            if let Some(answer) = self.answer(due) {
                self.history.push(due, &answer.rows, answer.total);
            }
            self.registry.expire(due);
            due = due + STEP;
        }
        self.due = Some(due);
    }
}

/// What a registry of this program keeps: there are several, and it is only asked for flows and
/// for the names of who is at their ends.
pub fn bounds() -> Config {
    Config::default().with(|config| {
        config.max_agents = 5_000;
        config.max_sources = 25_000;
        config.max_sources_per_agent = 5_000;
        config.max_agents_per_sender = 2_500;
        config.max_sources_per_sender = 12_500;
        config.max_agents_per_network = 2_500;
        config.max_sources_per_network = 12_500;
        config.max_custom_metrics = 0;
        config.max_events = 1;
        config.max_flow_sources = 25_000;
        config.max_flow_addresses = 50_000;
    })
}

/// Of each flow the most that one data source saw, under the keys of the question.
fn fold(answer: &mut flow::Answer, measured: &Measured) {
    let keys = measured.keys;
    answer.keys.truncate(keys);
    for row in &mut answer.rows {
        row.keys.truncate(keys);
    }
    // Of equal keys the heaviest comes first, and stays.
    answer.rows.sort_by(|a, b| {
        a.keys
            .cmp(&b.keys)
            .then_with(|| b.value.total_cmp(&a.value))
    });
    answer
        .rows
        .dedup_by(|later, first| later.keys == first.keys);
    sort_by_value(&mut answer.rows);
    answer.tracked = answer.rows.len();
    if let flow::Measure::Distinct(_) = measured.definition.value() {
        // Counts of different values do not add up; what there is in all stays what it was.
        return;
    }
    answer.total = answer.rows.iter().map(|row| row.value).sum();
    let squares = answer.rows.iter().map(|row| row.sampling_error.powi(2));
    answer.total_sampling_error = squares.sum::<f64>().sqrt();
    answer.other = 0.0;
}

fn sort_by_value(rows: &mut [flow::Row]) {
    let by_keys = |a: &[flow::Value], b: &[flow::Value]| a.cmp(b);
    rows.sort_by(|a, b| {
        b.value
            .total_cmp(&a.value)
            .then_with(|| by_keys(&a.keys, &b.keys))
    });
}
