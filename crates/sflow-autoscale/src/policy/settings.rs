use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::schedule::Schedule;

/// How one service is balanced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Whether decisions are made, and whether they are carried out.
    pub mode: Mode,
    /// Never fewer replicas.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// How a recommendation is made.
    pub rule: Rule,
    /// A task that has been running for less than this is not expected to show its load yet.
    pub warm_up: Duration,
    /// Whether packet samples may show a surge before counters do.
    pub fast: bool,
    /// Other bounds at certain times; of several that apply, the last.
    pub schedules: Vec<Schedule>,
    /// When a host is taken for saturated.
    pub saturation: Saturation,
    /// How growing is paced.
    pub up: Pace,
    /// How shrinking is paced.
    pub down: Pace,
}

/// Whether decisions are made, and whether they are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
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
    /// The bounds at this time, and the schedule that they are of.
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
    /// The one that allows less.
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

/// One metric of a rule, as people are shown it.
#[derive(Clone, Debug, Serialize)]
pub struct Band {
    /// Its name.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// What is balanced shrinks below.
    pub lower: f64,
    /// And grows above.
    pub upper: f64,
}

impl Rule {
    /// The metrics it asks for, in order.
    pub fn metrics(&self) -> Vec<&str> {
        match self {
            Self::Target { metrics, .. } => metrics.iter().map(|m| m.metric.as_str()).collect(),
            Self::TwoThreshold { metrics, .. } => {
                metrics.iter().map(|m| m.metric.as_str()).collect()
            }
        }
    }

    /// The values between which the metric at `index` may lie without anything happening.
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

/// What one metric should be, as mean per container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// Name, or a sum of names: `vir_bytes_in+vir_bytes_out`.
    pub metric: String,
    /// The value to keep.
    pub target: f64,
}

/// Between which values one metric should stay, as mean per container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thresholds {
    /// Name, or a sum of names.
    pub metric: String,
    /// Fewer replicas when below.
    pub lower: f64,
    /// More replicas when above.
    pub upper: f64,
}

/// How changes in one direction are paced.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pace {
    /// The most cautious recommendation of this window counts.
    pub stabilise: Duration,
    /// Time that must have passed since the last change of the service, whoever made it.
    pub cooldown: Duration,
    /// At most so many tasks in a period.
    pub tasks: Option<u32>,
    /// At most so many percent of the replicas at its start in a period.
    pub percent: Option<f64>,
    /// The period of `tasks` and `percent`.
    pub period: Duration,
    /// Which of `tasks` and `percent` counts where both are set.
    pub select: Select,
}

/// When a host is taken for saturated, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Saturation {
    /// Of its CPU time used.
    pub cpu: f64,
    /// Of its CPU time taken by other machines.
    pub steal: f64,
    /// Of the line rate of its busiest interface.
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
    /// The one that allows more.
    #[default]
    Max,
    /// The one that allows less.
    Min,
    /// There is no change in this direction at all.
    None,
}
