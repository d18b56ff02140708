use std::ops::Range;

/// An axis: a range of values with labelled ticks at round numbers.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The values from one end of the axis to the other.
    pub range: Range<f64>,
    /// Value and label of each tick.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Time in seconds since the start, over at least a minute and `width` pixels, with at most one
    /// tick per `spacing` pixels.
    ///
    /// The labels are the time of day (UTC) if the start is known in Unix seconds, else the time
    /// since the start as [`duration`].
    pub fn time((first, last): (f64, f64), began: Option<i64>, width: i32, spacing: i32) -> Self {
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

    /// Values from zero to at least `largest`, on an axis of `height` pixels.
    pub fn values(largest: f64, height: i32, label: impl Fn(f64) -> String) -> Self {
        let step = round_up(largest / f64::from((height / 34).clamp(2, 6)));
        let range = 0.0..step * (largest / step).ceil().max(1.0);
        let ticks = multiples(step, &range)
            .map(|value| (value, label(value)))
            .collect();
        Self { range, ticks }
    }

    /// Whole numbers from zero to `largest`, on an axis of `height` pixels, with space above for a
    /// label.
    pub fn counts(largest: u32, height: i32) -> Self {
        let largest = f64::from(largest.max(2));
        let step = round_up(largest / f64::from((height / 20).clamp(1, 6))).max(1.0);
        let range = 0.0..largest * 1.2;
        let ticks = multiples(step, &range)
            .map(|value| (value, format!("{value}")))
            .collect();
        Self { range, ticks }
    }
}

/// A time in seconds as minutes or hours: `0:07`, `12:30`, `1:02:03`. Negative and unknown times
/// are zero.
///
/// ```
/// assert_eq!(plot::duration(3_723.9), "1:02:03");
/// ```
pub fn duration(seconds: f64) -> String {
    let whole = if seconds.is_finite() {
        seconds.max(0.0).floor() as u64
    } else {
        0
    };
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `23:25`, or with seconds where ticks are closer than minutes. `at` is in seconds since a
/// midnight.
fn time_of_day(at: f64, step: f64) -> String {
    let at = (at.round() as i64).rem_euclid(86_400);
    let (hours, minutes, seconds) = (at / 3600, at / 60 % 60, at % 60);
    match step >= 60.0 {
        true => format!("{hours:02}:{minutes:02}"),
        false => format!("{hours:02}:{minutes:02}:{seconds:02}"),
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
