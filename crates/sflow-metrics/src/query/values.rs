//! The values of medians, quartiles and percentiles: exact up to a number, then a sketch.

use std::collections::BTreeMap;

use crate::window::Percent;

/// The largest absolute value that contributes. An application can report any number, but sums of
/// values and of their squares have to be finite, also after merging.
const MAX_VALUE: f64 = 1e100;

/// Whether a value is finite and not too large to contribute.
pub(crate) fn is_valid(value: f64) -> bool {
    value.abs() <= MAX_VALUE
}

/// The values of one expression. The representation depends only on the values, not on the order
/// in which they are added or merged, so that merging is commutative and associative.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Values {
    /// At most [`Values::MAX_EXACT`] values.
    Exact(Vec<f64>),
    /// More values.
    Sketch(DdSketch),
}

impl Default for Values {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Values {
    pub(super) const MAX_EXACT: usize = 10_000;
    /// Maximum distance of an approximate value from the exact one, as a fraction of the latter.
    pub(super) const RELATIVE_ERROR: f64 = 0.01;

    /// Adds a finite value.
    pub(super) fn add(&mut self, value: f64) {
        match self {
            Self::Exact(values) if values.len() < Self::MAX_EXACT => values.push(value),
            Self::Exact(values) => {
                let mut sketch = DdSketch::from_values(values);
                sketch.add(value);
                *self = Self::Sketch(sketch);
            }
            Self::Sketch(sketch) => sketch.add(value),
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Sketch(ours), Self::Sketch(theirs)) => ours.merge(&theirs),
            (_, Self::Exact(theirs)) => theirs.into_iter().for_each(|value| self.add(value)),
            (Self::Exact(ours), Self::Sketch(mut theirs)) => {
                ours.iter().for_each(|value| theirs.add(*value));
                *self = Self::Sketch(theirs);
            }
        }
    }

    /// The percentile, interpolated linearly between the two nearest ranks.
    pub(super) fn percentile(&self, percent: Percent) -> Option<f64> {
        match self {
            Self::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable_by(f64::total_cmp);
                percent.of_sorted(&sorted)
            }
            Self::Sketch(sketch) => {
                percent.of_ranks(sketch.count(), |rank| Some(sketch.at_rank(rank)))
            }
        }
    }

    pub(super) fn relative_error(&self) -> f64 {
        match self {
            Self::Exact(_) => 0.0,
            Self::Sketch(_) => Self::RELATIVE_ERROR,
        }
    }

    /// Number of values or buckets, which is proportional to the memory.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Exact(values) => values.len(),
            Self::Sketch(sketch) => sketch.buckets.len(),
        }
    }

    /// Whether deserialised values can be `count` values.
    #[cfg(feature = "serde")]
    pub(super) fn is_consistent(&self, count: u64) -> bool {
        match self {
            Self::Exact(values) => {
                values.len() as u64 == count
                    && values.len() <= Self::MAX_EXACT
                    && values.iter().all(|value| is_valid(*value))
            }
            Self::Sketch(sketch) => count > Self::MAX_EXACT as u64 && sketch.is_consistent(count),
        }
    }
}

/// A DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
/// relative-error guarantees", VLDB 2019) without collapsing: a value is counted in the bucket
/// `(γ^(i-1), γ^i]`, where γ = (1 + error) / (1 - error).
///
/// Only buckets with values exist. Finite values have at most 73,057 buckets, so that the largest
/// sketch has about 2 MiB; values within a factor of 10⁶ have 691.
///
/// The package `sketches-ddsketch` 0.4.2 is not suitable: it merges buckets at the lower
/// end into one, so that a single value of 10³⁰⁰ from a faulty agent makes p95 useless, it panics at
/// infinite values, and it does not check what it deserialises.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(crate) struct DdSketch {
    min: f64,
    max: f64,
    /// Number of values by index of the bucket: positive for positive values, in ascending order,
    /// negative for negative values, and 0 for values near zero.
    buckets: BTreeMap<i32, u64>,
}

/// γ for a relative error of 1 %.
const GAMMA: f64 = (1.0 + Values::RELATIVE_ERROR) / (1.0 - Values::RELATIVE_ERROR);

/// The smallest absolute value that is distinguished from zero.
const MIN_VALUE: f64 = 1e-9;

impl DdSketch {
    fn from_values(values: &[f64]) -> Self {
        let mut sketch = Self {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            buckets: BTreeMap::new(),
        };
        values.iter().for_each(|value| sketch.add(*value));
        sketch
    }

    fn add(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.add_to(bucket_of(value), 1);
    }

    fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        for (bucket, count) in &other.buckets {
            self.add_to(*bucket, *count);
        }
    }

    fn add_to(&mut self, bucket: i32, count: u64) {
        let known = self.buckets.entry(bucket).or_default();
        *known = known.saturating_add(count);
    }

    fn count(&self) -> u64 {
        let counts = self.buckets.values();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The value at a rank from 0, except for the relative error. The smallest and the largest value
    /// are exact.
    fn at_rank(&self, rank: u64) -> f64 {
        if rank == 0 {
            return self.min;
        }
        if rank >= self.count().saturating_sub(1) {
            return self.max;
        }
        let mut counted = 0_u64;
        let bucket = self.buckets.iter().find(|(_, count)| {
            counted = counted.saturating_add(**count);
            counted > rank
        });
        bucket.map_or(self.max, |(bucket, _)| {
            value_of(*bucket).max(self.min).min(self.max)
        })
    }

    #[cfg(feature = "serde")]
    fn is_consistent(&self, count: u64) -> bool {
        // The logarithm may round differently on another machine.
        let is_near = |bucket: Option<&i32>, value: f64| {
            bucket.is_some_and(|bucket| bucket.abs_diff(bucket_of(value)) <= 1)
        };
        let mut counts = self.buckets.values();
        let total = counts.try_fold(0_u64, |sum, count| sum.checked_add(*count));
        is_valid(self.min)
            && is_valid(self.max)
            && self.min <= self.max
            && is_near(self.buckets.keys().next(), self.min)
            && is_near(self.buckets.keys().next_back(), self.max)
            && self.buckets.values().all(|count| *count > 0)
            && total == Some(count)
    }
}

/// The index of the bucket of a value. Infinite values are in the bucket of the largest finite one.
fn bucket_of(value: f64) -> i32 {
    let size = value.abs().min(f64::MAX);
    if size <= MIN_VALUE {
        return 0;
    }
    // At least 1, at most 36,525.
    let index = (size.ln() - MIN_VALUE.ln()) / GAMMA.ln();
    let index = index.ceil().max(1.0) as i32;
    if value < 0.0 { -index } else { index }
}

/// The value whose distance from both ends of a bucket is the relative error.
fn value_of(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let upper = (f64::from(bucket.abs()) * GAMMA.ln() + MIN_VALUE.ln()).exp();
    let value = upper * 2.0 / (GAMMA + 1.0);
    if bucket < 0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(given: &[f64]) -> Values {
        let mut values = Values::default();
        given.iter().for_each(|value| values.add(*value));
        values
    }

    /// Valid values of any magnitude and sign, zero included.
    fn any_value() -> impl Strategy<Value = f64> {
        let magnitude = prop_oneof![-12.0..99.0_f64, -2.0..9.0_f64];
        let value = (magnitude, prop_oneof![Just(1.0), Just(-1.0), Just(0.0)]);
        value.prop_map(|(magnitude, sign)| sign * 10_f64.powf(magnitude))
    }

    /// Numbers of values around the number from which on a sketch is used.
    fn some_values() -> impl Strategy<Value = Vec<f64>> {
        let pattern = prop::collection::vec(any_value(), 1..60);
        (pattern, prop_oneof![0_usize..20, 3_000_usize..13_000]).prop_map(|(pattern, length)| {
            let scaled = |(place, value): (usize, f64)| value * (1.0 + (place % 97) as f64 / 100.0);
            let values = pattern.into_iter().cycle().take(length).enumerate();
            values.map(scaled).collect()
        })
    }

    fn is_close(approximate: f64, exact: f64) -> bool {
        let tolerance = (Values::RELATIVE_ERROR + 1e-9) * exact.abs() + 2.0 * MIN_VALUE;
        (approximate - exact).abs() <= tolerance
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ranks_are_within_relative_error(mut given in prop::collection::vec(any_value(), 1..400)) {
            let sketch = DdSketch::from_values(&given);
            given.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(sketch.count(), given.len() as u64);
            for (rank, exact) in (0..).zip(&given) {
                let approximate = sketch.at_rank(rank);
                prop_assert!(is_close(approximate, *exact), "{rank}: {approximate}, not {exact}");
            }
            prop_assert_eq!(sketch.at_rank(0), given[0]);
            prop_assert_eq!(sketch.at_rank(given.len() as u64 - 1), given[given.len() - 1]);
        }

        #[test]
        fn merging_is_commutative_and_associative(parts in prop::collection::vec(some_values(), 3)) {
            let [a, b, c] = [0, 1, 2].map(|place| values(&parts[place]));
            let merged = |a: &Values, b: &Values| {
                let mut merged = a.clone();
                merged.merge(b.clone());
                merged
            };
            let sorted = |values: Values| match values {
                Values::Exact(mut values) => {
                    values.sort_unstable_by(f64::total_cmp);
                    Values::Exact(values)
                }
                sketch => sketch,
            };
            let whole = sorted(values(&parts.concat()));
            prop_assert_eq!(&sorted(merged(&merged(&a, &b), &c)), &whole);
            prop_assert_eq!(&sorted(merged(&c, &merged(&b, &a))), &whole);
            prop_assert_eq!(&sorted(merged(&merged(&a, &Values::default()), &merged(&c, &b))), &whole);
            let count = parts.concat().len();
            prop_assert_eq!(whole.relative_error() > 0.0, count > Values::MAX_EXACT);
            #[cfg(feature = "serde")]
            prop_assert!(whole.is_consistent(count as u64));
        }

        #[test]
        fn any_bits_are_counted(bits in prop::collection::vec(any::<u64>(), 1..50)) {
            let given: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
            let sketch = DdSketch::from_values(&given);
            prop_assert_eq!(sketch.count(), given.len() as u64);
            let _ = sketch.at_rank(bits.len() as u64 / 2);
        }
    }

    #[test]
    fn values_above_the_limit_are_sketched() {
        let exact: Vec<f64> = (1..=10_000).map(f64::from).collect();
        let mut all = values(&exact);
        let p95 = Percent::new(95.0).unwrap();
        assert_eq!(all.percentile(p95), Some(9_500.05));
        all.add(10_001.0);
        let approximate = all.percentile(p95).unwrap();
        assert!(is_close(approximate, 9_501.0), "{approximate}");
        assert_eq!(all.relative_error(), 0.01);
        assert!(all.len() < 500, "{} buckets", all.len());
        for (percent, expected) in [(0.0, 1.0), (100.0, 10_001.0)] {
            assert_eq!(
                all.percentile(Percent::new(percent).unwrap()),
                Some(expected)
            );
        }
    }

    #[test]
    fn one_extreme_value_does_not_change_percentiles() {
        let mut given = vec![1.5; 20_000];
        given.push(1e300);
        given.push(-1e300);
        let median = values(&given).percentile(Percent::HALF).unwrap();
        assert!(is_close(median, 1.5), "{median}");
    }

    #[test]
    fn number_of_buckets_is_bounded() {
        let ends = [f64::INFINITY, f64::MAX, f64::NAN].map(bucket_of);
        assert_eq!(ends, [36_525; 3]);
        assert_eq!(bucket_of(f64::NEG_INFINITY), -36_525);
        assert_eq!([0.0, -0.0, 1e-9, f64::MIN_POSITIVE].map(bucket_of), [0; 4]);
        assert_eq!(bucket_of(1e-9 * 1.001), 1);
        assert!(value_of(36_525) > 1.7e308);
    }
}
