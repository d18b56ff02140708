//! Services as returned by the engine.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::list::{Entry, kept_labels};
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
    update_status: Option<UpdateStatus>,
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
    labels: Option<BTreeMap<String, String>>,
    mode: Mode,
    task_template: Option<TaskTemplate>,
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskTemplate {
    resources: Option<Requirements>,
    placement: Option<Placement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Requirements {
    limits: Option<ResourcesAnswer>,
    reservations: Option<ResourcesAnswer>,
}

/// CPU and memory in the engine's units.
#[derive(Debug, Deserialize)]
pub(super) struct ResourcesAnswer {
    #[serde(rename = "NanoCPUs")]
    nano_cpus: Option<i64>,
    #[serde(rename = "MemoryBytes")]
    memory: Option<i64>,
}

impl ResourcesAnswer {
    pub(super) fn resources(&self) -> Resources {
        Resources {
            cores: self.nano_cpus.unwrap_or(0).max(0) as f64 / 1e9,
            memory: u64::try_from(self.memory.unwrap_or(0)).unwrap_or(0),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Placement {
    constraints: Option<Vec<String>>,
    max_replicas: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateStatus {
    state: Option<String>,
}

impl Entry for ServiceAnswer {
    fn kept(&self) -> usize {
        let template = self.spec.task_template.as_ref();
        let placement = template.and_then(|template| template.placement.as_ref());
        let constraints = placement.and_then(|placement| placement.constraints.as_ref());
        let constraints = constraints.into_iter().flatten();
        size_of::<Self>()
            + kept_labels(self.spec.labels.as_ref())
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
            labels: self.spec.labels.unwrap_or_default(),
        }
    }

    /// Resource demand of the service.
    pub(super) fn into_demand(self) -> Demand {
        let scaling = self.spec.mode.scaling();
        let (resources, placement) = self.spec.task_template.map_or((None, None), |template| {
            (template.resources, template.placement)
        });
        let reserved = resources.and_then(|resources| resources.reservations);
        let placement = placement.unwrap_or_default();
        let per_node = placement.max_replicas.filter(|most| *most > 0);
        Demand {
            id: ServiceId(self.id),
            name: self.spec.name,
            scaling,
            reserved: reserved
                .as_ref()
                .map(ResourcesAnswer::resources)
                .unwrap_or_default(),
            per_node: per_node.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            constraints: placement.constraints.unwrap_or_default(),
        }
    }

    pub(super) fn into_service(self, tasks: Vec<Task>) -> Service {
        let scaling = self.spec.mode.scaling();
        let rollout = self.update_status.and_then(|status| status.state);
        let rollout = rollout.map_or(Rollout::Settled, |state| rollout_of(&state));
        let limits = self
            .spec
            .task_template
            .and_then(|template| template.resources?.limits);
        let nano_cpus = limits.and_then(|limits| limits.nano_cpus);
        Service {
            id: ServiceId(self.id),
            name: self.spec.name,
            scaling,
            version: self.version.index,
            rollout,
            labels: self.spec.labels.unwrap_or_default(),
            cpu_limit: nano_cpus
                .filter(|limit| *limit > 0)
                .map(|limit| limit as f64 / 1e9),
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
