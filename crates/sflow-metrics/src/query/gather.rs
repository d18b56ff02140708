//! Values of entities on their way to an answer.

use super::statistic::{Percent, Statistic};
use crate::timestamp::Timestamp;

/// What has been gathered for one expression, with `W` for who had a value.
///
/// Two of them merge, in any order and grouping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gathering<W> {
    pub(super) matched: u64,
    pub(super) warming: u64,
    pub(super) stale: u64,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) mean: f64,
    /// Σ of the squares of the distances to the mean.
    pub(super) squares: f64,
    pub(super) min: Option<(f64, W)>,
    pub(super) max: Option<(f64, W)>,
    /// The value that was read last, and whose.
    pub(super) latest: Option<(Timestamp, f64, W)>,
    pub(super) oldest: Option<Timestamp>,
    /// All values, where the statistic needs them.
    pub(super) values: Vec<f64>,
}

impl<W> Default for Gathering<W> {
    fn default() -> Self {
        Self {
            matched: 0,
            warming: 0,
            stale: 0,
            count: 0,
            sum: 0.0,
            mean: 0.0,
            squares: 0.0,
            min: None,
            max: None,
            latest: None,
            oldest: None,
            values: Vec::new(),
        }
    }
}

impl<W: Clone + Ord> Gathering<W> {
    /// One more entity with a value that was read at this time.
    #[inline]
    pub(super) fn contribute(&mut self, statistic: Statistic, value: f64, at: Timestamp, who: W) {
        self.count += 1;
        self.sum += value;
        match statistic {
            Statistic::Var | Statistic::Sdev => {
                let distance = value - self.mean;
                self.mean += distance / self.count as f64;
                self.squares += distance * (value - self.mean);
            }
            statistic if statistic.needs_values() => self.values.push(value),
            _ => {}
        }
        let is_less = |(min, holder): &(f64, W)| (value, &who) < (*min, holder);
        if self.min.as_ref().is_none_or(is_less) {
            self.min = Some((value, who.clone()));
        }
        let is_more = |(max, holder): &(f64, W)| value > *max || value == *max && who < *holder;
        if self.max.as_ref().is_none_or(is_more) {
            self.max = Some((value, who.clone()));
        }
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        if self
            .latest
            .as_ref()
            .is_none_or(|latest| is_newer((at, value, &who), latest))
        {
            self.latest = Some((at, value, who));
        }
    }

    /// What both have gathered.
    pub(super) fn merge(&mut self, other: Self) {
        if other.count > 0 {
            let (ours, theirs) = (self.count as f64, other.count as f64);
            let distance = other.mean - self.mean;
            self.mean += distance * theirs / (ours + theirs);
            self.squares += other.squares + distance * distance * ours * theirs / (ours + theirs);
        }
        self.matched = self.matched.saturating_add(other.matched);
        self.warming = self.warming.saturating_add(other.warming);
        self.stale = self.stale.saturating_add(other.stale);
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.values.extend(other.values);
        self.min = match (self.min.take(), other.min) {
            (Some(ours), Some(theirs)) => Some(if (theirs.0, &theirs.1) < (ours.0, &ours.1) {
                theirs
            } else {
                ours
            }),
            (ours, theirs) => ours.or(theirs),
        };
        self.max = match (self.max.take(), other.max) {
            (Some(ours), Some(theirs)) => {
                let is_more = theirs.0 > ours.0 || theirs.0 == ours.0 && theirs.1 < ours.1;
                Some(if is_more { theirs } else { ours })
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.latest = match (self.latest.take(), other.latest) {
            (Some(ours), Some(theirs)) => {
                let is_newer = is_newer((theirs.0, theirs.1, &theirs.2), &ours);
                Some(if is_newer { theirs } else { ours })
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.oldest = match (self.oldest, other.oldest) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
    }

    /// What it comes to, and who had that value.
    pub(super) fn finish(&self, statistic: Statistic) -> (Option<f64>, Option<&W>) {
        if self.count == 0 {
            return (None, None);
        }
        let count = self.count as f64;
        let won = |winner: &'_ Option<(f64, W)>| winner.as_ref().map(|(value, _)| *value);
        match statistic {
            Statistic::Avg => (Some(self.sum / count), None),
            Statistic::Sum => (Some(self.sum), None),
            Statistic::Count => (Some(count), None),
            Statistic::Var => (Some(self.squares / count), None),
            Statistic::Sdev => (Some((self.squares / count).sqrt()), None),
            Statistic::Min => (won(&self.min), self.min.as_ref().map(|(_, who)| who)),
            Statistic::Max => (won(&self.max), self.max.as_ref().map(|(_, who)| who)),
            Statistic::Any => {
                let latest = self.latest.as_ref();
                (
                    latest.map(|(_, value, _)| *value),
                    latest.map(|(.., who)| who),
                )
            }
            statistic => (
                statistic
                    .percentiles()
                    .and_then(|which| self.percentile(which)),
                None,
            ),
        }
    }

    /// Those who hold a value that somebody may ask for.
    pub(super) fn holders(&self) -> impl Iterator<Item = &W> {
        let extremes = [&self.min, &self.max].into_iter().flatten();
        let latest = self.latest.as_ref().map(|(.., who)| who);
        extremes.map(|(_, who)| who).chain(latest)
    }

    /// The same, held by others; what somebody holds whom nobody knows is dropped.
    pub(super) fn held_by<H>(self, holder: impl Fn(W) -> Option<H>) -> Gathering<H> {
        let extreme =
            |held: Option<(f64, W)>| held.and_then(|(value, who)| Some((value, holder(who)?)));
        Gathering {
            matched: self.matched,
            warming: self.warming,
            stale: self.stale,
            count: self.count,
            sum: self.sum,
            mean: self.mean,
            squares: self.squares,
            min: extreme(self.min),
            max: extreme(self.max),
            latest: self
                .latest
                .and_then(|(at, value, who)| Some((at, value, holder(who)?))),
            oldest: self.oldest,
            values: self.values,
        }
    }

    fn percentile(&self, (percent, less): (Percent, Option<Percent>)) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let value = percent.of_sorted(&sorted)?;
        match less {
            Some(less) => Some(value - less.of_sorted(&sorted)?),
            None => Some(value),
        }
    }
}

/// Whether a value was read later; at the same time, the smaller name of its holder decides, so
/// that the order in which they come does not.
fn is_newer<W: Ord>((at, value, who): (Timestamp, f64, &W), known: &(Timestamp, f64, W)) -> bool {
    let (known_at, known_value, holder) = known;
    match at.cmp(known_at) {
        core::cmp::Ordering::Equal => (who, value) < (holder, *known_value),
        order => order.is_gt(),
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
    fn statistics() {
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
            assert_eq!(gathering.oldest, Some(Timestamp::from_secs(2)));
            let nobody = Gathering::<u32>::default();
            assert_eq!(
                nobody.finish(statistic),
                (None, None),
                "{name}: nobody is not zero"
            );
        }
    }
}
