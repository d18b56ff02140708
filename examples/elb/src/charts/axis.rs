//! Axes with ticks at round numbers.

use std::ops::Range;

use crate::format::{Scale, clock, duration};

/// A range and its labelled ticks.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Time since the start, over at least a minute, with at most one tick per `spacing` pixels.
    /// Labelled with the time of day if the start time is known.
    pub(super) fn time(
        (first, last): (f64, f64),
        began: Option<i64>,
        width: i32,
        spacing: i32,
    ) -> Self {
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
        let ticks = match began {
            None => multiples(step, &range)
                .map(|at| (at, duration(at)))
                .collect(),
            Some(began) => {
                let midnight = began.rem_euclid(86_400) as f64;
                let of_day = range.start + midnight..range.end + midnight;
                multiples(step, &of_day)
                    .map(|at| (at - midnight, time_of_day(at, step)))
                    .collect()
            }
        };
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

    /// Replicas from zero to `largest`, with space above for a label.
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

/// `23:25`, or with seconds where ticks are closer than minutes.
fn time_of_day(at: f64, step: f64) -> String {
    let mut time = clock(at.round() as i64);
    if step >= 60.0 {
        time.truncate(5);
    }
    time
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
