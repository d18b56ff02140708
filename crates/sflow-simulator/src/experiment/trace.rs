use std::time::Duration;

use serde::Serialize;

use crate::simulation::Truth;

/// The real state of a service over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Sampling interval.
    pub every: Duration,
    /// Samples; the first is one interval after the start.
    pub moments: Vec<Moment>,
}

/// One sample of the real state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Requests per second that arrive.
    pub offered: f64,
    /// Desired replicas, which determine the cost.
    pub desired: u32,
    /// Running replicas.
    pub running: u32,
}

/// Score of a policy under a workload, or the mean of several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Seconds in which the running replicas could not serve the load.
    pub overload_seconds: f64,
    /// Desired replicas integrated over time: the cost.
    pub replica_seconds: f64,
    /// Number of changes.
    pub changes: f64,
    /// Settling time after the load became constant.
    pub settling: Settling,
    /// Replicas above the number that the highest load needs.
    pub overshoot: f64,
}

/// Settling time after the load became constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Settling {
    /// The load is never constant.
    Restless,
    /// Seconds until the last change or overload.
    After(f64),
    /// Changes or overloads continued to the end.
    Never,
}

/// Time without changes and overloads at the end that counts as settled.
const REST: Duration = Duration::from_secs(60);

impl Trace {
    /// Computes the score. A replica can serve `capacity` requests per second; the load is constant
    /// from `rest` on; its maximum needs `need` replicas.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::experiment::{Moment, Trace};
    ///
    /// let moment = |running| Moment { offered: 300.0, desired: 3, running };
    /// let trace = Trace {
    ///     every: Duration::from_secs(10),
    ///     moments: vec![moment(2), moment(3)],
    /// };
    /// let score = trace.score(100.0, None, 3);
    /// assert_eq!((score.overload_seconds, score.replica_seconds), (10.0, 60.0));
    /// ```
    pub fn score(&self, capacity: f64, rest: Option<Duration>, need: u32) -> Score {
        let most = self.moments.iter().map(|moment| moment.desired).max();
        Score {
            overload_seconds: self.overload_seconds(capacity),
            replica_seconds: self.replica_seconds(),
            changes: self.changes().count() as f64,
            settling: rest.map_or(Settling::Restless, |rest| self.settling(capacity, rest)),
            overshoot: f64::from(most.unwrap_or(0).saturating_sub(need)),
        }
    }

    /// Seconds in which the running replicas could not serve the load.
    pub fn overload_seconds(&self, capacity: f64) -> f64 {
        let moments = self.moments.iter();
        let overloads = moments.filter(|moment| moment.is_overloaded(capacity));
        overloads.count() as f64 * self.every.as_secs_f64()
    }

    /// Desired replicas integrated over time: the cost.
    pub fn replica_seconds(&self) -> f64 {
        let desired = self.moments.iter().map(|moment| f64::from(moment.desired));
        desired.sum::<f64>() * self.every.as_secs_f64()
    }

    /// Time of each change of the desired replicas, and whether it was an increase.
    pub fn changes(&self) -> impl Iterator<Item = (Duration, bool)> {
        let pairs = self.moments.iter().zip(self.moments.iter().skip(1));
        pairs.zip(2_u32..).filter_map(|((before, after), place)| {
            let grew = after.desired > before.desired;
            (after.desired != before.desired).then_some((self.every * place, grew))
        })
    }

    /// Times of changes of direction.
    pub fn reversals(&self) -> impl Iterator<Item = Duration> {
        let mut before = None;
        self.changes().filter_map(move |(at, grew)| {
            let turned = before.replace(grew).is_some_and(|before| before != grew);
            turned.then_some(at)
        })
    }

    fn settling(&self, capacity: f64, rest: Duration) -> Settling {
        let change = self.changes().map(|(at, _)| at).last();
        let overload = self
            .moments
            .iter()
            .rposition(|moment| moment.is_overloaded(capacity))
            .and_then(|place| u32::try_from(place + 1).ok())
            .map(|place| self.every * place);
        let last = change.max(overload).unwrap_or(Duration::ZERO);
        let end = self.every * u32::try_from(self.moments.len()).unwrap_or(u32::MAX);
        if last + REST > end {
            Settling::Never
        } else {
            Settling::After(last.saturating_sub(rest).as_secs_f64())
        }
    }
}

impl Moment {
    pub(super) fn of(truth: &Truth) -> Self {
        Self {
            offered: truth.offered,
            desired: truth.replicas,
            running: truth.running,
        }
    }

    /// Whether the load exceeds the capacity of the running replicas by more than rounding errors.
    pub fn is_overloaded(&self, capacity: f64) -> bool {
        self.offered / capacity > f64::from(self.running) + 1e-9
    }
}

impl Score {
    /// Mean of several scores; `None` without scores. If one run did not settle, the mean did not
    /// either.
    pub fn mean(scores: &[Self]) -> Option<Self> {
        let first = scores.first()?;
        let mean = |of: fn(&Self) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        let settling =
            scores
                .iter()
                .skip(1)
                .fold(first.settling, |sum, score| match (sum, score.settling) {
                    (Settling::After(a), Settling::After(b)) => Settling::After(a + b),
                    (Settling::Never, _) | (_, Settling::Never) => Settling::Never,
                    (Settling::Restless, _) | (_, Settling::Restless) => Settling::Restless,
                });
        Some(Self {
            overload_seconds: mean(|score| score.overload_seconds),
            replica_seconds: mean(|score| score.replica_seconds),
            changes: mean(|score| score.changes),
            settling: match settling {
                Settling::After(sum) => Settling::After(sum / scores.len() as f64),
                other => other,
            },
            overshoot: mean(|score| score.overshoot),
        })
    }
}
