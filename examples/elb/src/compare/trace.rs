use std::time::Duration;

use serde::Serialize;

use crate::view::Point;

/// Samples of the real state of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Sampling interval.
    pub every: Duration,
    /// Samples; the first is one interval after the start.
    pub moments: Vec<Moment>,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The load, in replicas that can just serve it.
    pub load: f64,
    /// Desired replicas, which determine the cost.
    pub wanted: u32,
    /// Running replicas.
    pub running: u32,
}

/// Score of a policy under a workload, or the mean of several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Seconds in which the running replicas could not serve the load.
    pub overload_seconds: f64,
    /// Desired replicas integrated over time.
    pub replica_seconds: f64,
    /// Number of changes.
    pub changes: f64,
    /// Settling time after the load became constant.
    pub settling: Settling,
    /// Replicas above the number that the highest load needs at the target.
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
    /// Computes the score. The load is constant from `rest` on; its maximum needs `need` replicas
    /// at the target.
    pub fn score(&self, rest: Option<Duration>, need: u32) -> Score {
        let step = self.every.as_secs_f64();
        let overloads = self.moments.iter().filter(|moment| moment.is_overloaded());
        let wanted = self.moments.iter().map(|moment| f64::from(moment.wanted));
        let most = self.moments.iter().map(|moment| moment.wanted).max();
        Score {
            overload_seconds: overloads.count() as f64 * step,
            replica_seconds: wanted.sum::<f64>() * step,
            changes: self.changes().count() as f64,
            settling: rest.map_or(Settling::Restless, |rest| self.settling(rest)),
            overshoot: f64::from(most.unwrap_or(0).saturating_sub(need)),
        }
    }

    /// Time of each change of the replicas, and whether it was an increase.
    pub fn changes(&self) -> impl Iterator<Item = (Duration, bool)> {
        let pairs = self.moments.iter().zip(self.moments.iter().skip(1));
        pairs.zip(2_u32..).filter_map(|((before, after), place)| {
            let grew = after.wanted > before.wanted;
            (after.wanted != before.wanted).then_some((self.every * place, grew))
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

    /// Points for a chart, about `points`. No change is lost, but it may be drawn slightly late.
    pub(super) fn past(&self, points: usize) -> Vec<Point> {
        let stride = self.moments.len().div_ceil(points.max(1)).max(1);
        let moments = self.moments.iter().zip(1_u32..).step_by(stride);
        moments
            .map(|(moment, place)| Point {
                at: (self.every * place).as_secs_f64(),
                load: Some(moment.load),
                wanted: moment.wanted,
                running: moment.running,
                ..Point::default()
            })
            .collect()
    }

    fn settling(&self, rest: Duration) -> Settling {
        let change = self.changes().map(|(at, _)| at).last();
        let overload = self
            .moments
            .iter()
            .rposition(Moment::is_overloaded)
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
    /// Whether the load exceeds the capacity of the running replicas by more than rounding errors.
    pub fn is_overloaded(&self) -> bool {
        self.load > f64::from(self.running) + 1e-9
    }
}

impl Score {
    /// Mean of several scores. If one run did not settle, the mean did not either.
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
