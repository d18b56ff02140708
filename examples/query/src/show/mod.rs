//! Output as text columns or JSON lines.

mod agents;
mod answers;
mod catalogue;
mod columns;
mod entities;
mod flows;

use std::time::{Duration, SystemTime};

use serde::Serialize;
use sflow_metrics::{Registry, Timestamp, flow, query::Query};

use crate::telemetry::Shared;

pub(crate) use catalogue::catalogue;
pub(crate) use flows::keys;

/// The part of a registry that is printed.
#[derive(Debug)]
pub(crate) enum View {
    Answers(Query),
    /// The heaviest flows.
    Flows(flow::Definition),
    /// Hosts, containers, interfaces and others.
    Entities,
    /// Agents, with losses.
    Agents,
}

impl View {
    /// Makes the registry keep the data that the view needs.
    pub(crate) fn prepare(&self, registry: &mut Registry) -> anyhow::Result<()> {
        match self {
            Self::Answers(query) => registry.watch(query),
            Self::Flows(definition) => {
                registry.watch_flows(definition.clone())?;
            }
            Self::Entities | Self::Agents => {}
        }
        Ok(())
    }

    /// Appends the text or JSON of the view to `out`.
    pub(crate) fn write(
        &self,
        shared: &Shared,
        at: SystemTime,
        is_json: bool,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let now = Timestamp::from(at);
        let at = moment(at);
        match self {
            Self::Answers(query) => answers::write(shared, now, &at, query, is_json, out),
            Self::Flows(definition) => flows::write(shared, now, &at, definition, is_json, out),
            Self::Entities => entities::write(shared, now, &at, is_json, out),
            Self::Agents => agents::write(shared, now, &at, is_json, out),
        }
    }
}

/// `2016-09-24T01:00:17.000Z`, or a text for times that the format cannot represent.
fn moment(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => "invalid time".to_owned(),
    }
}

fn json(line: &impl Serialize, out: &mut Vec<u8>) -> anyhow::Result<()> {
    untrusted::json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

/// A number with about four significant digits.
fn number(value: f64) -> String {
    let digits: usize = match value.abs() {
        large if large >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        large if large >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

fn age(age: Duration) -> String {
    seconds(age.as_secs_f64())
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_significant_digits() {
        for (value, expected) in [
            (0.0, "0.000"),
            (0.1234, "0.123"),
            (12.345, "12.35"),
            (123.45, "123.5"),
            (1_234_567.8, "1234568"),
            (-12.345, "-12.35"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
