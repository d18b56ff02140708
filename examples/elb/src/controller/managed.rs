//! One service under control, and what is remembered of it.

use std::sync::Arc;

use sflow_metrics::{QueryError, Timestamp};

use crate::config::Service as Configured;
use crate::orchestrator::{Scaling, Service, ServiceId};
use crate::policy::{Claim, Decision, Mode, Policy};
use crate::telemetry::Question;

/// One service under control.
#[derive(Debug)]
pub struct Managed {
    /// Its name.
    pub name: String,
    /// Larger is served first when the budget is short.
    pub priority: i32,
    /// What is to be done for it.
    pub mode: Mode,
    /// Its policy.
    pub policy: Policy,
    /// What is asked of the telemetry.
    pub question: Question,
    /// As it was found last; `None` if the orchestrator does not know it.
    pub state: Option<Arc<Service>>,
    /// What was decided last.
    pub last: Option<Arc<Decision>>,
    /// The identity that it had when it was found last.
    pub(super) known: Option<ServiceId>,
    /// Where it was configured.
    pub origin: Origin,
    /// How often in a row it had changed when it was to be changed.
    pub(super) conflicts: u32,
    /// The number of the last change of our own that was not confirmed: it may have been made.
    pub(super) unconfirmed: Option<u32>,
}

/// Where a service was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration.
    File,
    /// By its own labels.
    Labels,
}

impl Managed {
    pub(super) fn new(service: &Configured, origin: Origin) -> Result<Self, QueryError> {
        let question = Question::new(&service.settings.rule.metrics())?;
        Ok(Self {
            name: service.name.clone(),
            priority: service.priority,
            mode: service.settings.mode,
            policy: Policy::new(service.settings.clone()),
            question,
            state: None,
            last: None,
            origin,
            known: None,
            conflicts: 0,
            unconfirmed: None,
        })
    }

    /// Takes note of how the service is now. What was remembered of another under the same name
    /// is not of this one.
    pub(super) fn is_now(&mut self, state: Option<Service>) {
        if let Some(found) = &state
            && self.known.as_ref() != Some(&found.id)
        {
            if self.known.is_some() {
                self.policy = Policy::new(self.policy.settings().clone());
                self.last = None;
                self.conflicts = 0;
                self.unconfirmed = None;
            }
            self.known = Some(found.id.clone());
        }
        self.state = state.map(Arc::new);
    }

    pub(super) fn claim(&self, now: Timestamp) -> Claim {
        let (min, max, _) = self.policy.settings().bounds(now);
        let replicas = match self.state.as_ref().map(|service| service.scaling) {
            Some(Scaling::Replicated { replicas }) => replicas,
            _ => 0,
        };
        let wish = self.policy.claim(now).unwrap_or(replicas);
        let wish = wish.max(replicas).clamp(min, max);
        Claim {
            priority: self.priority,
            min,
            wish,
            room: wish.saturating_add(1).min(max),
        }
    }
}

impl Managed {
    /// Goes on as another knew it: nothing has to be watched anew.
    pub(super) fn inherit(&mut self, old: &mut Self) {
        self.policy = old.policy.with(self.policy.settings().clone());
        self.state = old.state.take();
        self.last = old.last.take();
        self.known = old.known.take();
    }
}
