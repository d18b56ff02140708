//! Ranges and ticks at numbers that people count in.

use std::ops::Range;

use crate::words::{Scale, duration};

/// A range with its labelled places.
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Time, over at least a minute, with at most one tick per `spacing` pixels.
    pub(super) fn time(first: f64, last: f64, width: i32, spacing: i32) -> Self {
        const STEPS: [f64; 15] = [
            5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
            14_400.0, 43_200.0, 86_400.0,
        ];
        let range = first..last.max(first + 60.0);
        let span = range.end - range.start;
        let most = f64::from((width / spacing).max(2));
        let fits = |step: &&f64| span / **step <= most;
        let step = STEPS
            .iter()
            .find(fits)
            .copied()
            .unwrap_or_else(|| round_up(span / most));
        let ticks = multiples(step, &range)
            .map(|at| (at, duration(at)))
            .collect();
        Self { range, ticks }
    }

    /// A load from zero to at least `largest`.
    pub(super) fn load(largest: f64, scale: &Scale, height: i32) -> Self {
        let step = round_up(largest / f64::from((height / 34).clamp(2, 6)));
        let range = 0.0..step * (largest / step).ceil().max(1.0);
        let ticks = multiples(step, &range)
            .map(|value| (value, scale.number(value)))
            .collect();
        Self { range, ticks }
    }

    /// Replicas from zero to `largest`, with room above it for a label.
    pub(super) fn replicas(largest: u32, height: i32) -> Self {
        let largest = f64::from(largest.max(2));
        let step = round_up(largest / f64::from((height / 20).clamp(1, 6))).max(1.0);
        let range = 0.0..largest * 1.2;
        let ticks = multiples(step, &range)
            .map(|value| (value, format!("{value}")))
            .collect();
        Self { range, ticks }
    }
}

/// The next of 1, 2, 5, 10, 20, 50, … (and of 0.5, 0.2, …) that is not below `value`.
fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let decade = 10f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 5.0]
        .map(|digit| digit * decade)
        .into_iter()
        .find(|step| *step >= value);
    step.unwrap_or(10.0 * decade)
}

/// Every multiple of `step` in the range.
fn multiples(step: f64, range: &Range<f64>) -> impl Iterator<Item = f64> {
    let (first, last) = (
        (range.start / step).ceil(),
        (range.end / step * (1.0 + 1e-12)).floor(),
    );
    let count = (last - first).clamp(0.0, 100.0) as u32;
    (0..=count).map(move |index| (first + f64::from(index)) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn time_is_counted_in_minutes() {
        assert_eq!(
            labels(&Axis::time(0.0, 150.0, 600, 80)),
            ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"]
        );
        assert_eq!(
            labels(&Axis::time(47.0, 60.0, 400, 80)),
            ["1:00", "1:15", "1:30", "1:45"]
        );
    }

    #[test]
    fn load_ends_on_a_round_number_above_the_largest() {
        let axis = Axis::load(423_000.0, &Scale::fitting("B/s", 423_000.0), 200);
        assert_eq!(axis.range, 0.0..500_000.0);
        assert_eq!(labels(&axis), ["0", "100", "200", "300", "400", "500"]);
    }

    #[test]
    fn replicas_are_whole() {
        assert_eq!(
            labels(&Axis::replicas(10, 100)),
            ["0", "2", "4", "6", "8", "10", "12"]
        );
        assert_eq!(labels(&Axis::replicas(0, 100)), ["0", "1", "2"]);
        assert!(Axis::replicas(u32::MAX, 100).ticks.len() < 10);
    }

    #[test]
    fn absurd_loads_still_have_an_axis() {
        for largest in [0.0, 1e-300, 1e300, 0.01] {
            let axis = Axis::load(largest, &Scale::fitting("%", largest), 200);
            assert!(
                axis.range.end >= largest && axis.range.end.is_finite(),
                "{largest}"
            );
            assert!(
                (2..=8).contains(&axis.ticks.len()),
                "{largest}: {:?}",
                axis.ticks
            );
        }
    }
}
