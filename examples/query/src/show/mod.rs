//! What is shown: as columns for people, as JSON lines for programs.

mod agents;
mod answers;
mod catalogue;
mod columns;
mod entities;
mod flows;

use std::time::{Duration, SystemTime};

use serde::Serialize;
use sflow_metrics::{Registry, Timestamp, flow, query::Query};

pub(crate) use catalogue::catalogue;
pub(crate) use flows::keys;

/// One way of looking at a registry.
#[derive(Debug)]
pub(crate) enum View {
    /// The answer to a query.
    Answers(Query),
    /// The heaviest flows.
    Flows(flow::Definition),
    /// Everybody.
    Entities,
    /// Who reports them, and how well.
    Agents,
}

impl View {
    /// Tells the registry what has to be kept for it.
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

    /// What it shows at this moment.
    pub(crate) fn write(
        &self,
        registry: &Registry,
        now: Timestamp,
        at: SystemTime,
        is_json: bool,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let at = moment(at);
        match self {
            Self::Answers(query) => answers::write(registry, now, &at, query, is_json, out),
            Self::Flows(_) => flows::write(registry, now, &at, is_json, out),
            Self::Entities => entities::write(registry, now, &at, is_json, out),
            Self::Agents => agents::write(registry, now, &at, is_json, out),
        }
    }
}

/// `2016-09-24T01:00:17Z`; what no calendar has is told as such.
fn moment(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => "at no time".to_owned(),
    }
}

fn json(line: &impl Serialize, out: &mut Vec<u8>) -> anyhow::Result<()> {
    untrusted::json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

/// A number as people read it: four digits that matter.
fn number(value: f64) -> String {
    let digits: usize = match value.abs() {
        large if large >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        large if large >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// How long ago.
fn age(age: Duration) -> String {
    format!("{:.1} s", age.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
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
