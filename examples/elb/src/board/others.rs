//! What the further metrics of a service were over time; of the first, each point of its past
//! tells.

use std::collections::VecDeque;

use super::PAST;
use crate::policy::Signal;
use crate::view::Point;

/// One for each metric after the first, all as long as each other.
#[derive(Debug, Default)]
pub(super) struct Others(Vec<VecDeque<Reading>>);

/// A metric at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    load: Option<f32>,
    least: Option<f32>,
    most: Option<f32>,
}

impl Others {
    /// Takes down a moment: of each metric, the first included, what is known.
    pub(super) fn note(&mut self, metrics: usize, inputs: &[Signal]) {
        let others = metrics.saturating_sub(1);
        if self.0.len() != others {
            self.0 = vec![VecDeque::new(); others];
        }
        for (place, readings) in self.0.iter_mut().enumerate() {
            if readings.len() == PAST {
                readings.pop_front();
            }
            let input = inputs.get(place + 1);
            readings.push_back(input.map(Reading::of).unwrap_or_default());
        }
    }

    /// A past with the loads of another metric in place of those of the first.
    pub(super) fn in_place(&self, mut past: Vec<Point>, metric: usize) -> Vec<Point> {
        let Some(other) = metric.checked_sub(1) else {
            return past;
        };
        let none = VecDeque::new();
        let readings = self.0.get(other).unwrap_or(&none);
        // Of moments before the metric was one of its own, nothing is known.
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
    fn each_metric_has_its_own_past_and_what_is_not_known_is_none() {
        let mut others = Others::default();
        others.note(3, &inputs(&[1.0, 2.0, 3.0]));
        others.note(3, &[]);
        others.note(3, &inputs(&[4.0, 5.0, 6.0]));
        // A moment longer than what is known of them.
        let of = |metric| loads(&others.in_place(past(4), metric));
        assert_eq!(of(0), [Some(-1.0); 4]);
        assert_eq!(of(1), [None, Some(2.0), None, Some(5.0)]);
        assert_eq!(of(2), [None, Some(3.0), None, Some(6.0)]);
        assert_eq!(of(3), [None; 4]);
    }

    #[test]
    fn another_rule_begins_anew_and_no_past_is_too_long() {
        let mut others = Others::default();
        for _ in 0..PAST + 10 {
            others.note(2, &inputs(&[1.0, 2.0]));
        }
        assert_eq!(others.0[0].len(), PAST);
        others.note(3, &inputs(&[1.0, 2.0, 3.0]));
        let of_second = loads(&others.in_place(past(2), 1));
        assert_eq!(of_second, [None, Some(2.0)]);
    }
}
