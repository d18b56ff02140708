//! One service under control, and what is remembered of it.

use std::collections::HashMap;
use std::sync::Arc;

use sflow_metrics::{Timestamp, query};

use crate::config::Service as Configured;
use crate::orchestrator::{Scaling, Service, ServiceId, TaskState};
use crate::policy::{Claim, Decision, Mode, Policy};
use sflow_autoscale::observe::MetricQuery;

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
    pub question: MetricQuery,
    /// As it was found last; `None` if the orchestrator does not know it.
    pub state: Option<Arc<Service>>,
    /// What was decided last.
    pub last: Option<Arc<Decision>>,
    /// The identity that it had when it was found last.
    pub(super) known: Option<ServiceId>,
    /// Where it was configured.
    pub origin: Origin,
    /// Since when each of its containers has been seen running.
    running_since: HashMap<String, Timestamp>,
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
    pub(super) fn new(service: &Configured, origin: Origin) -> Result<Self, query::Error> {
        let question = MetricQuery::new(&service.settings.rule.metrics())?;
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
            running_since: HashMap::new(),
            conflicts: 0,
            unconfirmed: None,
        })
    }

    /// Takes note of how the service is now. What was remembered of another under the same name
    /// is not of this one.
    pub(super) fn is_now(&mut self, now: Timestamp, mut state: Option<Service>) {
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
        if let Some(found) = &mut state {
            self.correct_ages(now, found);
        }
        self.state = state.map(Arc::new);
    }

    /// A running task is at least as old as it has been seen running: its own timestamp may be
    /// missing, or of a node whose clock is ahead, and then its load would never count.
    fn correct_ages(&mut self, now: Timestamp, found: &mut Service) {
        let mut running_since = HashMap::new();
        for task in &mut found.tasks {
            if task.state == TaskState::Running {
                let known = self.running_since.get(&task.container);
                let since = known.copied().unwrap_or(now);
                task.age = task.age.max(now - since);
                running_since.insert(task.container.clone(), since);
            }
        }
        self.running_since = running_since;
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
        self.running_since = std::mem::take(&mut old.running_since);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::orchestrator::{Rollout, Task};

    fn service(container: &str, age: Duration) -> Service {
        Service {
            id: ServiceId("id".to_owned()),
            name: "apache".to_owned(),
            scaling: Scaling::Replicated { replicas: 1 },
            version: 1,
            rollout: Rollout::Settled,
            labels: std::collections::BTreeMap::new(),
            cpu_limit: None,
            tasks: vec![Task {
                container: container.to_owned(),
                state: TaskState::Running,
                age,
                ..Task::default()
            }],
        }
    }

    /// The engine reports age zero where a timestamp is missing or a clock is ahead.
    #[test]
    fn running_task_is_as_old_as_it_has_been_seen_running() {
        let configured = &Config::article().services[0];
        let mut managed = Managed::new(configured, Origin::File).unwrap();
        let age = |managed: &Managed| managed.state.as_ref().unwrap().tasks[0].age;
        let at = Timestamp::from_secs;
        let hour = Duration::from_secs(3_600);
        for (second, container, reported, expected) in [
            (100, "apache.1.a", Duration::ZERO, Duration::ZERO),
            (120, "apache.1.a", Duration::ZERO, Duration::from_secs(20)),
            (130, "apache.1.a", hour, hour),
            (140, "apache.1.b", Duration::ZERO, Duration::ZERO),
        ] {
            managed.is_now(at(second), Some(service(container, reported)));
            assert_eq!(age(&managed), expected, "{second}");
        }
    }
}
