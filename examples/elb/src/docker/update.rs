//! Updates of a service's number of replicas.

use engine::Answer;
use serde::Deserialize;
use serde_json::Value;

use super::service::ServiceAnswer;
use crate::config::LABEL_PREFIX;
use crate::orchestrator::{OrchestratorError, Scaling, Service};

const REPLICAS: &str = "/Mode/Replicated/Replicas";

/// A specification and the version that it replaces.
#[derive(Debug, PartialEq)]
pub(super) struct Update {
    pub(super) version: u64,
    pub(super) spec: Value,
}

/// The specification in `fresh` with another number of replicas and otherwise unchanged. `None` if
/// the number is already set.
///
/// # Errors
///
/// [`OrchestratorError::Conflict`] if `fresh` differs from `service` in a property that decisions
/// depend on. [`OrchestratorError::Refused`] if `fresh` contains no version.
/// [`OrchestratorError::NotScalable`] if it contains no number of replicas: the engine would treat
/// a missing number as 1.
pub(super) fn with_replicas(
    mut fresh: Value,
    service: &Service,
    replicas: u32,
) -> Result<Option<Update>, OrchestratorError> {
    let version = version_of(&fresh, &format!("service {}", service.name))?;
    if version != service.version {
        let now = ServiceAnswer::deserialize(&fresh)
            .map_err(|_| OrchestratorError::Conflict)?
            .into_service(Vec::new());
        if !is_same_for_decision(service, &now) {
            return Err(OrchestratorError::Conflict);
        }
    }
    let mut spec = fresh.get_mut("Spec").map(Value::take).unwrap_or_default();
    match spec.pointer_mut(REPLICAS) {
        Some(number) if number.is_u64() => {
            if *number == replicas {
                return Ok(None);
            }
            *number = replicas.into();
            Ok(Some(Update { version, spec }))
        }
        _ => Err(not_scalable(service)),
    }
}

/// The version of a service or node as returned by the engine.
pub(super) fn version_of(fresh: &Value, subject: &str) -> Result<u64, OrchestratorError> {
    let version = fresh.pointer("/Version/Index").and_then(Value::as_u64);
    version.ok_or_else(|| {
        OrchestratorError::Refused(format!("the answer for {subject} contains no version"))
    })
}

/// Whether two readings of a service agree in all properties that decisions depend on: number of
/// replicas, rollout, CPU limit and labels of elb.
fn is_same_for_decision(service: &Service, now: &Service) -> bool {
    let is_ours = |(label, _): &(&String, &String)| label.starts_with(LABEL_PREFIX);
    service.id == now.id
        && service.name == now.name
        && service.scaling == now.scaling
        && service.rollout == now.rollout
        && service.cpu_limit == now.cpu_limit
        && service
            .labels
            .iter()
            .filter(is_ours)
            .eq(now.labels.iter().filter(is_ours))
}

pub(super) fn not_scalable(service: &Service) -> OrchestratorError {
    let why = match service.scaling {
        Scaling::Replicated { .. } => "its specification has no number of replicas",
        Scaling::Global => "it is global, with one task on each node",
        Scaling::Job => "it is a job, whose tasks run to completion",
    };
    OrchestratorError::NotScalable {
        name: service.name.clone(),
        why: why.to_owned(),
    }
}

/// Warnings of the engine about an accepted update.
pub(super) fn warnings(answer: &Answer) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Updated {
        warnings: Option<Vec<String>>,
    }
    // The update was accepted even if the answer is invalid.
    answer
        .json::<Updated>()
        .unwrap_or_default()
        .warnings
        .unwrap_or_default()
}
