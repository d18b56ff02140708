//! Services as returned by the engine.

use std::collections::BTreeMap;

use engine::{Entry, kept_labels, or_default};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::orchestrator::{
    Demand, Labelled, Resources, Rollout, Scaling, Service, ServiceId, Task,
};

/// A service as returned by the engine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceAnswer {
    #[serde(rename = "ID")]
    id: String,
    version: Version,
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    update_status: UpdateStatus,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    mode: Mode,
    #[serde(default, deserialize_with = "or_default")]
    task_template: TaskTemplate,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mode {
    replicated: Option<Replicated>,
    global: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Replicated {
    replicas: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskTemplate {
    #[serde(deserialize_with = "or_default")]
    resources: Requirements,
    #[serde(deserialize_with = "or_default")]
    placement: Placement,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Requirements {
    #[serde(deserialize_with = "or_default")]
    limits: ResourcesAnswer,
    #[serde(deserialize_with = "or_default")]
    reservations: ResourcesAnswer,
}

/// CPU and memory in the engine's units; 0 for none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResourcesAnswer {
    #[serde(rename = "NanoCPUs", deserialize_with = "or_default")]
    nano_cpus: i64,
    #[serde(rename = "MemoryBytes", deserialize_with = "or_default")]
    memory: i64,
}

impl ResourcesAnswer {
    pub(super) fn resources(&self) -> Resources {
        Resources {
            cores: self.nano_cpus.max(0) as f64 / 1e9,
            memory: u64::try_from(self.memory).unwrap_or(0),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Placement {
    #[serde(deserialize_with = "or_default")]
    constraints: Vec<String>,
    /// Maximum number of tasks per node; 0 for none.
    #[serde(deserialize_with = "or_default")]
    max_replicas: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateStatus {
    #[serde(deserialize_with = "or_default")]
    state: String,
}

impl Entry for ServiceAnswer {
    fn kept(&self) -> usize {
        let constraints = self.spec.task_template.placement.constraints.iter();
        size_of::<Self>()
            + kept_labels(&self.spec.labels)
            + constraints.map(|text| 50 + text.len()).sum::<usize>()
    }
}

impl ServiceAnswer {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(super) fn into_labelled(self) -> Labelled {
        Labelled {
            id: ServiceId(self.id),
            name: self.spec.name,
            labels: self.spec.labels,
        }
    }

    /// Resource demand of the service.
    pub(super) fn into_demand(self) -> Demand {
        let TaskTemplate {
            resources,
            placement,
        } = self.spec.task_template;
        let per_node = u32::try_from(placement.max_replicas).unwrap_or(u32::MAX);
        Demand {
            id: ServiceId(self.id),
            name: self.spec.name,
            scaling: self.spec.mode.scaling(),
            reserved: resources.reservations.resources(),
            per_node: Some(per_node).filter(|most| *most > 0),
            constraints: placement.constraints,
        }
    }

    pub(super) fn into_service(self, tasks: Vec<Task>) -> Service {
        let cores = self.spec.task_template.resources.limits.resources().cores;
        Service {
            id: ServiceId(self.id),
            scaling: self.spec.mode.scaling(),
            name: self.spec.name,
            version: self.version.index,
            rollout: rollout_of(&self.update_status.state),
            labels: self.spec.labels,
            cpu_limit: Some(cores).filter(|cores| *cores > 0.0),
            tasks,
        }
    }
}

impl Mode {
    fn scaling(&self) -> Scaling {
        match (&self.replicated, &self.global) {
            (Some(Replicated { replicas }), _) => Scaling::Replicated {
                replicas: *replicas,
            },
            (None, Some(_)) => Scaling::Global,
            // `ReplicatedJob` and `GlobalJob`; no other modes exist.
            (None, None) => Scaling::Job,
        }
    }
}

fn rollout_of(state: &str) -> Rollout {
    match state {
        "" | "completed" | "rollback_completed" => Rollout::Settled,
        "paused" | "rollback_paused" => Rollout::Paused,
        // `updating` and `rollback_started`. Unknown states are treated like a running update.
        _ => Rollout::Running,
    }
}
