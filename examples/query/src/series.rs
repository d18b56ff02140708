//! Values over time, in bounded memory.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// The maximum number of intervals of a series.
const MOST_INTERVALS: usize = 1024;

/// The maximum number of series.
const MOST_SERIES: usize = 1000;

/// Series of values at the same times, by name. If there are more times than intervals, pairs of
/// intervals are merged.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// The time between two values.
    step: Duration,
    start: Option<SystemTime>,
    /// The number of steps in an interval.
    steps: u128,
    series: BTreeMap<Name, Series>,
    left_out: usize,
}

/// The name of a series, in the order of output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// The position of the expression in the query.
    pub(crate) expression: usize,
    pub(crate) group: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    intervals: Vec<Interval>,
    last: Option<f64>,
    min: f64,
    max: f64,
    /// The smallest and the largest number of entities that contributed.
    pub(crate) contributing: Option<(usize, usize)>,
    /// The largest number of entities that the query selects.
    pub(crate) matched: usize,
}

/// A value at one time, and the numbers of entities that contributed to it and that the query selects.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) value: Option<f64>,
    pub(crate) contributing: usize,
    pub(crate) matched: usize,
}

/// The sum and number of values in an interval.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    sum: f64,
    count: u32,
}

/// Statistics over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Of the means of at most 1,024 intervals.
    pub(crate) p95: f64,
    /// `None` if it was unknown at the end.
    pub(crate) last: Option<f64>,
}

impl Recorder {
    pub(crate) fn new(step: Duration) -> Self {
        Self {
            step,
            start: None,
            steps: 1,
            series: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Adds the values at a time.
    pub(crate) fn record(
        &mut self,
        at: SystemTime,
        values: impl IntoIterator<Item = (Name, Reading)>,
    ) {
        let start = *self.start.get_or_insert(at);
        let passed = at.duration_since(start).unwrap_or_default();
        let step = passed.as_nanos() / self.step.as_nanos().max(1);
        while step / self.steps >= MOST_INTERVALS as u128 {
            self.steps *= 2;
            self.series.values_mut().for_each(Series::halve);
        }
        let index = usize::try_from(step / self.steps).unwrap_or(0);
        for series in self.series.values_mut() {
            series.last = None;
        }
        for (name, reading) in values {
            let is_full = self.series.len() >= MOST_SERIES;
            if is_full && !self.series.contains_key(&name) {
                self.left_out += 1;
                continue;
            }
            let series = self.series.entry(name).or_default();
            series.push(index, reading);
        }
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = (&Name, &Series)> {
        self.series.iter()
    }

    /// Whether there were too many series.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.left_out > 0
    }

    /// The time of the first value.
    pub(crate) fn start(&self) -> Option<SystemTime> {
        self.start
    }

    /// The length of an interval.
    pub(crate) fn interval(&self) -> Duration {
        let steps = u32::try_from(self.steps).unwrap_or(u32::MAX);
        self.step.saturating_mul(steps)
    }

    /// The number of intervals until the last value of any series.
    pub(crate) fn intervals(&self) -> usize {
        let lengths = self.series.values().map(|series| series.intervals.len());
        lengths.max().unwrap_or(0)
    }
}

impl Series {
    fn push(&mut self, index: usize, reading: Reading) {
        let count = reading.contributing;
        let (least, most) = self.contributing.unwrap_or((count, count));
        self.contributing = Some((least.min(count), most.max(count)));
        self.matched = self.matched.max(reading.matched);
        self.last = reading.value;
        let Some(value) = reading.value else { return };
        let is_first = self.intervals.is_empty();
        self.min = if is_first { value } else { self.min.min(value) };
        self.max = if is_first { value } else { self.max.max(value) };
        if self.intervals.len() <= index {
            self.intervals.resize(index + 1, Interval::default());
        }
        let interval = &mut self.intervals[index];
        interval.sum += value;
        interval.count += 1;
    }

    /// Merges pairs of intervals.
    fn halve(&mut self) {
        let merge = |pair: &[Interval]| Interval {
            sum: pair.iter().map(|interval| interval.sum).sum(),
            count: pair.iter().map(|interval| interval.count).sum(),
        };
        self.intervals = self.intervals.chunks(2).map(merge).collect();
    }

    /// The mean in each interval; `None` if it is unknown.
    pub(crate) fn means(&self) -> impl Iterator<Item = Option<f64>> {
        let mean = |interval: &Interval| {
            (interval.count > 0).then(|| interval.sum / f64::from(interval.count))
        };
        self.intervals.iter().map(mean)
    }

    pub(crate) fn statistics(&self) -> Option<Statistics> {
        let mut means: Vec<f64> = self.means().flatten().collect();
        means.sort_by(f64::total_cmp);
        // The nearest rank.
        let rank = (0.95 * means.len() as f64).ceil() as usize;
        let p95 = *means.get(rank.checked_sub(1)?)?;
        let sum: f64 = self.intervals.iter().map(|interval| interval.sum).sum();
        let count: f64 = self.intervals.iter().map(|it| f64::from(it.count)).sum();
        Some(Statistics {
            mean: sum / count,
            min: self.min,
            max: self.max,
            p95,
            last: self.last,
        })
    }

    /// A bar for each of `width` parts of the time, from zero to the maximum; a space where the value
    /// is unknown.
    pub(crate) fn sparkline(&self, width: usize, intervals: usize) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let means: Vec<Option<f64>> = self.means().collect();
        let width = width.min(intervals);
        let floor = self.min.min(0.0);
        let bar = |column: usize| {
            let part = column * intervals / width..(column + 1) * intervals / width;
            let known = part.filter_map(|index| means.get(index).copied().flatten());
            let Some(value) = known.reduce(f64::max) else {
                return ' ';
            };
            let height = (value - floor) / (self.max - floor);
            let index = (height * 8.0).ceil() as usize;
            BARS[index.saturating_sub(1).min(7)]
        };
        (0..width).map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name {
        expression: 0,
        group: None,
    };

    fn recorded(values: impl Iterator<Item = Option<f64>>) -> Recorder {
        let mut recorder = Recorder::new(Duration::from_secs(1));
        for (second, value) in (0..).zip(values) {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let reading = Reading {
                value,
                ..Reading::default()
            };
            recorder.record(at, [(NAME, reading)]);
        }
        recorder
    }

    #[test]
    fn unknown_values_do_not_count() {
        let recorder = recorded([None, Some(1.0), Some(3.0), None, Some(8.0)].into_iter());
        let series = &recorder.series[&NAME];
        let expected = Statistics {
            mean: 4.0,
            min: 1.0,
            max: 8.0,
            p95: 8.0,
            last: Some(8.0),
        };
        assert_eq!(series.statistics(), Some(expected));
        assert_eq!(series.sparkline(30, recorder.intervals()), " ▁▃ █");
        let unknown = recorded([None, None].into_iter());
        assert_eq!(unknown.series[&NAME].statistics(), None);
    }

    #[test]
    fn memory_is_bounded_and_statistics_remain() {
        let recorder = recorded((0..100_000).map(|second| Some(f64::from(second % 100))));
        let series = &recorder.series[&NAME];
        assert!(series.intervals.len() <= MOST_INTERVALS);
        assert_eq!(recorder.interval(), Duration::from_secs(128));
        let statistics = series.statistics().unwrap();
        assert_eq!(statistics.mean, 49.5);
        assert_eq!((statistics.min, statistics.max), (0.0, 99.0));
    }

    #[test]
    fn time_may_step_by_centuries_and_back() {
        let mut recorder = Recorder::new(Duration::from_millis(1));
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33);
        for at in [
            start,
            SystemTime::UNIX_EPOCH,
            start + Duration::from_secs(1 << 33),
        ] {
            let reading = Reading {
                value: Some(1.0),
                ..Reading::default()
            };
            recorder.record(at, [(NAME, reading)]);
        }
        assert_eq!(recorder.series[&NAME].statistics().unwrap().mean, 1.0);
        assert!(recorder.intervals() <= MOST_INTERVALS);
    }
}
