use core::fmt;

use crate::window::Percent;

/// A statistic over the values of several entities.
///
/// Quartiles and percentiles interpolate linearly between the two nearest ranks (type 7 of Hyndman
/// and Fan): for 1, 2, 3, 4 the median is 2.5 and `q1` is 1.75. They are exact up to 10,000 values.
/// Above, the values at both ranks have a relative error of up to 1 %
/// ([`Summary::relative_error`](super::Summary::relative_error)), and values between -10⁻⁹ and 10⁻⁹
/// count as zero; the smallest and the largest value remain exact.
///
/// Variance and deviation are those of the population, not estimates from a sample: for one value
/// they are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Statistic {
    /// `avg`: the mean.
    Avg,
    /// `sum`: the sum.
    Sum,
    /// `min`: the smallest.
    Min,
    /// `max`: the largest.
    Max,
    /// `median`, or `med`: the median.
    Median,
    /// `q1`: the lower quartile.
    LowerQuartile,
    /// `q3`: the upper quartile.
    UpperQuartile,
    /// `iqr`: the upper quartile minus the lower one.
    InterquartileRange,
    /// `p95`, `p99.9`: a percentile.
    Percentile(Percent),
    /// `var`: the variance.
    Var,
    /// `sdev`: the standard deviation.
    Sdev,
    /// `count`: the number of values.
    Count,
    /// `any`: the newest value.
    Any,
}

impl Statistic {
    const NAMES: [(&'static str, Self); 12] = [
        ("avg", Self::Avg),
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
        ("median", Self::Median),
        ("q1", Self::LowerQuartile),
        ("q3", Self::UpperQuartile),
        ("iqr", Self::InterquartileRange),
        ("var", Self::Var),
        ("sdev", Self::Sdev),
        ("count", Self::Count),
        ("any", Self::Any),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        let name = if name == "med" { "median" } else { name };
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        let known = known.map(|(_, statistic)| *statistic);
        known.or_else(|| Percent::named(name).map(Self::Percentile))
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.iter().map(|(name, _)| *name);
        names.chain(["p95 and any other from p0 to p100"])
    }

    /// Whether all values have to be collected.
    pub(super) fn needs_values(self) -> bool {
        matches!(
            self,
            Self::Median
                | Self::LowerQuartile
                | Self::UpperQuartile
                | Self::InterquartileRange
                | Self::Percentile(_)
        )
    }

    /// The percentile, and one to subtract from it.
    pub(super) fn percentiles(self) -> Option<(Percent, Option<Percent>)> {
        Some(match self {
            Self::Median => (Percent::HALF, None),
            Self::LowerQuartile => (Percent::QUARTER, None),
            Self::UpperQuartile => (Percent::THREE_QUARTERS, None),
            Self::InterquartileRange => (Percent::THREE_QUARTERS, Some(Percent::QUARTER)),
            Self::Percentile(percent) => (percent, None),
            _ => return None,
        })
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Percentile(percent) = self {
            return percent.fmt(f);
        }
        let line = Self::NAMES.iter().find(|(_, statistic)| statistic == self);
        f.pad(line.map_or("", |(name, _)| *name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in Statistic::NAMES
            .map(|(name, _)| name)
            .into_iter()
            .chain(["p0", "p99.9", "p100"])
        {
            assert_eq!(
                Statistic::named(name)
                    .map(|known| known.to_string())
                    .as_deref(),
                Some(name)
            );
        }
        assert_eq!(Statistic::named("med"), Some(Statistic::Median));
        for name in [
            "p", "p101", "p-1", "p1e1", "pNaN", "pinf", "mean", "p99.9.9",
        ] {
            assert_eq!(Statistic::named(name), None, "{name}");
        }
    }

    #[test]
    fn percentiles_interpolate() {
        let of = |percent: f64, values: &[f64]| Percent::new(percent).unwrap().of_sorted(values);
        let four = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(of(0.0, &four), Some(1.0));
        assert_eq!(of(25.0, &four), Some(1.75));
        assert_eq!(of(50.0, &four), Some(2.5));
        assert_eq!(of(100.0, &four), Some(4.0));
        assert_eq!(of(99.0, &[7.0]), Some(7.0));
        assert_eq!(of(50.0, &[]), None);
        assert_eq!(
            of(50.0, &[1.0, f64::INFINITY, f64::INFINITY]),
            Some(f64::INFINITY)
        );
    }
}
