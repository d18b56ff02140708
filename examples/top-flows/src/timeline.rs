//! The values of the last minutes of a question.

use std::collections::{HashMap, VecDeque};

use sflow_metrics::{Timestamp, flow};

/// Maximum number of moments: three minutes at one per second.
pub const MOMENTS: usize = 180;

/// Maximum number of flows per moment.
const FLOWS: usize = 12;

/// The moments in chronological order.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    moments: VecDeque<Moment>,
}

/// The values at one time.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time.
    pub at: Timestamp,
    /// The sum over all flows.
    pub total: f64,
    /// The heaviest flows.
    flows: Vec<(Vec<flow::Value>, f64)>,
}

/// The values of some flows, and of all flows together.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Point {
    /// The time.
    pub at: Timestamp,
    /// The value of each requested flow; 0 if it was not among the heaviest.
    pub parts: Vec<f64>,
    /// The sum over all flows.
    pub total: f64,
}

impl Timeline {
    /// Adds a moment and removes the oldest one at the limit.
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

    /// Removes all moments.
    pub fn clear(&mut self) {
        self.moments.clear();
    }

    /// The heaviest flows over the whole timeline, heaviest first.
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

    /// The values of these flows, multiplied by a factor.
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
    fn heaviest_flows_are_those_over_all_moments() {
        // Only a registry creates rows, so the moments are created directly.
        let flow = |number: u64| vec![flow::Value::Number(number)];
        let moment = |at: u64, flows: &[(u64, f64)]| Moment {
            at: Timestamp::from_secs(at),
            total: 100.0,
            flows: flows
                .iter()
                .map(|(number, value)| (flow(*number), *value))
                .collect(),
        };
        let history = Timeline {
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
