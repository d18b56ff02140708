//! The last minutes of a question: how much there was, and of whom.

use std::collections::VecDeque;

use sflow_metrics::{FlowRow, FlowValue, Timestamp};

/// Moments that are kept: three minutes at one a second.
pub const MOMENTS: usize = 180;

/// Flows that are kept of each moment.
const FLOWS: usize = 12;

/// One moment after the other.
#[derive(Clone, Debug, Default)]
pub struct History {
    moments: VecDeque<Moment>,
}

/// How much there was at a moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// Of all flows.
    pub total: f64,
    /// Of the heaviest ones.
    flows: Vec<(Vec<FlowValue>, f64)>,
}

/// How much there was of some flows, and of all others.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Of each, in the order in which they were asked for; as far as they were among the
    /// heaviest.
    pub parts: Vec<f64>,
    /// Of all.
    pub total: f64,
}

impl History {
    /// Keeps one more moment, and lets the oldest one go.
    pub fn push(&mut self, at: Timestamp, rows: &[FlowRow], total: f64) {
        if self.moments.len() >= MOMENTS {
            self.moments.pop_front();
        }
        let flows = rows.iter().take(FLOWS);
        self.moments.push_back(Moment {
            at,
            total,
            flows: flows.map(|row| (row.keys.clone(), row.value)).collect(),
        });
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.moments.clear();
    }

    /// The past of these flows, each number multiplied.
    pub fn points(&self, flows: &[&[FlowValue]], factor: f64) -> Vec<Point> {
        let point = |moment: &Moment| {
            let part = |flow: &&[FlowValue]| {
                let mut known = moment.flows.iter();
                let found = known.find(|(keys, _)| keys == flow);
                found.map_or(0.0, |(_, value)| value * factor)
            };
            Point {
                at: moment.at,
                parts: flows.iter().map(part).collect(),
                total: moment.total * factor,
            }
        };
        self.moments.iter().map(point).collect()
    }
}
