//! Intermediate results of an expression.

use super::Statistic;
use super::values::Values;
use crate::timestamp::Timestamp;
use crate::window::Percent;

/// The intermediate result of one expression. `W` identifies the owner of a value.
///
/// Merging is commutative and associative.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(crate) struct Gathering<W> {
    pub(crate) matched: u64,
    pub(crate) warming: u64,
    pub(crate) stale: u64,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub(crate) unwatched: u64,
    pub(super) count: u64,
    pub(super) sum: f64,
    /// Times of the newest and of the oldest value.
    pub(super) read: Option<(Timestamp, Timestamp)>,
    /// For `var` and `sdev`: the mean and the sum of squared differences from it.
    pub(super) spread: (f64, f64),
    /// For `min`, `max` and `any`: time, value and owner.
    pub(super) winner: Option<(Timestamp, f64, W)>,
    /// For medians, quartiles and percentiles.
    pub(super) values: Values,
}

/// Partials of earlier releases have no number of unwatched entities.
#[cfg(feature = "serde")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<W> Default for Gathering<W> {
    fn default() -> Self {
        Self {
            matched: 0,
            warming: 0,
            stale: 0,
            unwatched: 0,
            count: 0,
            sum: 0.0,
            read: None,
            spread: (0.0, 0.0),
            winner: None,
            values: Values::default(),
        }
    }
}

impl<W: Clone + Ord> Gathering<W> {
    /// Adds the value of an entity, read at this time.
    #[inline]
    pub(crate) fn contribute(&mut self, statistic: Statistic, value: f64, at: Timestamp, who: W) {
        self.count += 1;
        self.sum += value;
        self.read = Some(match self.read {
            Some((newest, oldest)) => (newest.max(at), oldest.min(at)),
            None => (at, at),
        });
        match statistic {
            Statistic::Var | Statistic::Sdev => {
                let (mean, squares) = self.spread;
                let distance = value - mean;
                let mean = mean + distance / self.count as f64;
                self.spread = (mean, squares + distance * (value - mean));
            }
            Statistic::Min | Statistic::Max | Statistic::Any => {
                self.compete(statistic, (at, value, who));
            }
            statistic if statistic.needs_values() => self.values.add(value),
            _ => {}
        }
    }

    /// Adds the values of another gathering.
    pub(super) fn merge(&mut self, statistic: Statistic, other: Self) {
        if other.count > 0 {
            let (ours, theirs) = (self.count as f64, other.count as f64);
            let distance = other.spread.0 - self.spread.0;
            let part = theirs / (ours + theirs);
            self.spread.0 += distance * part;
            self.spread.1 += other.spread.1 + distance * distance * ours * part;
        }
        self.matched = self.matched.saturating_add(other.matched);
        self.warming = self.warming.saturating_add(other.warming);
        self.stale = self.stale.saturating_add(other.stale);
        self.unwatched = self.unwatched.saturating_add(other.unwatched);
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.values.merge(other.values);
        self.read = match (self.read, other.read) {
            (Some(ours), Some(theirs)) => Some((ours.0.max(theirs.0), ours.1.min(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
        if let Some(winner) = other.winner {
            self.compete(statistic, winner);
        }
    }

    /// The result and the owner of its value.
    pub(super) fn finish(&self, statistic: Statistic) -> (Option<f64>, Option<&W>) {
        if self.count == 0 {
            return (None, None);
        }
        let count = self.count as f64;
        let value = match statistic {
            Statistic::Avg => Some(self.sum / count),
            Statistic::Sum => Some(self.sum),
            Statistic::Count => Some(count),
            Statistic::Var => Some(self.spread.1 / count),
            Statistic::Sdev => Some((self.spread.1 / count).sqrt()),
            Statistic::Min | Statistic::Max | Statistic::Any => {
                self.winner.as_ref().map(|(_, value, _)| *value)
            }
            ranked => ranked
                .percentiles()
                .and_then(|which| self.percentile(which)),
        };
        (value, self.winner.as_ref().map(|(.., who)| who))
    }

    /// The owner of the minimum, maximum or latest value.
    pub(crate) fn owner(&self) -> Option<&W> {
        self.winner.as_ref().map(|(.., who)| who)
    }

    /// Replaces the owner.
    pub(crate) fn map_owner<H>(self, owner: impl Fn(W) -> H) -> Gathering<H> {
        Gathering {
            matched: self.matched,
            warming: self.warming,
            stale: self.stale,
            unwatched: self.unwatched,
            count: self.count,
            sum: self.sum,
            read: self.read,
            spread: self.spread,
            winner: self.winner.map(|(at, value, who)| (at, value, owner(who))),
            values: self.values,
        }
    }

    /// Keeps the better value; of equal values that of the smaller owner, so that the order of
    /// merging does not matter.
    #[inline]
    fn compete(&mut self, statistic: Statistic, (at, value, who): (Timestamp, f64, W)) {
        let is_better = self
            .winner
            .as_ref()
            .is_none_or(|(winner_at, winner, owner)| {
                let order = match statistic {
                    Statistic::Min => winner.total_cmp(&value),
                    Statistic::Max => value.total_cmp(winner),
                    _ => at.cmp(winner_at),
                };
                order.then_with(|| owner.cmp(&who)).is_gt()
            });
        if is_better {
            self.winner = Some((at, value, who));
        }
    }

    fn percentile(&self, (percent, less): (Percent, Option<Percent>)) -> Option<f64> {
        let value = self.values.percentile(percent)?;
        match less {
            Some(less) => Some(value - self.values.percentile(less)?),
            None => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(statistic: Statistic) -> Gathering<u32> {
        let mut gathering = Gathering::default();
        for (who, value, at) in [(1, 3.0, 9), (2, 1.0, 2), (3, 8.0, 4), (4, 8.0, 9)] {
            gathering.contribute(statistic, value, Timestamp::from_secs(at), who);
        }
        gathering
    }

    #[test]
    fn statistics_of_four_values_and_of_none() {
        let cases = [
            ("avg", 5.0, None),
            ("sum", 20.0, None),
            ("min", 1.0, Some(2)),
            ("max", 8.0, Some(3)),
            ("median", 5.5, None),
            ("q1", 2.5, None),
            ("q3", 8.0, None),
            ("iqr", 5.5, None),
            ("p100", 8.0, None),
            ("var", 9.5, None),
            ("sdev", 9.5_f64.sqrt(), None),
            ("count", 4.0, None),
            ("any", 3.0, Some(1)),
        ];
        for (name, value, winner) in cases {
            let statistic = Statistic::named(name).unwrap();
            let gathering = gathered(statistic);
            assert_eq!(
                gathering.finish(statistic),
                (Some(value), winner.as_ref()),
                "{name}"
            );
            let read = (Timestamp::from_secs(9), Timestamp::from_secs(2));
            assert_eq!(gathering.read, Some(read));
            let empty = Gathering::<u32>::default();
            assert_eq!(
                empty.finish(statistic),
                (None, None),
                "{name}: no values are not zero"
            );
        }
    }
}
