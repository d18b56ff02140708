//! The policy: from an observation to the number of replicas, with the reason of each step.
//!
//! A pipeline of pure steps: recommend (with the missing-data rule) → stabilise → pending tasks and
//! saturated hosts → cooldown and rate limit → budget → bounds. The same observations at the same times
//! give the same decisions.

mod budget;
mod decision;
mod describe;
mod hold;
mod limit;
mod observation;
mod parts;
mod reason;
mod recommend;
mod schedule;
mod settings;
mod stabilise;
mod subject;

pub use budget::{BudgetRequest, share_budget};
pub use decision::{Decision, Stage, Step};
pub use hold::{HoldReason, StayReason};
pub use observation::{Fast, HostLoad, Observation, Obstacle, Shortage, Signal};
pub use parts::Parts;
pub use reason::{Beyond, Reason};
pub use schedule::{Schedule, days};
pub use settings::{Band, Mode, Pace, Rule, Saturation, Select, Settings, Target, Thresholds};
pub use subject::{Subject, SubjectKind};

use sflow_metrics::Timestamp;

use limit::Changes;
use stabilise::Window;

/// The policy of one service or pool: its settings and its state.
#[derive(Clone, Debug)]
pub struct Policy {
    settings: Settings,
    window: Window,
    changes: Changes,
}

impl Policy {
    /// A policy without history. It does not shrink before it has observed one whole stabilisation
    /// window.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            window: Window::default(),
            changes: Changes::default(),
        }
    }

    /// The same policy with other settings and the present state.
    pub fn with_settings(&self, settings: Settings) -> Self {
        Self {
            settings,
            ..self.clone()
        }
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Decides. When the decision has been carried out, call [`record_change`](Self::record_change).
    pub fn step(&mut self, now: Timestamp, observation: &Observation) -> Decision {
        let settings = &self.settings;
        let replicas = observation.replicas;
        let foreign = self.changes.observe(now, replicas);
        let mut decision = Decision::new(now, settings.mode, observation);
        if let Some(before) = foreign {
            decision.note(
                Stage::Observe,
                Reason::ChangedByOthers {
                    before,
                    after: replicas,
                },
            );
        }
        if let Some(obstacle) = &observation.obstacle {
            self.window.hold(now, settings, replicas);
            decision.note(Stage::Observe, Reason::Obstacle(obstacle.clone()));
            return decision;
        }

        let then = self
            .changes
            .replicas_at(now - observation.oldest_reading(), replicas);
        recommend::recommend(settings, observation, then, &mut decision);
        decision.recommendation = Some(decision.result);
        self.window.apply(now, settings, replicas, &mut decision);
        limit::pending(observation, &mut decision);
        limit::saturated(settings, observation, &mut decision);
        self.changes.apply(now, settings, replicas, &mut decision);
        if let Some(ceiling) = observation.ceiling
            && decision.result > ceiling
        {
            decision.change(Stage::Budget, ceiling, Reason::Budget { ceiling });
        }
        let (min, max, schedule) = settings.bounds(now);
        let bounded = decision.result.clamp(min, max);
        if bounded != decision.result {
            if let Some(schedule) = schedule {
                let schedule = schedule.to_string();
                decision.note(Stage::Clamp, Reason::Scheduled { schedule });
            }
            if bounded < replicas && observation.is_silent() {
                let kept = replicas.max(min);
                decision.change(Stage::Clamp, kept, Reason::SilentAboveMax { max });
            } else {
                let reason = Reason::Bounds {
                    min,
                    max,
                    asked: decision.result,
                    replicas,
                };
                decision.change(Stage::Clamp, bounded, reason);
            }
        }
        decision
    }

    /// The number of replicas for the shared budget: the largest recommendation of the stabilisation
    /// window of shrinking. With the last recommendation alone, services would take replicas from each
    /// other again and again.
    pub fn demand(&self, now: Timestamp) -> Option<u32> {
        let last = self.window.last();
        self.window.most(now, &self.settings).max(last)
    }

    /// Records that the number of replicas was changed by a decision of this policy.
    pub fn record_change(&mut self, now: Timestamp, from: u32, to: u32) {
        self.changes.record(now, from, to);
    }
}

#[cfg(test)]
pub(crate) mod tests;
