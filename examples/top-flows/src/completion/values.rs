//! The values of keys that occur in the stream.

use std::time::Duration;

use sflow_metrics::{Registry, Timestamp, flow};
use sflow_v5::Datagram;

use crate::history::History;
use crate::window::bounds;

/// Maximum number of values per key.
const VALUES: usize = 128;

/// Maximum number of datagrams per update; older ones are skipped.
const AT_ONCE: u64 = 4_000;

/// Time constant of the shares.
const MEMORY: Duration = Duration::from_secs(60);

/// The values of all keys by number of packets.
#[derive(Debug)]
pub struct KeyValues {
    registry: Registry,
    ids: Vec<(flow::Key, flow::Id)>,
    next: u64,
}

/// A value and its share of the packets that have the key.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueShare {
    /// The value.
    pub value: flow::Value,
    /// From 0 to 1.
    pub share: f64,
}

impl Default for KeyValues {
    fn default() -> Self {
        let keys = flow::Key::all();
        let mut registry = Registry::new(bounds().with(|config| {
            config.max_flow_definitions = keys.len();
            config.max_flow_keys = VALUES;
        }));
        registry.group_containers_by(swarm::service_of);
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

impl KeyValues {
    /// Reads datagrams before this number, up to this time.
    pub fn advance(&mut self, history: &History, horizon: u64, now: Timestamp) {
        self.next = self.next.max(history.end().saturating_sub(AT_ONCE));
        for (number, stored) in history.since(self.next) {
            if number >= horizon {
                break;
            }
            self.next = number + 1;
            if let Ok(datagram) = Datagram::parse(&stored.bytes) {
                self.registry.ingest(stored.at, stored.sender, &datagram);
            }
        }
        self.registry.expire(now);
    }

    /// The values of a key, the most frequent one first.
    pub fn values(&self, key: flow::Key, now: Timestamp) -> Vec<ValueShare> {
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
        let share_of = |row: flow::Row| {
            let value = row.keys.into_iter().next()?;
            Some(ValueShare {
                value,
                share: row.value / whole,
            })
        };
        present.into_iter().filter_map(share_of).collect()
    }
}
