//! Output as text columns or JSON lines.

mod agents;
mod answers;
mod catalogue;
mod columns;
mod csv;
mod entities;
mod flows;
pub(crate) mod summary;

use std::time::{Duration, SystemTime};

use serde::Serialize;
use sflow_metrics::{Registry, Timestamp, flow, query::Query};

use crate::quantity::as_bits;
use crate::series::{Name, Reading};
use crate::telemetry::Shared;

pub(crate) use catalogue::catalogue;
pub(crate) use flows::{definition, keys, unit};

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

/// How results are printed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    pub(crate) is_json: bool,
    pub(crate) is_csv: bool,
    /// Whether bytes are shown as bits.
    pub(crate) is_bits: bool,
    pub(crate) is_colored: bool,
}

impl Style {
    /// The factor and the shown unit of values in a unit.
    pub(crate) fn unit(self, unit: &str) -> (f64, String) {
        let bits = as_bits(unit).filter(|_| self.is_bits);
        let (factor, unit) = bits.unwrap_or((1.0, unit));
        (factor, unit.to_owned())
    }
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

    /// The titles of CSV, which precede the first results.
    pub(crate) fn csv_titles(&self, out: &mut Vec<u8>) {
        match self {
            Self::Answers(_) => answers::csv_titles(out),
            Self::Flows(definition) => flows::csv_titles(definition, out),
            Self::Entities | Self::Agents => {}
        }
    }

    /// The values of a query or of flows at a time.
    pub(crate) fn values(
        &self,
        shared: &Shared,
        at: SystemTime,
    ) -> anyhow::Result<Vec<(Name, Reading)>> {
        match self {
            Self::Answers(query) => answers::values(shared, at.into(), query),
            Self::Flows(definition) => flows::values(shared, at.into(), definition),
            Self::Entities | Self::Agents => Ok(Vec::new()),
        }
    }

    /// Appends the text, JSON or CSV of the view to `out`.
    pub(crate) fn write(
        &self,
        shared: &Shared,
        at: SystemTime,
        style: Style,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let now = Timestamp::from(at);
        let at = moment(at);
        match self {
            Self::Answers(query) => answers::write(shared, now, &at, query, style, out),
            Self::Flows(definition) => flows::write(shared, now, &at, definition, style, out),
            Self::Entities => entities::write(shared, now, &at, style, out),
            Self::Agents => agents::write(shared, now, &at, style, out),
        }
    }
}

/// `2016-09-24T01:00:17.000Z`, or a text for times that the format cannot represent.
pub(crate) fn moment(time: SystemTime) -> String {
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

fn age(age: Duration) -> String {
    seconds(age.as_secs_f64())
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}
