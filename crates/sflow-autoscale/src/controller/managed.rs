//! A service under control and its state.

use std::collections::HashMap;
use std::sync::Arc;

use sflow_metrics::Timestamp;

use super::ServiceSettings;
use crate::observe::MetricQuery;
use crate::orchestrator::{Scaling, Service, ServiceId, TaskState};
use crate::policy::{BudgetRequest, Decision, Mode, Observation, Policy};

/// A service under control.
#[derive(Debug)]
pub struct ManagedService {
    /// The name of the service.
    pub name: String,
    /// Services of a higher priority get replicas of the budget first.
    pub priority: i32,
    /// The mode of the service; the mode of the controller can allow less.
    pub mode: Mode,
    /// The policy.
    pub policy: Policy,
    /// The metrics of the policy.
    pub query: MetricQuery,
    /// The last description by the orchestrator; `None` if the service does not exist.
    pub state: Option<Arc<Service>>,
    /// The last decision.
    pub last: Option<Arc<Decision>>,
    /// The input of the last decision.
    pub observed: Option<Arc<Observation>>,
    /// The identity when it was last found.
    pub(super) known: Option<ServiceId>,
    /// The source of its settings.
    pub origin: Origin,
    /// Since when each of its containers has been running, as observed.
    running_since: HashMap<String, Timestamp>,
    /// Number of conflicts in a row.
    pub(super) conflicts: u32,
    /// The size of the last change that was not confirmed: it may have been made.
    pub(super) unconfirmed: Option<u32>,
}

/// The source of the settings of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    Configuration,
    /// The labels of the service.
    Labels,
}

impl ManagedService {
    pub(super) fn new(
        service: &ServiceSettings,
        origin: Origin,
    ) -> Result<Self, sflow_metrics::query::Error> {
        let query = MetricQuery::new(&service.settings.rule.metrics())?;
        Ok(Self {
            name: service.name.clone(),
            priority: service.priority,
            mode: service.settings.mode,
            policy: Policy::new(service.settings.clone()),
            query,
            state: None,
            last: None,
            observed: None,
            origin,
            known: None,
            running_since: HashMap::new(),
            conflicts: 0,
            unconfirmed: None,
        })
    }

    /// Updates the description. A service that was removed and created again under the same name has
    /// another identity: the state of the old one is dropped.
    pub(super) fn update(&mut self, now: Timestamp, mut state: Option<Service>) {
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

    /// Makes a running task at least as old as it has been observed running: its timestamp may be missing
    /// or from a clock that is ahead, and then its load would never count.
    fn correct_ages(&mut self, now: Timestamp, found: &mut Service) {
        let mut known = std::mem::take(&mut self.running_since);
        for task in &mut found.tasks {
            if task.state == TaskState::Running {
                let known = known.remove_entry(&task.container);
                let (container, since) = known.unwrap_or_else(|| (task.container.clone(), now));
                let since = *self.running_since.entry(container).or_insert(since);
                task.age = task.age.max(now - since);
            }
        }
    }

    pub(super) fn budget_request(&self, now: Timestamp) -> BudgetRequest {
        let (min, max, _) = self.policy.settings().bounds(now);
        let replicas = match self.state.as_ref().map(|service| service.scaling) {
            Some(Scaling::Replicated { replicas }) => replicas,
            _ => 0,
        };
        let demand = self.policy.demand(now).unwrap_or(replicas);
        let demand = demand.max(replicas).clamp(min, max);
        BudgetRequest {
            priority: self.priority,
            min,
            demand,
            limit: demand.saturating_add(1).min(max),
        }
    }
}

impl ManagedService {
    /// Takes over the state of `old`, with the settings of `self`.
    pub(super) fn inherit(&mut self, old: &mut Self) {
        self.policy = old.policy.with_settings(self.policy.settings().clone());
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
    use crate::orchestrator::{Rollout, Task};
    use crate::policy::tests::target;

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
    fn running_task_is_at_least_as_old_as_known() {
        let settings = ServiceSettings {
            name: "apache".to_owned(),
            priority: 0,
            settings: target("vir_cpu_cores", 0.5),
        };
        let mut managed = ManagedService::new(&settings, Origin::Configuration).unwrap();
        let age = |managed: &ManagedService| managed.state.as_ref().unwrap().tasks[0].age;
        let at = Timestamp::from_secs;
        let hour = Duration::from_secs(3_600);
        for (second, container, reported, expected) in [
            (100, "apache.1.a", Duration::ZERO, Duration::ZERO),
            (120, "apache.1.a", Duration::ZERO, Duration::from_secs(20)),
            (130, "apache.1.a", hour, hour),
            (140, "apache.1.b", Duration::ZERO, Duration::ZERO),
        ] {
            managed.update(at(second), Some(service(container, reported)));
            assert_eq!(age(&managed), expected, "{second}");
        }
    }
}
