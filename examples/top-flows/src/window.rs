//! The measurement of a question over recent datagrams.

use std::time::{Duration, Instant};

use sflow_metrics::{Config, Registry, Timestamp, flow};
use sflow_v5::Datagram;

use crate::history::History;
use crate::question::{Aggregate, Measured};
use crate::timeline::{MOMENTS, Timeline};

/// The interval of a timeline.
const STEP: Duration = Duration::from_secs(1);

/// A registry that measures one question, and its position in the [`History`].
#[derive(Debug)]
pub struct Window {
    /// The measurement.
    pub measured: Measured,
    /// The time of the last request.
    pub asked_at: Instant,
    registry: Registry,
    id: Option<flow::Id>,
    /// Number of the next datagram.
    next: u64,
    /// The time of the next moment of the timeline.
    due: Option<Timestamp>,
    timeline: Timeline,
    /// Datagrams that were removed from the history before they were read.
    missed: u64,
}

impl Window {
    /// Starts at the oldest datagram of the history.
    pub fn new(measured: Measured, asked_at: Instant) -> Self {
        let mut registry = Registry::new(bounds());
        registry.group_containers_by(swarm::service_of);
        // One definition is always within the limit.
        let id = registry.watch_flows(measured.definition.clone()).ok();
        Self {
            measured,
            asked_at,
            registry,
            id,
            next: 0,
            due: None,
            timeline: Timeline::default(),
            missed: 0,
        }
    }

    /// Reads datagrams before this number, up to this time.
    pub fn advance(&mut self, history: &History, horizon: u64, now: Timestamp) {
        if self.next < history.first() {
            if self.next > 0 {
                self.missed += history.first() - self.next;
            }
            self.next = history.first();
        }
        for (number, stored) in history.since(self.next) {
            if number >= horizon {
                break;
            }
            self.next = number + 1;
            self.pass(stored.at);
            if let Ok(datagram) = Datagram::parse(&stored.bytes) {
                self.registry.ingest(stored.at, stored.sender, &datagram);
            }
        }
        self.pass(now);
    }

    /// The flows at this time by the keys of the question, heaviest first.
    pub fn answer(&self, now: Timestamp) -> Option<flow::Answer> {
        let mut answer = self.registry.flows(now, self.id?)?;
        if self.measured.aggregate == Aggregate::Max {
            fold(&mut answer, &self.measured);
        }
        Some(answer)
    }

    /// The values of the last minutes.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Number of datagrams that were not read.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Advances the time and records the moments of the timeline.
    fn pass(&mut self, now: Timestamp) {
        let due = *self.due.get_or_insert(now + STEP);
        let steps = (now - due).as_nanos() / STEP.as_nanos();
        let is_far = steps > MOMENTS as u128 || (due - now) > STEP * 2;
        if is_far {
            // After a step of the clock, or hours without datagrams, the timeline restarts.
            self.timeline.clear();
            self.due = Some(now + STEP);
            self.registry.expire(now);
            return;
        }
        let mut due = due;
        while due <= now {
            if let Some(answer) = self.answer(due) {
                self.timeline.push(due, &answer.rows, answer.total);
            }
            self.registry.expire(due);
            due = due + STEP;
        }
        self.due = Some(due);
    }
}

/// The limits of each registry. There are several, and only flows and the names of their ends are
/// read.
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

/// Replaces the flows of several data sources by the largest one of them.
fn fold(answer: &mut flow::Answer, measured: &Measured) {
    let keys = measured.keys;
    answer.keys.truncate(keys);
    for row in &mut answer.rows {
        row.keys.truncate(keys);
    }
    // The first one of equal keys is the heaviest and stays.
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
        // Counts of distinct values are not additive; the total remains valid.
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
