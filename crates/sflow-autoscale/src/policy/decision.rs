use std::fmt;

use serde::{Deserialize, Serialize};
use sflow_metrics::Timestamp;

use super::observation::{Observation, Signal};
use super::reason::Reason;
use super::settings::Mode;
use super::subject::Subject;

/// A decision with its inputs and the reason of every step.
///
/// Log, page, JSON and tests use this one value.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Decision {
    /// The time of the decision.
    #[cfg_attr(feature = "utoipa", schema(value_type = u64))]
    pub time: Timestamp,
    /// The service or pool.
    #[serde(flatten)]
    pub subject: Subject,
    /// Whether it is to be carried out.
    pub mode: Mode,
    /// Replicas before the decision.
    pub replicas: u32,
    /// Number of running tasks.
    pub running: u32,
    /// The signals with their ages and counts.
    pub inputs: Vec<Signal>,
    /// The number that the rule alone recommends.
    #[serde(rename = "wish")]
    pub recommendation: Option<u32>,
    /// The steps that changed the number or kept it, each with its reason.
    pub steps: Vec<Step>,
    /// Replicas decided.
    pub result: u32,
    /// The earliest time of the next change, as far as it is known.
    #[cfg_attr(feature = "utoipa", schema(value_type = Option<u64>))]
    pub next_change: Option<Timestamp>,
}

impl Decision {
    pub(super) fn new(time: Timestamp, mode: Mode, observation: &Observation) -> Self {
        Self {
            time,
            subject: observation.subject.clone(),
            mode,
            replicas: observation.replicas,
            running: u32::try_from(observation.running.len()).unwrap_or(u32::MAX),
            inputs: observation.signals.clone(),
            recommendation: None,
            steps: Vec::new(),
            result: observation.replicas,
            next_change: None,
        }
    }

    /// The ratio of load and limit; 1 if the load is below the limit.
    pub fn need(&self) -> f64 {
        let needs = self.steps.iter().filter_map(|step| match &step.reason {
            Reason::Above(above) if above.limit > 0.0 => Some(above.value / above.limit),
            _ => None,
        });
        needs.fold(1.0, f64::max)
    }

    /// Keeps the number until `next`, because the limit of changes per minute is used up.
    pub fn defer(&mut self, per_minute: u32, next: Timestamp) {
        let reason = Reason::WaitsItsTurn { per_minute };
        self.change(Stage::Turn, self.replicas, reason);
        self.next_change = Some(next);
    }

    /// Whether the number changes.
    pub const fn is_change(&self) -> bool {
        self.result != self.replicas
    }

    /// Whether packet samples contributed to it.
    pub fn is_fast(&self) -> bool {
        let mut reasons = self.steps.iter().map(|step| &step.reason);
        reasons.any(|reason| matches!(reason, Reason::FastSignal { .. }))
    }

    /// The reasons in words, the last step first: it determined the number.
    pub fn reasons(&self) -> Vec<String> {
        self.steps
            .iter()
            .rev()
            .map(|step| step.reason.describe(self.subject.kind))
            .collect()
    }

    /// Adds a step that keeps the number.
    pub fn note(&mut self, stage: Stage, reason: Reason) {
        self.change(stage, self.result, reason);
    }

    /// Adds a step that sets the number.
    pub fn change(&mut self, stage: Stage, to: u32, reason: Reason) {
        self.steps.push(Step {
            stage,
            from: self.result,
            to,
            reason,
        });
        self.result = to;
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_change() {
            write!(
                f,
                "{}: {} -> {}",
                self.subject.name, self.replicas, self.result
            )?;
        } else {
            write!(f, "{}: stays at {}", self.subject.name, self.replicas)?;
        }
        for (place, reason) in self.reasons().iter().enumerate() {
            write!(f, "{}{reason}", if place == 0 { " (" } else { "; " })?;
        }
        if self.steps.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

/// One step of the pipeline.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Step {
    /// The stage of the pipeline.
    pub stage: Stage,
    /// The number before.
    pub from: u32,
    /// The number after.
    pub to: u32,
    /// The reason.
    #[serde(flatten)]
    pub reason: Reason,
}

/// The stages of the pipeline, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Obstacles, and changes by others.
    Observe,
    /// The recommendation of the rule.
    Recommend,
    /// The missing-data rule.
    MissingData,
    /// The stabilisation window.
    Stabilise,
    /// Tasks that do not start.
    Pending,
    /// Saturated hosts.
    Saturation,
    /// Time since the last change.
    Cooldown,
    /// Changes per period.
    RateLimit,
    /// The cluster-wide budget.
    Budget,
    /// The bounds.
    Clamp,
    /// The limit of changes of all services together.
    Turn,
    /// The number of machines that the services need.
    Floor,
    /// Orders, drains and returns of machines.
    Machines,
    /// Whether this process leads.
    Leadership,
}

impl Stage {
    /// The name in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Recommend => "recommend",
            Self::MissingData => "missing data",
            Self::Stabilise => "stabilise",
            Self::Pending => "pending",
            Self::Saturation => "saturation",
            Self::Cooldown => "cooldown",
            Self::RateLimit => "rate limit",
            Self::Budget => "budget",
            Self::Clamp => "clamp",
            Self::Turn => "turn",
            Self::Floor => "floor",
            Self::Machines => "machines",
            Self::Leadership => "leadership",
        }
    }
}
