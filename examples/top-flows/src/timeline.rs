//! The values of the last minutes of a question.

use std::collections::{HashMap, VecDeque};

use sflow_metrics::{Timestamp, flow};

/// Maximum number of moments: three minutes at one per second.
pub const MOMENTS: usize = 180;

/// Number of flows with a colour of their own.
pub const STRIPES: usize = 5;

/// Maximum number of flows per moment.
const FLOWS: usize = 12;

/// The moments in chronological order.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    moments: VecDeque<Moment>,
    /// The flows with a colour of their own, in the order of the colours.
    stripes: Vec<Vec<flow::Value>>,
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
        self.assign_colours();
    }

    /// The flows with a colour of their own, heaviest over the whole timeline. A flow keeps its place
    /// while it is one of these.
    pub fn stripes(&self) -> &[Vec<flow::Value>] {
        &self.stripes
    }

    fn assign_colours(&mut self) {
        let heaviest = self.heaviest(STRIPES);
        let mut new = heaviest.iter().filter(|keys| !self.stripes.contains(keys));
        let mut stripes = self.stripes.clone();
        for place in &mut stripes {
            if !heaviest.contains(place)
                && let Some(keys) = new.next()
            {
                place.clone_from(keys);
            }
        }
        stripes.extend(new.take(STRIPES.saturating_sub(stripes.len())).cloned());
        self.stripes = stripes;
    }

    /// Removes all moments.
    pub fn clear(&mut self) {
        self.moments.clear();
        self.stripes.clear();
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
    fn colours_stay_with_their_flows() {
        let mut timeline = Timeline::default();
        let mut push = |flows: &[u64]| {
            let flows = flows.iter().zip([50.0, 40.0, 30.0, 20.0, 10.0, 5.0]);
            timeline.moments = [Moment {
                at: Timestamp::ZERO,
                total: 0.0,
                flows: flows
                    .map(|(flow, value)| (vec![flow::Value::Number(*flow)], value))
                    .collect(),
            }]
            .into();
            timeline.assign_colours();
            let number = |keys: &Vec<flow::Value>| match keys[..] {
                [flow::Value::Number(number)] => number,
                _ => 0,
            };
            timeline.stripes().iter().map(number).collect::<Vec<_>>()
        };
        assert_eq!(push(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(push(&[3, 1, 4, 2]), [1, 2, 3, 4]);
        assert_eq!(push(&[7, 6, 5, 4, 3, 2]), [7, 6, 3, 4, 5]);
        assert_eq!(push(&[3, 4, 5, 6, 7]), [7, 6, 3, 4, 5]);
    }

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
            stripes: Vec::new(),
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
