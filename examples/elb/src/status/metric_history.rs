//! History of a service's further metrics. The history of the first metric is part of the points of
//! the service.

use std::collections::VecDeque;

use super::POINTS;
use crate::policy::Signal;
use crate::view::Point;

/// One history for each metric after the first, all of the same length.
#[derive(Debug, Default)]
pub(super) struct MetricHistory(Vec<VecDeque<Reading>>);

/// Values of a metric at one time.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    load: Option<f32>,
    least: Option<f32>,
    most: Option<f32>,
}

impl MetricHistory {
    /// Records the values of all metrics at one time. The first metric is included in `inputs`.
    pub(super) fn push(&mut self, metrics: usize, inputs: &[Signal]) {
        let further = metrics.saturating_sub(1);
        if self.0.len() != further {
            self.0 = vec![VecDeque::new(); further];
        }
        for (place, readings) in self.0.iter_mut().enumerate() {
            if readings.len() == POINTS {
                readings.pop_front();
            }
            let input = inputs.get(place + 1);
            readings.push_back(input.map(Reading::of).unwrap_or_default());
        }
    }

    /// A history with the loads of another metric in place of those of the first.
    pub(super) fn in_place(&self, mut past: Vec<Point>, metric: usize) -> Vec<Point> {
        let Some(other) = metric.checked_sub(1) else {
            return past;
        };
        let none = VecDeque::new();
        let readings = self.0.get(other).unwrap_or(&none);
        // Times before the metric was added have no value.
        let mut newest = readings.iter().rev();
        for point in past.iter_mut().rev() {
            let reading = newest.next().copied().unwrap_or_default();
            point.load = reading.load.map(f64::from);
            (point.least, point.most) = (reading.least, reading.most);
        }
        past
    }
}

impl Reading {
    fn of(input: &Signal) -> Self {
        let short = |value: Option<f64>| value.map(|value| value as f32);
        Self {
            load: short(input.value),
            least: short(input.least),
            most: short(input.most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(values: &[f64]) -> Vec<Signal> {
        let signal = |value: &f64| Signal {
            value: Some(*value),
            ..Signal::default()
        };
        values.iter().map(signal).collect()
    }

    fn past(length: usize) -> Vec<Point> {
        let point = |at: usize| Point {
            at: at as f64,
            load: Some(-1.0),
            ..Point::default()
        };
        (0..length).map(point).collect()
    }

    fn loads(past: &[Point]) -> Vec<Option<f64>> {
        past.iter().map(|point| point.load).collect()
    }

    #[test]
    fn each_metric_has_its_own_history() {
        let mut history = MetricHistory::default();
        history.push(3, &inputs(&[1.0, 2.0, 3.0]));
        history.push(3, &[]);
        history.push(3, &inputs(&[4.0, 5.0, 6.0]));
        // The history of the service is longer than that of the metric.
        let of = |metric| loads(&history.in_place(past(4), metric));
        assert_eq!(of(0), [Some(-1.0); 4]);
        assert_eq!(of(1), [None, Some(2.0), None, Some(5.0)]);
        assert_eq!(of(2), [None, Some(3.0), None, Some(6.0)]);
        assert_eq!(of(3), [None; 4]);
    }

    #[test]
    fn changed_rule_clears_the_history() {
        let mut history = MetricHistory::default();
        for _ in 0..POINTS + 10 {
            history.push(2, &inputs(&[1.0, 2.0]));
        }
        assert_eq!(history.0[0].len(), POINTS);
        history.push(3, &inputs(&[1.0, 2.0, 3.0]));
        let of_second = loads(&history.in_place(past(2), 1));
        assert_eq!(of_second, [None, Some(2.0)]);
    }
}
