//! What is being seen: which keys have values, and which.

use std::time::Duration;

use sflow_metrics::{Registry, Timestamp, flow};
use sflow_v5::Datagram;

use crate::lens::bounds;
use crate::past::Past;

/// Values that are kept of each key, the most frequent ones.
const VALUES: usize = 128;

/// Datagrams that are looked at each time; of more, the newest.
const AT_ONCE: u64 = 4_000;

/// What was seen so long ago counts a third.
const MEMORY: Duration = Duration::from_secs(60);

/// The values of every key, by how many packets have them.
#[derive(Debug)]
pub struct Observed {
    registry: Registry,
    ids: Vec<(flow::Key, flow::Id)>,
    next: u64,
}

/// One value, and which share of the packets that have any has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The value.
    pub value: flow::Value,
    /// From 0 to 1.
    pub share: f64,
}

impl Default for Observed {
    fn default() -> Self {
        let keys = flow::Key::all();
        let mut registry = Registry::new(bounds().with(|config| {
            config.max_flow_definitions = keys.len();
            config.max_flow_keys = VALUES;
        }));
        let mut watch = |key: &flow::Key| {
            let is_of_drops = key.name().starts_with("drop.");
            let measure = match is_of_drops {
                true => flow::Measure::Drops,
                false => flow::Measure::Frames,
            };
            let definition = flow::Definition::new([*key])
                .measuring(measure)
                .smoothed_over(Some(MEMORY));
            Some((*key, registry.watch_flows(definition).ok()?))
        };
        Self {
            ids: keys.iter().filter_map(&mut watch).collect(),
            registry,
            next: 0,
        }
    }
}

impl Observed {
    /// Looks at what came before the datagram of this number, up to this moment.
    pub fn advance(&mut self, past: &Past, horizon: u64, now: Timestamp) {
        self.next = self.next.max(past.end().saturating_sub(AT_ONCE));
        for (number, came) in past.since(self.next) {
            if number >= horizon {
                break;
            }
            self.next = number + 1;
            if let Ok(datagram) = Datagram::parse(&came.bytes) {
                self.registry.ingest(came.at, came.sender, &datagram);
            }
        }
        self.registry.expire(now);
    }

    /// The values of a key, the most frequent one first.
    pub fn values(&self, key: flow::Key, now: Timestamp) -> Vec<Seen> {
        let id = self.ids.iter().find(|(known, _)| *known == key);
        let Some(answer) = id.and_then(|(_, id)| self.registry.flows(now, *id)) else {
            return Vec::new();
        };
        let rows = answer.rows.into_iter();
        let present: Vec<_> = rows
            .filter(|row| {
                row.value > 0.0 && row.keys.iter().all(|value| *value != flow::Value::Absent)
            })
            .collect();
        let whole: f64 = present.iter().map(|row| row.value).sum();
        let seen = |row: flow::Row| {
            let value = row.keys.into_iter().next()?;
            Some(Seen {
                value,
                share: row.value / whole,
            })
        };
        present.into_iter().filter_map(seen).collect()
    }
}
