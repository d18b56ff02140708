//! The answer to a question at one time, in its unit and order.

use std::ops::Range;

use sflow_metrics::{Timestamp, flow};

use crate::question::Question;
use crate::timeline::{Point, STRIPES, Timeline};

/// The flows at one time.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The time.
    pub at: Timestamp,
    /// The last complete window; `None` if the value has no window.
    pub window: Option<Range<Timestamp>>,
    /// The question.
    pub question: Question,
    /// The unit of all amounts.
    pub unit: String,
    /// The listed flows in the requested order.
    pub rows: Vec<Row>,
    /// The largest of their values.
    pub largest: f64,
    /// The total minus the rows; `None` for counts of distinct values, which are not additive.
    pub other: Option<f64>,
    /// The sum over all flows.
    pub total: f64,
    /// Its error at 95 % confidence.
    pub total_error: f64,
    /// Number of samples since the question is measured.
    pub samples: u64,
    /// Number of flows with an entry of their own.
    pub tracked: usize,
    /// Number of evictions of a flow for another one.
    pub evicted: u64,
    /// Upper bound for the value of a flow without an entry.
    pub unseen: f64,
    /// Estimated number of dropped packets that were not reported.
    pub unreported: f64,
    /// The flows that the timeline distinguishes: the heaviest ones over all of it, each at the place
    /// that it keeps.
    pub stripes: Vec<Vec<flow::Value>>,
    /// The values of the last minutes.
    pub timeline: Vec<Point>,
    /// Number of datagrams that arrived too fast to be read.
    pub missed: u64,
}

/// One flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The values of the keys.
    pub keys: Vec<flow::Value>,
    /// The amount.
    pub value: f64,
    /// Its error: of the estimate from samples at 95 % confidence, plus what may belong to evicted
    /// flows.
    pub error: f64,
    /// Number of samples.
    pub samples: u64,
    /// The index of its stripe in the timeline.
    pub stripe: Option<usize>,
}

impl Picture {
    /// Creates the picture of an answer.
    pub fn new(
        question: &Question,
        answer: flow::Answer,
        timeline: &Timeline,
        missed: u64,
    ) -> Self {
        let factor = question.value.factor();
        let is_distinct = question.value.is_distinct();
        let is_heavy = |row: &flow::Row| row.value * factor >= question.least;
        let listed: Vec<flow::Row> = answer
            .rows
            .into_iter()
            .filter(is_heavy)
            .take(question.top)
            .collect();
        let is_all = listed.len() == answer.tracked;
        let mut stripes = timeline.stripes().to_vec();
        for row in &listed {
            // While the timeline is empty, the first listed flows.
            if stripes.len() < STRIPES && !stripes.contains(&row.keys) {
                stripes.push(row.keys.clone());
            }
        }
        let timeline = timeline.points(&stripes, factor);
        let in_rows: f64 = listed.iter().map(|row| row.value).sum();
        let other = match is_all {
            // Exactly 0 despite rounding.
            true => 0.0,
            false => (answer.total - in_rows).max(0.0) * factor,
        };
        let row = |row: flow::Row| Row {
            value: row.value * factor,
            error: (row.sampling_error + row.error) * factor,
            samples: row.samples,
            stripe: stripes.iter().position(|keys| *keys == row.keys),
            keys: row.keys,
        };
        let mut rows: Vec<Row> = listed.into_iter().map(row).collect();
        let largest = rows.first().map_or(0.0, |row| row.value);
        if let Some(column) = question.sort.column {
            rows.sort_by(|a, b| a.keys.get(column).cmp(&b.keys.get(column)));
        }
        if question.sort.is_reversed {
            rows.reverse();
        }
        Self {
            at: answer.at,
            window: answer.window,
            unit: question.unit(),
            question: question.clone(),
            rows,
            largest,
            other: Some(other).filter(|_| !is_distinct),
            total: answer.total * factor,
            total_error: answer.total_sampling_error * factor,
            samples: answer.samples,
            tracked: answer.tracked,
            evicted: answer.evicted,
            unseen: answer.unseen * factor,
            unreported: answer.unreported,
            stripes,
            timeline,
            missed,
        }
    }

    /// Whether every flow has a row.
    pub fn is_complete(&self) -> bool {
        self.evicted == 0 && self.rows.len() < self.question.top && self.question.least <= 0.0
    }

    /// The keys of the values of each row.
    pub fn keys(&self) -> &[flow::Key] {
        &self.question.keys
    }
}
