use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::settings::Saturation;
use super::subject::Subject;
use crate::format::quantity;

/// The input of a decision.
///
/// Its serialised form is enough to make the decision again with another policy; members with their
/// default are left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Observation {
    /// The service or pool.
    #[serde(flatten)]
    pub subject: Subject,
    /// The desired number of replicas of the orchestrator.
    pub replicas: u32,
    /// The age of each running task; serialised in seconds.
    #[serde(with = "seconds")]
    pub running: Vec<Duration>,
    /// Number of tasks that do not start.
    #[serde(skip_serializing_if = "is_zero")]
    pub pending: u32,
    /// The error of the orchestrator for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_error: Option<String>,
    /// An obstacle to any change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
    /// One per metric of the rule, in its order.
    pub signals: Vec<Signal>,
    /// The share of the service of the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<u32>,
    /// The hosts that run it. Without telemetry of a host only its name is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostLoad>,
    /// The number of other hosts that are not saturated.
    #[serde(skip_serializing_if = "is_zero")]
    pub elsewhere: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Durations as seconds, rounded to milliseconds.
mod seconds {
    use super::{Deserialize, Duration};

    pub(super) fn serialize<S: serde::Serializer>(
        durations: &[Duration],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(durations.iter().map(|it| it.as_millis() as f64 / 1e3))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Duration>, D::Error> {
        let seconds = Vec::<f64>::deserialize(deserializer)?;
        let duration = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(seconds.into_iter().map(duration).collect())
    }
}

/// The load of a host, in percent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct HostLoad {
    /// The name of the host.
    pub name: String,
    /// CPU time used.
    pub cpu: Option<f64>,
    /// CPU time that the hypervisor gave to other machines (steal).
    pub steal: Option<f64>,
    /// Memory used.
    pub memory: Option<f64>,
    /// Utilisation of its busiest interface.
    pub network: Option<f64>,
}

impl HostLoad {
    /// The first resource whose use has reached its limit. The host is then saturated.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Shortage {
    /// The quantity, in words.
    pub what: String,
    /// Its value, in percent.
    pub value: f64,
    /// The limit, in percent.
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
    /// The age of the load that the oldest reading shows. A rate covers the interval before its reading.
    /// With containers polled in turn the oldest reading is about one interval old, and the middle of its
    /// interval is half an interval older.
    pub(super) fn oldest_reading(&self) -> Duration {
        let ages = self.signals.iter().filter_map(|signal| signal.oldest);
        let oldest = ages.fold(0.0, f64::max);
        Duration::try_from_secs_f64(oldest * 1.5).unwrap_or(Duration::ZERO)
    }
}

/// A metric as mean per container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Signal {
    /// The name of the metric.
    pub metric: String,
    /// The unit of all values: `B/s`, `%`, `cores`; empty for plain numbers.
    pub unit: String,
    /// The mean over the containers that contribute; `None` without any.
    pub value: Option<f64>,
    /// The smallest of their values.
    pub least: Option<f64>,
    /// The largest of their values: the mean does not show a single overloaded container.
    pub most: Option<f64>,
    /// Containers with a fresh value that are older than the warm-up.
    pub contributing: u32,
    /// Running containers of the service that telemetry knows.
    pub matched: u32,
    /// Containers with a fresh value that does not count because they are younger than the
    /// warm-up.
    pub warming: u32,
    /// Age of the newest reading, in seconds.
    pub newest: Option<f64>,
    /// Age of the oldest reading, in seconds.
    pub oldest: Option<f64>,
    /// The value by packet samples, which show a surge before counters do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(nullable = false))]
    pub fast: Option<Fast>,
}

/// The present value of a metric by packet samples, corrected by earlier counters.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Fast {
    /// The mean per running container.
    pub value: f64,
    /// The relative standard error.
    pub error: f64,
    /// Number of packet samples.
    pub samples: u64,
    /// The factor of the correction.
    pub correction: f64,
}

impl Signal {
    /// The value, if it is valid, and the number of containers that contribute.
    pub(super) fn known(&self) -> Option<(f64, u32)> {
        let value = self
            .value
            .filter(|value| value.is_finite() && *value >= 0.0)?;
        (self.contributing > 0).then_some((value, self.contributing))
    }
}

/// An obstacle to any change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "obstacle")]
pub enum Obstacle {
    /// The service does not have a number of replicas that could be set.
    NotScalable {
        /// The kind of the service: `global`, `job`.
        what: String,
    },
    /// A rolling update or rollback is in progress.
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
