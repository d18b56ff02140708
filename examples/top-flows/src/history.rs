//! The last minutes of a question: how much there was, and of whom.

use std::collections::{HashMap, VecDeque};

use sflow_metrics::{Timestamp, flow};

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
    flows: Vec<(Vec<flow::Value>, f64)>,
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
    pub fn push(&mut self, at: Timestamp, rows: &[flow::Row], total: f64) {
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

    /// So many flows of which there was most in all of it, heaviest first.
    pub fn heaviest(&self, count: usize) -> Vec<Vec<flow::Value>> {
        let mut sums: HashMap<&[flow::Value], f64> = HashMap::new();
        for (keys, value) in self.moments.iter().flat_map(|moment| &moment.flows) {
            *sums.entry(keys).or_default() += value;
        }
        let mut sums: Vec<_> = sums.into_iter().filter(|(_, sum)| *sum > 0.0).collect();
        sums.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        sums.truncate(count);
        sums.into_iter().map(|(keys, _)| keys.to_vec()).collect()
    }

    /// The past of these flows, each number multiplied.
    pub fn points(&self, flows: &[Vec<flow::Value>], factor: f64) -> Vec<Point> {
        let point = |moment: &Moment| {
            let part = |flow: &Vec<flow::Value>| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_are_of_those_who_had_most_in_all_of_it() {
        // Rows can only be had from a registry, so that the moments are made here.
        let flow = |number: u64| vec![flow::Value::Number(number)];
        let moment = |at: u64, flows: &[(u64, f64)]| Moment {
            at: Timestamp::from_secs(at),
            total: 100.0,
            flows: flows
                .iter()
                .map(|(number, value)| (flow(*number), *value))
                .collect(),
        };
        let history = History {
            moments: [
                moment(0, &[(1, 50.0), (2, 9.0)]),
                moment(1, &[(3, 20.0), (2, 19.0)]),
                moment(2, &[(2, 1.0), (4, 0.0)]),
            ]
            .into(),
        };
        assert_eq!(history.heaviest(2), [flow(1), flow(2)]);
        assert_eq!(history.heaviest(9), [flow(1), flow(2), flow(3)]);
        let points = history.points(&[flow(2), flow(7)], 8.0);
        let parts: Vec<_> = points.iter().map(|point| point.parts[0]).collect();
        assert_eq!(parts, [72.0, 152.0, 8.0]);
        assert!(
            points
                .iter()
                .all(|point| point.parts[1] == 0.0 && point.total == 800.0)
        );
    }
}
