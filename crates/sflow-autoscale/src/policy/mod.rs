//! The policy: from what is observed to how many replicas there should be, and why.
//!
//! A pipeline of small pure steps, each of which may change the number and then says so:
//! recommend (with the missing-data rule) → stabilise → rate limit and cooldown → budget →
//! clamp. No clock and no I/O: the same observations at the same times give the same decisions.

mod budget;
mod decision;
mod hold;
mod limit;
mod observation;
mod parts;
mod reason;
mod recommend;
mod schedule;
mod settings;
mod stabilise;

pub use budget::{Claim, shares};
pub use decision::{Decision, Kind, Stage, Step};
pub use hold::{HoldReason, StayReason};
pub use observation::{Fast, HostLoad, Observation, Obstacle, Shortage, Signal};
pub use parts::Parts;
pub use reason::Reason;
pub use schedule::{Schedule, days};
pub use settings::{Band, Mode, Pace, Rule, Saturation, Select, Settings, Target, Thresholds};

use sflow_metrics::Timestamp;

use limit::Changes;
use stabilise::Window;

/// The policy of one service: its settings, and what it has to remember.
#[derive(Clone, Debug)]
pub struct Policy {
    settings: Settings,
    window: Window,
    changes: Changes,
}

impl Policy {
    /// A policy that remembers nothing yet; it will not shrink before it has watched for one
    /// whole stabilisation window.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            window: Window::default(),
            changes: Changes::default(),
        }
    }

    /// The same, with all that is remembered, under other settings.
    pub fn with(&self, settings: Settings) -> Self {
        Self {
            settings,
            ..self.clone()
        }
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Decides. Changes nothing in the world; when the decision has been carried out, tell it
    /// by [`changed`](Self::changed).
    pub fn step(&mut self, now: Timestamp, observation: &Observation) -> Decision {
        let settings = &self.settings;
        let replicas = observation.replicas;
        let foreign = self.changes.notice(now, replicas);
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
        let wish = decision.result;
        decision.wish = Some(wish);
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

    /// What others are to leave to it: the most that it wished for in the window of shrinking. By
    /// what it wishes at a single moment, others would be taken from and given back over and over.
    pub fn claim(&self, now: Timestamp) -> Option<u32> {
        let last = self.window.last();
        self.window.most(now, &self.settings).max(last)
    }

    /// Tells the policy that its decision has been carried out.
    pub fn changed(&mut self, now: Timestamp, from: u32, to: u32) {
        self.changes.record(now, from, to);
    }
}

#[cfg(test)]
pub(crate) mod tests;
