//! Problems: what prevents the autoscaler from scaling a service or pool, or is wrong in the cluster.
//!
//! A round reports what it finds. A [`Tracker`] turns that into problems that begin and end once,
//! however much the values of single rounds vary.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

/// A problem that a round has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub reason: ProblemReason,
    /// The service, pool or node; empty if the problem concerns all.
    pub about: String,
    /// The problem, and what an operator can do.
    pub message: String,
}

impl Problem {
    /// A problem; the subject is empty if it concerns all.
    pub fn new(
        reason: ProblemReason,
        about: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            about: about.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The kinds of problems: the label `reason` of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemReason {
    /// The orchestrator cannot be read.
    Orchestrator,
    /// A change was refused or not answered.
    ChangeFailed,
    /// The mode of a service is `act` and `control.mode` is not set.
    ModeUnset,
    /// The labels of a service are invalid.
    Labels,
    /// A service does not exist.
    ServiceGone,
    /// A node is down.
    NodeDown,
    /// The replicas of a service were changed, and not by this autoscaler.
    ForeignScale,
    /// Tasks do not start or do not stay.
    TasksNotStarting,
    /// A rolling update is paused.
    RolloutPaused,
    /// A rolling update has run for long.
    RolloutLong,
    /// Overloaded, and the hosts are saturated.
    Saturated,
    /// Overloaded, and at the maximum.
    AtMax,
    /// Overloaded, and the budget is used up.
    Budget,
    /// Overloaded, and a rate limit or cooldown has prevented growth for long.
    RateLimit,
    /// Readings are missing, so that the load is unknown or growth is held back.
    Telemetry,
    /// Overloaded, and of a kind that cannot be scaled.
    NotScalable,
    /// A pool of machines cannot be changed.
    Pool,
    /// A pool of machines is overloaded and does not grow, or its load is unknown.
    PoolHeld,
    /// The history cannot be stored.
    History,
}

impl ProblemReason {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Orchestrator,
        Self::ChangeFailed,
        Self::ModeUnset,
        Self::Labels,
        Self::ServiceGone,
        Self::NodeDown,
        Self::ForeignScale,
        Self::TasksNotStarting,
        Self::RolloutPaused,
        Self::RolloutLong,
        Self::Saturated,
        Self::AtMax,
        Self::Budget,
        Self::RateLimit,
        Self::Telemetry,
        Self::NotScalable,
        Self::Pool,
        Self::PoolHeld,
        Self::History,
    ];

    /// The name, as in JSON and as label of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::ChangeFailed => "change_failed",
            Self::ModeUnset => "mode_unset",
            Self::Labels => "labels",
            Self::ServiceGone => "service_gone",
            Self::NodeDown => "node_down",
            Self::ForeignScale => "foreign_scale",
            Self::TasksNotStarting => "tasks_not_starting",
            Self::RolloutPaused => "rollout_paused",
            Self::RolloutLong => "rollout_long",
            Self::Saturated => "saturated",
            Self::AtMax => "at_max",
            Self::Budget => "budget",
            Self::RateLimit => "rate_limit",
            Self::Telemetry => "telemetry",
            Self::NotScalable => "not_scalable",
            Self::Pool => "pool",
            Self::PoolHeld => "pool_held",
            Self::History => "history",
        }
    }

    /// Whether `about` is a service.
    pub const fn is_of_service(self) -> bool {
        !matches!(
            self,
            Self::Orchestrator
                | Self::ModeUnset
                | Self::NodeDown
                | Self::Pool
                | Self::PoolHeld
                | Self::History
        )
    }

    /// How long it is present before it begins, and absent before it ends.
    pub const fn delays(self) -> Delays {
        let (begin, end) = match self {
            Self::Orchestrator | Self::ModeUnset | Self::Labels | Self::ServiceGone => (0, 0),
            Self::ChangeFailed | Self::NodeDown | Self::Pool | Self::History => (0, 30),
            // A single event; it is shown for as long as an operator may need to see it.
            Self::ForeignScale => (0, 600),
            Self::TasksNotStarting
            | Self::RolloutPaused
            | Self::Saturated
            | Self::AtMax
            | Self::Budget
            | Self::NotScalable => (10, 30),
            Self::RateLimit | Self::Telemetry | Self::PoolHeld => (60, 30),
            Self::RolloutLong => (300, 30),
        };
        Delays {
            begin: Duration::from_secs(begin),
            end: Duration::from_secs(end),
        }
    }
}

/// A problem that has not begun and is absent for this long is new when it is found again.
const GAP: Duration = Duration::from_secs(15);

/// When a problem begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// How long a problem is present before it begins.
    pub begin: Duration,
    /// How long it is absent before it ends.
    pub end: Duration,
}

/// A problem that has begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// When it was first found.
    pub since: Timestamp,
    /// The problem, and what an operator can do.
    pub message: String,
    found: Timestamp,
    delays: Delays,
    has_begun: bool,
}

/// The problems of a loop by key, from first to last appearance.
#[derive(Clone, Debug)]
pub struct Tracker<K>(BTreeMap<K, Current>);

impl<K> Default for Tracker<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// The problems that began and ended with one update.
#[derive(Clone, Debug)]
pub struct Changed<K> {
    /// Problems that began.
    pub begun: Vec<(K, Current)>,
    /// Problems that ended.
    pub ended: Vec<(K, Current)>,
}

impl<K> Default for Changed<K> {
    fn default() -> Self {
        Self {
            begun: Vec::new(),
            ended: Vec::new(),
        }
    }
}

impl<K: Ord + Clone> Tracker<K> {
    /// Updates with the problems found at this moment. A problem that was not found and for which
    /// `is_unknown` is true is kept.
    pub fn update(
        &mut self,
        now: Timestamp,
        found: impl IntoIterator<Item = (K, String, Delays)>,
        is_unknown: impl Fn(&K) -> bool,
    ) -> Changed<K> {
        let mut changed = Changed::default();
        for (key, message, delays) in found {
            let known = self.0.entry(key).or_insert_with(|| Current {
                since: now,
                message: String::new(),
                found: now,
                delays,
                has_begun: false,
            });
            (known.found, known.message) = (now, message);
        }
        self.0.retain(|key, known| {
            if known.found < now && is_unknown(key) {
                known.found = now;
                return true;
            }
            let Delays { begin, end } = known.delays;
            let end = match known.has_begun {
                true => end,
                false => end.min(GAP),
            };
            let is_over = known.found < now && now - known.found >= end;
            if !known.has_begun && known.found == now && now - known.since >= begin {
                known.has_begun = true;
                changed.begun.push((key.clone(), known.clone()));
            } else if is_over && known.has_begun {
                changed.ended.push((key.clone(), known.clone()));
            }
            !is_over
        });
        changed
    }

    /// The problems that have begun and not ended.
    pub fn current(&self) -> impl Iterator<Item = (&K, &Current)> {
        self.0.iter().filter(|(_, known)| known.has_begun)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + seconds)
    }

    #[test]
    fn problem_begins_once_and_ends_once() {
        let delays = ProblemReason::AtMax.delays();
        let mut tracker = Tracker::default();
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        for second in (0..200).step_by(2) {
            // Present for a moment, then for a minute with gaps.
            let is_found = second == 0 || ((60..120).contains(&second) && second % 8 != 0);
            let found = is_found.then(|| ("web", format!("second {second}"), delays));
            let changed = tracker.update(at(second), found, |_| false);
            begun.extend(changed.begun.into_iter().map(|_| second));
            ended.extend(changed.ended.into_iter().map(|(_, it)| (second, it.since)));
        }
        assert_eq!(begun, [70]);
        assert_eq!(ended, [(148, at(60))]);
        assert_eq!(tracker.current().count(), 0);
    }

    #[test]
    fn unknown_problem_is_kept() {
        let mut tracker = Tracker::default();
        let found = [("web", String::new(), Delays::default())];
        tracker.update(at(0), found, |_| false);
        let changed = tracker.update(at(900), [], |_| true);
        assert!(changed.ended.is_empty());
        let changed = tracker.update(at(902), [], |_| false);
        assert_eq!(changed.ended.len(), 1);
    }

    #[test]
    fn each_reason_has_a_unique_name() {
        let names: BTreeSet<&str> = ProblemReason::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), ProblemReason::ALL.len());
        for reason in ProblemReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
