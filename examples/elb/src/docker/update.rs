//! Updates of a service's number of replicas.

use serde::Deserialize;
use serde_json::Value;

use super::answer::Answer;
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
    let Some(version) = fresh.pointer("/Version/Index").and_then(Value::as_u64) else {
        let problem = format!(
            "the answer for service {} contains no version",
            service.name
        );
        return Err(OrchestratorError::Refused(problem));
    };
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::with_replicas;
    use crate::orchestrator::{OrchestratorError, Rollout, Scaling, Service, ServiceId};

    fn every_field() -> Value {
        serde_json::from_str(include_str!("every-field.json")).unwrap()
    }

    fn service() -> Service {
        Service {
            id: ServiceId("s1".to_owned()),
            name: "apache".to_owned(),
            scaling: Scaling::Replicated { replicas: 1 },
            version: 17,
            rollout: Rollout::Settled,
            labels: BTreeMap::new(),
            cpu_limit: None,
            tasks: Vec::new(),
        }
    }

    fn answer(spec: &Value) -> Value {
        json!({ "ID": "s1", "Version": { "Index": 17 }, "Spec": spec, "Endpoint": {} })
    }

    #[test]
    fn only_the_number_of_replicas_changes() {
        let before = every_field();
        let after = with_replicas(answer(&before), &service(), 3)
            .unwrap()
            .unwrap()
            .spec;
        let (before, after) = (leaves(&before), leaves(&after));
        assert!(before.len() > 100, "every field: {}", before.len());
        assert!(before.keys().any(|path| path.contains("/Healthcheck/")));
        assert_eq!(before.len(), after.len());
        let differences: Vec<_> = before
            .iter()
            .filter(|(path, leaf)| after[*path] != **leaf)
            .collect();
        assert_eq!(
            differences,
            [(&"/Mode/Replicated/Replicas".to_owned(), &"1".to_owned())]
        );
        assert_eq!(after["/Mode/Replicated/Replicas"], "3");
    }

    #[test]
    fn numbers_keep_their_digits() {
        for number in [
            "0.1",
            "0.30000001",
            "1e-7",
            "18446744073709551615",
            "-9223372036854775808",
        ] {
            let spec = format!(r#"{{"Mode":{{"Replicated":{{"Replicas":1}}}},"N":{number}}}"#);
            let spec: Value = serde_json::from_str(&spec).unwrap();
            let after = with_replicas(answer(&spec), &service(), 2)
                .unwrap()
                .unwrap()
                .spec;
            assert_eq!(after["N"].to_string(), number);
        }
    }

    #[test]
    fn unchanged_number_is_not_sent() {
        assert_eq!(
            with_replicas(answer(&every_field()), &service(), 1),
            Ok(None)
        );
    }

    #[test]
    fn specification_without_replicas_is_refused() {
        for mode in [
            json!({ "Global": {} }),
            json!({ "ReplicatedJob": { "TotalCompletions": 1 } }),
            json!({ "GlobalJob": {} }),
            json!({ "Replicated": {} }),
            json!({ "Replicated": { "Replicas": null } }),
            json!({ "Replicated": { "Replicas": "1" } }),
            json!({ "Replicated": null }),
            json!({}),
            Value::Null,
        ] {
            let mut spec = every_field();
            spec["Mode"] = mode.clone();
            let refusal = with_replicas(answer(&spec), &service(), 3);
            assert!(
                matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
                "{mode}"
            );
        }
        let bare = json!({ "Version": { "Index": 17 } });
        let refusal = with_replicas(bare, &service(), 3);
        assert!(matches!(
            refusal,
            Err(OrchestratorError::NotScalable { .. })
        ));
    }

    #[test]
    fn an_answer_without_a_version_is_refused() {
        let refusal = with_replicas(json!({ "Spec": every_field() }), &service(), 3);
        assert!(matches!(refusal, Err(OrchestratorError::Refused(_))));
    }

    /// All leaf values by path.
    fn leaves(value: &Value) -> BTreeMap<String, String> {
        fn walk(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
            match value {
                Value::Object(fields) if !fields.is_empty() => {
                    for (name, field) in fields {
                        walk(&format!("{path}/{name}"), field, leaves);
                    }
                }
                Value::Array(items) if !items.is_empty() => {
                    for (place, item) in items.iter().enumerate() {
                        walk(&format!("{path}/{place}"), item, leaves);
                    }
                }
                leaf => {
                    leaves.insert(path.to_owned(), leaf.to_string());
                }
            }
        }
        let mut leaves = BTreeMap::new();
        walk("", value, &mut leaves);
        leaves
    }
}
