//! History of a service or pool: its size, and the values of its metrics.

use std::collections::VecDeque;

use super::view::Point;
use crate::policy::Signal;

/// Points of a history: one hour with one point every two seconds.
pub(crate) const POINTS: u32 = 1_800;

/// Points of a service or pool, oldest first.
#[derive(Debug, Default)]
pub(super) struct Points {
    /// The size, and the values of the first metric.
    points: VecDeque<Point>,
    /// The values of each further metric, all of the same length.
    further: Vec<VecDeque<Reading>>,
}

/// Values of a metric at one time.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    load: Option<f32>,
    least: Option<f32>,
    most: Option<f32>,
}

impl Points {
    /// Records a point without values if the last one is older than `gap` seconds.
    pub(super) fn push_gap(&mut self, at: f64, gap: f64) {
        let last = self.points.back().copied();
        if let Some(last) = last.filter(|last| at - last.at > gap) {
            let (load, least, most) = (None, None, None);
            let unknown = Point {
                load,
                least,
                most,
                ..last
            };
            self.push(Some(unknown), self.further.len() + 1, &[]);
        }
    }

    /// The newest point.
    pub(super) fn newest(&self) -> Option<&Point> {
        self.points.back()
    }

    /// Records a point. The first metric is part of `inputs`; an empty slice means that the values
    /// of all `metrics` are unknown.
    pub(super) fn push(&mut self, point: Option<Point>, metrics: usize, inputs: &[Signal]) {
        if let Some(point) = point {
            push(&mut self.points, point);
        }
        let further = metrics.saturating_sub(1);
        if self.further.len() != further {
            self.further = vec![VecDeque::new(); further];
        }
        for (place, readings) in self.further.iter_mut().enumerate() {
            let input = inputs.get(place + 1);
            push(readings, input.map(Reading::of).unwrap_or_default());
        }
    }

    /// At most `most` points, including the newest.
    pub(super) fn thinned(&self, most: usize) -> Vec<Point> {
        if most == 0 {
            return Vec::new();
        }
        let stride = self.points.len().div_ceil(most).max(1);
        let newest = self.points.iter().rev().step_by(stride);
        let mut thinned: Vec<Point> = newest.copied().collect();
        thinned.reverse();
        thinned
    }

    /// All points, with the values of metric number `metric`.
    pub(super) fn of_metric(&self, metric: usize) -> Vec<Point> {
        let mut points: Vec<Point> = self.points.iter().copied().collect();
        let Some(further) = metric.checked_sub(1) else {
            return points;
        };
        // Times before the metric was added have no value.
        let mut newest = self.further.get(further).into_iter().flatten().rev();
        for point in points.iter_mut().rev() {
            let reading = newest.next().copied().unwrap_or_default();
            point.load = reading.load.map(f64::from);
            (point.least, point.most) = (reading.least, reading.most);
        }
        points
    }
}

fn push<T>(history: &mut VecDeque<T>, newest: T) {
    if history.len() >= POINTS as usize {
        history.pop_front();
    }
    history.push_back(newest);
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

    fn point() -> Point {
        Point {
            load: Some(-1.0),
            ..Point::default()
        }
    }

    fn loads(points: &[Point]) -> Vec<Option<f64>> {
        points.iter().map(|point| point.load).collect()
    }

    #[test]
    fn each_metric_has_its_own_history() {
        let mut history = Points::default();
        history.push(Some(point()), 1, &inputs(&[1.0]));
        for values in [&[1.0, 2.0, 3.0][..], &[], &[4.0, 5.0, 6.0]] {
            history.push(Some(point()), 3, &inputs(values));
        }
        // The history of the service is longer than that of the metric.
        let of = |metric| loads(&history.of_metric(metric));
        assert_eq!(of(0), [Some(-1.0); 4]);
        assert_eq!(of(1), [None, Some(2.0), None, Some(5.0)]);
        assert_eq!(of(2), [None, Some(3.0), None, Some(6.0)]);
        assert_eq!(of(3), [None; 4]);
    }

    #[test]
    fn changed_rule_clears_the_history() {
        let mut history = Points::default();
        for _ in 0..POINTS + 10 {
            history.push(Some(point()), 2, &inputs(&[1.0, 2.0]));
        }
        assert_eq!(history.points.len(), POINTS as usize);
        assert_eq!(history.further[0].len(), POINTS as usize);
        history.push(Some(point()), 3, &inputs(&[1.0, 2.0, 3.0]));
        let of_second = loads(&history.of_metric(1));
        assert_eq!(of_second[POINTS as usize - 2..], [None, Some(2.0)]);
    }
}
