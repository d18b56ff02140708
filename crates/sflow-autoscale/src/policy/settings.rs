use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::schedule::Schedule;

/// The settings of a policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Whether decisions are made, and whether they are carried out.
    pub mode: Mode,
    /// The minimum of replicas.
    pub min: u32,
    /// The maximum of replicas.
    pub max: u32,
    /// The rule of the recommendation.
    pub rule: Rule,
    /// The load of a task that has been running for less than this does not count.
    pub warm_up: Duration,
    /// Whether packet samples are used beside counters.
    pub fast: bool,
    /// Bounds for certain times; of several that apply, the last counts.
    pub schedules: Vec<Schedule>,
    /// The limits of saturated hosts.
    pub saturation: Saturation,
    /// Limits of growth.
    pub up: Pace,
    /// Limits of shrinking.
    pub down: Pace,
}

/// Whether decisions are made, and whether they are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is decided.
    Off,
    /// Decisions are made and shown; nothing is changed.
    #[default]
    Advise,
    /// Decisions are carried out.
    Act,
}

impl Settings {
    /// Settings that advise between 1 and 10 replicas by this rule. Growth is immediate, shrinking waits
    /// for the largest recommendation of 5 min; warm-up, cooldown and rate limit are off.
    pub fn new(rule: Rule) -> Self {
        Self {
            mode: Mode::Advise,
            min: 1,
            max: 10,
            rule,
            warm_up: Duration::ZERO,
            fast: true,
            schedules: Vec::new(),
            saturation: Saturation::default(),
            up: Pace::default(),
            down: Pace {
                stabilise: Duration::from_secs(300),
                ..Pace::default()
            },
        }
    }

    /// The bounds at this time, and the schedule that sets them.
    pub fn bounds(&self, now: Timestamp) -> (u32, u32, Option<&Schedule>) {
        let schedule = self
            .schedules
            .iter()
            .rev()
            .find(|schedule| schedule.is_at(now));
        let min = schedule
            .and_then(|schedule| schedule.min)
            .unwrap_or(self.min);
        let max = schedule
            .and_then(|schedule| schedule.max)
            .unwrap_or(self.max);
        (min, max.max(min), schedule)
    }
}

impl Mode {
    /// The mode that allows less.
    pub const fn least(self, other: Self) -> Self {
        match (self, other) {
            (Self::Off, _) | (_, Self::Off) => Self::Off,
            (Self::Advise, _) | (_, Self::Advise) => Self::Advise,
            (Self::Act, Self::Act) => Self::Act,
        }
    }

    /// The word used in configuration, log and page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Advise => "advise",
            Self::Act => "act",
        }
    }
}

/// How a recommendation is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum Rule {
    /// As many replicas as bring the mean per container to its target; of several metrics, the
    /// one that asks for most wins.
    Target {
        /// The metrics and their targets.
        metrics: Vec<Target>,
        /// Growing starts above `1 + tolerance_up` times the target.
        tolerance_up: f64,
        /// Shrinking starts below `1 - tolerance_down` times the target.
        tolerance_down: f64,
    },
    /// More when any metric is above its upper threshold; fewer when all are below their lower.
    TwoThreshold {
        /// The metrics and their thresholds.
        metrics: Vec<Thresholds>,
        /// Replicas to add.
        step_up: u32,
        /// Replicas to take away.
        step_down: u32,
    },
}

/// One metric of a rule with its limits, to be shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Band {
    /// The name of the metric.
    pub metric: String,
    /// The unit.
    pub unit: String,
    /// The size shrinks below this value.
    pub lower: f64,
    /// The size grows above this value.
    pub upper: f64,
    /// The target, which is within the range; `None` for two thresholds.
    pub target: Option<f64>,
}

impl Rule {
    /// One metric with its target as mean per container, and a tolerance of 10 % in both directions.
    pub fn target(metric: &str, target: f64) -> Self {
        Self::Target {
            metrics: vec![Target {
                metric: metric.to_owned(),
                target,
            }],
            tolerance_up: 0.1,
            tolerance_down: 0.1,
        }
    }

    /// The metrics, in order.
    pub fn metrics(&self) -> Vec<&str> {
        match self {
            Self::Target { metrics, .. } => metrics.iter().map(|m| m.metric.as_str()).collect(),
            Self::TwoThreshold { metrics, .. } => {
                metrics.iter().map(|m| m.metric.as_str()).collect()
            }
        }
    }

    /// The target of the metric at `index`; `None` for two thresholds.
    pub fn target_of(&self, index: usize) -> Option<f64> {
        match self {
            Self::Target { metrics, .. } => metrics.get(index).map(|metric| metric.target),
            Self::TwoThreshold { .. } => None,
        }
    }

    /// The range of the metric at `index` in which the size stays.
    pub fn band(&self, index: usize) -> Option<(f64, f64)> {
        match self {
            Self::Target {
                metrics,
                tolerance_up,
                tolerance_down,
            } => metrics.get(index).map(|m| {
                (
                    m.target * (1.0 - tolerance_down),
                    m.target * (1.0 + tolerance_up),
                )
            }),
            Self::TwoThreshold { metrics, .. } => metrics.get(index).map(|m| (m.lower, m.upper)),
        }
    }
}

/// The target of one metric, as mean per container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// Name, or a sum of names: `vir_bytes_in+vir_bytes_out`.
    pub metric: String,
    /// The target.
    pub target: f64,
}

/// The thresholds of one metric, as mean per container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thresholds {
    /// Name, or a sum of names.
    pub metric: String,
    /// Fewer replicas when below.
    pub lower: f64,
    /// More replicas when above.
    pub upper: f64,
}

/// The limits of changes in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pace {
    /// The most cautious recommendation of this window counts.
    pub stabilise: Duration,
    /// Time that must have passed since the last change of the service, by this policy or by others.
    pub cooldown: Duration,
    /// Limit of tasks per period.
    pub tasks: Option<u32>,
    /// Limit per period in percent of the replicas at its start.
    pub percent: Option<f64>,
    /// The period of `tasks` and `percent`.
    pub period: Duration,
    /// Which of `tasks` and `percent` counts if both are set.
    pub select: Select,
}

/// Limits from which on a host is saturated, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Saturation {
    /// CPU time used.
    pub cpu: f64,
    /// CPU time that the hypervisor gave to other machines (steal).
    pub steal: f64,
    /// Utilisation of the busiest interface.
    pub network: f64,
}

impl Default for Saturation {
    fn default() -> Self {
        Self {
            cpu: 95.0,
            steal: 20.0,
            network: 90.0,
        }
    }
}

/// Which of two limits counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// The limit that allows more.
    #[default]
    Max,
    /// The limit that allows less.
    Min,
    /// Changes in this direction are switched off.
    None,
}
