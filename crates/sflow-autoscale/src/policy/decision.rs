use std::fmt;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::observation::{Observation, Signal};
use super::reason::Reason;
use super::settings::Mode;

/// What was decided, from what, and why.
///
/// Log line, page, JSON and test assertion are this one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    pub time: Timestamp,
    /// What it is for.
    pub kind: Kind,
    /// For which service, or pool of machines.
    pub service: String,
    /// Whether it is to be carried out.
    pub mode: Mode,
    /// Replicas before.
    pub replicas: u32,
    /// Tasks that ran.
    pub running: u32,
    /// The signals, with their ages and counts.
    pub inputs: Vec<Signal>,
    /// The number that the rule alone recommends.
    #[serde(rename = "wish")]
    pub recommendation: Option<u32>,
    /// Every step that changed the number, or kept it from changing, and why.
    pub steps: Vec<Step>,
    /// Replicas decided.
    pub result: u32,
    /// Not before this moment will the number change again, as far as that is known.
    pub next_change: Option<Timestamp>,
}

/// What a decision is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A service: its replicas are tasks.
    #[default]
    Service,
    /// A pool: its replicas are machines.
    Pool,
}

impl Decision {
    pub(super) fn new(time: Timestamp, mode: Mode, observation: &Observation) -> Self {
        Self {
            time,
            kind: observation.kind,
            service: observation.service.clone(),
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

    /// How far above its limit the service is; 1 if it is not.
    pub fn need(&self) -> f64 {
        let needs = self.steps.iter().filter_map(|step| match &step.reason {
            Reason::Above { value, limit, .. } if *limit > 0.0 => Some(value / limit),
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

    /// Whether the number is to change.
    pub const fn is_change(&self) -> bool {
        self.result != self.replicas
    }

    /// Whether packet samples, and not counters alone, have led to it.
    pub fn is_fast(&self) -> bool {
        let mut reasons = self.steps.iter().map(|step| &step.reason);
        reasons.any(|reason| matches!(reason, Reason::FastSignal { .. }))
    }

    /// The reasons in words, the last step first: what finally determined the number.
    pub fn reasons(&self) -> Vec<String> {
        self.steps
            .iter()
            .rev()
            .map(|step| step.reason.words(self.kind))
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
            write!(f, "{}: {} -> {}", self.service, self.replicas, self.result)?;
        } else {
            write!(f, "{}: stays at {}", self.service, self.replicas)?;
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// The number before.
    pub from: u32,
    /// The number after.
    pub to: u32,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

/// The stages of the pipeline, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What forbids a decision, or changed by itself.
    Observe,
    /// What the rule asks for.
    Recommend,
    /// What the missing-data rule made of it.
    MissingData,
    /// The most cautious recommendation of a window.
    Stabilise,
    /// Tasks that do not start.
    Pending,
    /// Hosts that have no more to give.
    Saturation,
    /// Time since the last change.
    Cooldown,
    /// Changes per period.
    RateLimit,
    /// The cluster-wide budget.
    Budget,
    /// The bounds.
    Clamp,
    /// Changes of all services together.
    Turn,
    /// Machines that the services need at least.
    Floor,
    /// How machines come and go.
    Machines,
}

impl Stage {
    /// In words.
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
        }
    }
}
