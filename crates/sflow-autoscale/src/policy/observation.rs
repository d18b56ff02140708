use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::decision::Kind;
use super::settings::Saturation;
use crate::format::quantity;

/// What a decision is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// What is observed.
    pub kind: Kind,
    /// The service, or the pool.
    pub service: String,
    /// Replicas that the orchestrator has been told to keep.
    pub replicas: u32,
    /// For each task that runs, since when.
    pub running: Vec<Duration>,
    /// Tasks that should run and do not.
    pub pending: u32,
    /// Why not, in the orchestrator's words.
    pub pending_error: Option<String>,
    /// Something that forbids any change.
    pub obstacle: Option<Obstacle>,
    /// One for each metric of the rule, in its order.
    pub signals: Vec<Signal>,
    /// The service's share of the cluster-wide budget.
    pub ceiling: Option<u32>,
    /// The hosts that run it; of one without telemetry only the name is known.
    pub hosts: Vec<HostLoad>,
    /// Other hosts that are not full.
    pub elsewhere: u32,
}

/// How busy a host is, in percent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HostLoad {
    /// Its name.
    pub name: String,
    /// CPU time used.
    pub cpu: Option<f64>,
    /// CPU time that other machines took.
    pub steal: Option<f64>,
    /// Memory used.
    pub memory: Option<f64>,
    /// Of the line rate of its busiest interface.
    pub network: Option<f64>,
}

impl HostLoad {
    /// The first resource whose use has reached its limit: the host is full.
    pub fn saturated(&self, limits: &Saturation) -> Option<Shortage> {
        let resources = [
            ("CPU use", self.cpu, limits.cpu),
            ("CPU time taken by other machines", self.steal, limits.steal),
            ("use of the busiest interface", self.network, limits.network),
        ];
        let mut resources = resources.into_iter();
        resources.find_map(|(what, value, limit)| {
            let value = value.filter(|value| *value >= limit)?;
            Some(Shortage {
                what: what.to_owned(),
                value,
                limit,
            })
        })
    }
}

/// A resource of a host that is used up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shortage {
    /// The quantity, in words.
    pub what: String,
    /// Its value, in percent.
    pub value: f64,
    /// The limit from which on the host is full, in percent.
    pub limit: f64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |value| quantity(Some(value), "%");
        let (value, limit) = (percent(self.value), percent(self.limit));
        write!(f, "{} {value}, limit {limit}", self.what)
    }
}

impl Observation {
    /// How long ago that was which the oldest reading of a signal speaks of. A rate is one of
    /// the interval before it was read; with containers read in turn, the oldest reading is
    /// about one such interval old, and its middle lies half of one before that.
    pub(super) fn oldest_reading(&self) -> Duration {
        let ages = self.signals.iter().filter_map(|signal| signal.oldest);
        let oldest = ages.fold(0.0, f64::max);
        Duration::try_from_secs_f64(oldest * 1.5).unwrap_or(Duration::ZERO)
    }
}

/// One metric, as mean per container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Signal {
    /// Name of the metric.
    pub metric: String,
    /// Unit of all its values: `B/s`, `%`, `cores`; empty if it has none.
    pub unit: String,
    /// The mean over the containers that contributed; `None` without any.
    pub value: Option<f64>,
    /// The smallest of their values.
    pub least: Option<f64>,
    /// The largest: one hot container among cold ones is not seen in the mean.
    pub most: Option<f64>,
    /// Containers with a fresh value that are older than the warm-up.
    pub contributing: u32,
    /// Containers that telemetry knows of this service.
    pub matched: u32,
    /// Containers with a fresh value that does not count because they are younger than the
    /// warm-up.
    pub warming: u32,
    /// Age of the newest reading, in seconds.
    pub newest: Option<f64>,
    /// Age of the oldest reading, in seconds.
    pub oldest: Option<f64>,
    /// What packet samples say, long before counters do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fast: Option<Fast>,
}

/// What packet samples say of a metric at this moment, corrected by what counters said before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fast {
    /// The mean per running container.
    pub value: f64,
    /// Its relative standard error.
    pub error: f64,
    /// Samples that it rests on.
    pub samples: u64,
    /// By what samples alone were multiplied.
    pub correction: f64,
}

impl Signal {
    /// The value, if it is a number that can be a load, and how many containers it stands for.
    pub(super) fn known(&self) -> Option<(f64, u32)> {
        let value = self
            .value
            .filter(|value| value.is_finite() && *value >= 0.0)?;
        (self.contributing > 0).then_some((value, self.contributing))
    }
}

/// Something that forbids any change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "obstacle")]
pub enum Obstacle {
    /// The service has no number of replicas that could be set.
    NotScalable {
        /// What it is instead.
        what: String,
    },
    /// A rolling update or rollback is under way.
    RolloutRunning,
    /// A rolling update stopped half-way.
    RolloutPaused,
    /// It belongs to another autoscaler.
    OwnedByOther {
        /// The name of that autoscaler.
        owner: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotScalable { what } => write!(f, "a {what} service cannot be scaled"),
            Self::RolloutRunning => {
                f.write_str("a rolling update is in progress: no change until it ends")
            }
            Self::RolloutPaused => {
                f.write_str("a rolling update is paused: resume it or roll it back first")
            }
            Self::OwnedByOther { owner } => write!(
                f,
                "it belongs to the autoscaler {owner:?}: this one does not change it"
            ),
        }
    }
}
