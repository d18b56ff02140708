//! What is shown: the answer to a question at a moment, in its unit and order.

use sflow_metrics::{Timestamp, flow};

use crate::history::{History, Point};
use crate::question::Question;

/// Flows that the history tells apart.
pub const STRIPES: usize = 5;

/// The flows at a moment.
#[derive(Clone, Debug)]
pub struct Picture {
    /// When.
    pub at: Timestamp,
    /// What was asked.
    pub question: Question,
    /// What amounts are told in.
    pub unit: String,
    /// The flows that are listed, in the order that was asked for.
    pub rows: Vec<Row>,
    /// The largest of their values.
    pub largest: f64,
    /// All that is not listed, so that the rows and this are the total; `None` of counts of
    /// distinct values, which do not add up.
    pub other: Option<f64>,
    /// All there is.
    pub total: f64,
    /// By how much that may be wrong, at 95 %.
    pub total_error: f64,
    /// Samples that it stands on, since they are counted.
    pub samples: u64,
    /// Flows that are told apart.
    pub tracked: usize,
    /// Times that a flow had to make room for another.
    pub evicted: u64,
    /// What is not told apart is not more than this, each.
    pub unseen: f64,
    /// Dropped packets that were not reported.
    pub unreported: f64,
    /// The flows that the history tells apart: those that had most in all of it.
    pub stripes: Vec<Vec<flow::Value>>,
    /// The last minutes.
    pub history: Vec<Point>,
    /// Datagrams that came too fast to be taken in.
    pub missed: u64,
}

/// One flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its values.
    pub keys: Vec<flow::Value>,
    /// How much.
    pub value: f64,
    /// By how much that may be wrong: for being estimated from samples, at 95 %, and for what
    /// it may have taken over of flows that had to make room.
    pub error: f64,
    /// Samples of it.
    pub samples: u64,
    /// Its place among the stripes of the history, if it has one.
    pub stripe: Option<usize>,
}

impl Picture {
    /// Of an answer.
    pub fn new(question: &Question, answer: flow::Answer, history: &History, missed: u64) -> Self {
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
        let mut stripes = history.heaviest(STRIPES);
        for row in &listed {
            // Before there is a history, in the order of what is listed.
            if stripes.len() < STRIPES && !stripes.contains(&row.keys) {
                stripes.push(row.keys.clone());
            }
        }
        let history = history.points(&stripes, factor);
        let in_rows: f64 = listed.iter().map(|row| row.value).sum();
        let other = match is_all {
            // Of no flow at all, whatever rounding leaves.
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
            history,
            missed,
        }
    }

    /// Whether each flow that there is has its row.
    pub fn is_complete(&self) -> bool {
        self.evicted == 0 && self.rows.len() < self.question.top && self.question.least <= 0.0
    }

    /// What the values of each row stand for.
    pub fn keys(&self) -> &[flow::Key] {
        &self.question.keys
    }
}
