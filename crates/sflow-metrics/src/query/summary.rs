use core::fmt;
use core::time::Duration;

/// How the values of several entities become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Statistic {
    /// `avg`: the mean.
    Avg,
    /// `sum`: all together.
    Sum,
    /// `min`: the smallest.
    Min,
    /// `max`: the largest.
    Max,
    /// `count`: how many there are.
    Count,
    /// `any`: the one that was read last.
    Any,
}

/// The answer to one expression of a [`Query`](crate::Query).
///
/// It says on how much it stands: an average over one container of five is a different thing
/// from an average over five.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Summary {
    /// The number; `None` if nobody contributed. That is not zero.
    pub value: Option<f64>,
    /// Entities whose values are in it.
    pub contributing: usize,
    /// Entities that passed the filters and are of the right kind, heard or not.
    pub matched: usize,
    /// Of those matched, how many have only begun and have no rates yet.
    pub warming: usize,
    /// Of those matched, how many have not been heard in time.
    pub stale: usize,
    /// Age of the newest value.
    pub newest: Option<Duration>,
    /// Age of the oldest value.
    pub oldest: Option<Duration>,
}

impl Summary {
    /// Entities that should have a value and have none.
    pub const fn missing(&self) -> usize {
        self.matched.saturating_sub(self.contributing)
    }
}

impl Statistic {
    const NAMES: [(&'static str, Self); 6] = [
        ("avg", Self::Avg),
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
        ("count", Self::Count),
        ("any", Self::Any),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, statistic)| *statistic)
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = Self::NAMES.iter().find(|(_, statistic)| statistic == self);
        f.pad(line.map_or("", |(name, _)| *name))
    }
}

/// Gathers the values of entities.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gathering {
    pub(super) summary: Summary,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
    latest: Option<f64>,
}

impl Gathering {
    /// One more entity with a value of this age.
    pub(super) fn contribute(&mut self, value: f64, age: Duration) {
        let summary = &mut self.summary;
        summary.contributing += 1;
        self.sum += value;
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        if summary.newest.is_none_or(|newest| age < newest) {
            summary.newest = Some(age);
            self.latest = Some(value);
        }
        summary.oldest = Some(summary.oldest.map_or(age, |oldest| oldest.max(age)));
    }

    pub(super) fn finish(self, statistic: Statistic) -> Summary {
        let count = self.summary.contributing;
        let value = match statistic {
            Statistic::Avg => Some(self.sum / count as f64),
            Statistic::Sum => Some(self.sum),
            Statistic::Min => self.min,
            Statistic::Max => self.max,
            Statistic::Count => Some(count as f64),
            Statistic::Any => self.latest,
        };
        Summary {
            value: value.filter(|_| count > 0),
            ..self.summary
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        let mut gathering = Gathering::default();
        for (value, age) in [(3.0, 9), (1.0, 2), (8.0, 4)] {
            gathering.contribute(value, Duration::from_secs(age));
        }
        let value = |statistic| gathering.finish(statistic).value;
        assert_eq!(value(Statistic::Avg), Some(4.0));
        assert_eq!(value(Statistic::Sum), Some(12.0));
        assert_eq!(value(Statistic::Min), Some(1.0));
        assert_eq!(value(Statistic::Max), Some(8.0));
        assert_eq!(value(Statistic::Count), Some(3.0));
        assert_eq!(value(Statistic::Any), Some(1.0));
        let summary = gathering.finish(Statistic::Avg);
        assert_eq!(summary.newest, Some(Duration::from_secs(2)));
        assert_eq!(summary.oldest, Some(Duration::from_secs(9)));
    }

    #[test]
    fn nobody_is_not_zero() {
        for (_, statistic) in Statistic::NAMES {
            assert_eq!(
                Gathering::default().finish(statistic).value,
                None,
                "{statistic}"
            );
        }
    }
}
