use std::time::Duration;

use serde::Serialize;

use crate::view::Point;

/// What really was the case, every so often, whatever telemetry made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// From one moment to the next.
    pub every: Duration,
    /// The moments; the first is one such step after the start.
    pub moments: Vec<Moment>,
}

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The load, as the replicas that can just carry it.
    pub load: f64,
    /// Replicas that are ordered: what is paid for.
    pub wanted: u32,
    /// Replicas that run: what carries the load.
    pub running: u32,
}

/// How well a load was followed; of several runs, the mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Seconds in which the replicas that ran could not carry the load.
    pub overload_seconds: f64,
    /// Replicas ordered, times how long.
    pub replica_seconds: f64,
    /// How often their number was changed.
    pub changes: f64,
    /// How long it took to come to rest once the load had.
    pub settling: Settling,
    /// Replicas above those that the highest load takes at the target.
    pub overshoot: f64,
}

/// How long it took to come to rest once the load had.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Settling {
    /// The load never rests, so nothing else has to.
    Restless,
    /// After so many seconds, there was neither a change nor an overload until the end.
    After(f64),
    /// There were changes, or an overload, to the end.
    Never,
}

/// Without a change and an overload for so long, at the end, it has come to rest.
const REST: Duration = Duration::from_secs(60);

impl Trace {
    /// Measures it. The load rests from `rest` on, if it does; the highest takes `need`
    /// replicas at the target.
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

    /// For each change of the number of replicas, when it was and whether it was a growth.
    pub fn changes(&self) -> impl Iterator<Item = (Duration, bool)> {
        let pairs = self.moments.iter().zip(self.moments.iter().skip(1));
        pairs.zip(2_u32..).filter_map(|((before, after), place)| {
            let grew = after.wanted > before.wanted;
            (after.wanted != before.wanted).then_some((self.every * place, grew))
        })
    }

    /// When growing and shrinking took turns: each change in the other direction than the one
    /// before it.
    pub fn turns(&self) -> impl Iterator<Item = Duration> {
        let mut before = None;
        self.changes().filter_map(move |(at, grew)| {
            let turned = before.replace(grew).is_some_and(|before| before != grew);
            turned.then_some(at)
        })
    }

    /// What a chart shows of it, in about so many points; no change between them is lost, but
    /// it may be drawn a little late.
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
    /// Whether there is more load than what runs can carry; a hair more is not.
    pub fn is_overloaded(&self) -> bool {
        self.load > f64::from(self.running) + 1e-9
    }
}

impl Score {
    /// The mean of the scores of several runs; what once never settled does not settle.
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
