//! D11, D12: updates of the number of replicas.

use std::collections::BTreeMap;

use elb::orchestrator::{Orchestrator, OrchestratorError, Scaling, Service};
use serde_json::{Value, json};

use crate::engine::{Reply, Script, apache, docker, every_field, read, service};

/// The specification that is sent to scale a service with this specification to 3 replicas.
async fn sent(spec: &str) -> Result<String, OrchestratorError> {
    let fresh = format!(r#"{{"ID":"id-apache","Version":{{"Index":17}},"Spec":{spec}}}"#);
    let accepted = Reply::json(&json!({}));
    let engine = Script::tcp(vec![Reply::Answer(200, fresh), accepted]).await;
    docker(&[&engine]).scale(&apache(), 3).await?;
    Ok(engine.received().pop().unwrap().body)
}

#[tokio::test]
async fn only_the_number_of_replicas_changes() {
    let before = every_field("apache", 1)["Spec"].take();
    let after = sent(&before.to_string()).await.unwrap();
    let after: Value = serde_json::from_str(&after).unwrap();
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

#[tokio::test]
async fn numbers_keep_their_digits() {
    for number in [
        "0.1",
        "0.30000001",
        "1e-7",
        "18446744073709551615",
        "-9223372036854775808",
    ] {
        let spec = format!(r#"{{"Mode":{{"Replicated":{{"Replicas":1}}}},"N":{number}}}"#);
        let after = sent(&spec).await.unwrap();
        assert!(after.ends_with(&format!(r#""N":{number}}}"#)), "{after}");
    }
}

#[tokio::test]
async fn specification_without_replicas_is_refused() {
    let mut specs: Vec<String> = vec!["null".to_owned(), "{}".to_owned()];
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
        let mut spec = every_field("apache", 1)["Spec"].take();
        spec["Mode"] = mode;
        specs.push(spec.to_string());
    }
    for spec in specs {
        let refusal = sent(&spec).await;
        assert!(
            matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
            "{spec}"
        );
    }
}

#[tokio::test]
async fn answer_without_version_is_refused() {
    let mut fresh = every_field("apache", 1);
    fresh["Version"] = Value::Null;
    let engine = Script::tcp(vec![Reply::json(&fresh)]).await;
    let refusal = docker(&[&engine]).scale(&apache(), 3).await;
    assert!(matches!(refusal, Err(OrchestratorError::Refused(_))));
}

#[tokio::test]
async fn update_keeps_all_fields_but_the_number() {
    let fresh = every_field("apache", 1);
    let engine = Script::tcp(vec![
        Reply::json(&fresh),
        Reply::json(&json!({ "Warnings": ["image could not be accessed"] })),
    ])
    .await;
    docker(&[&engine]).scale(&apache(), 3).await.unwrap();

    let [read, update] = engine.received().try_into().unwrap();
    assert_eq!(read.line, "GET /services/id-apache");
    assert_eq!(
        update.line,
        "POST /services/id-apache/update?version=17&registryAuthFrom=spec"
    );
    assert!(
        update.headers.contains("content-type: application/json"),
        "{}",
        update.headers
    );
    let mut sent: Value = serde_json::from_str(&update.body).unwrap();
    assert_eq!(sent["Mode"]["Replicated"]["Replicas"], 3);
    sent["Mode"]["Replicated"]["Replicas"] = 1.into();
    assert_eq!(sent, fresh["Spec"]);
}

#[tokio::test]
async fn number_that_is_already_set_is_not_sent() {
    let engine = Script::tcp(vec![Reply::json(&every_field("apache", 3))]).await;
    docker(&[&engine]).scale(&apache(), 3).await.unwrap();
    assert_eq!(engine.lines(), ["GET /services/id-apache"]);
}

/// A service with all fields, and the same service as read before another client changed it.
async fn changed_since(change: impl FnOnce(&mut Value)) -> (Value, Service) {
    let mut fresh = every_field("apache", 1);
    let services = read(&json!([fresh]), &json!([])).await;
    let [before] = services.try_into().unwrap();
    fresh["Version"]["Index"] = 24.into();
    change(&mut fresh);
    (fresh, before)
}

#[tokio::test]
async fn service_with_relevant_change_is_not_updated() {
    let changes: [fn(&mut Value); 5] = [
        |fresh| fresh["Spec"]["Mode"]["Replicated"]["Replicas"] = 5.into(),
        |fresh| fresh["Spec"]["Labels"]["elb.max"] = "2".into(),
        |fresh| fresh["Spec"]["Name"] = "apache2".into(),
        |fresh| fresh["UpdateStatus"] = json!({ "State": "updating" }),
        |fresh| {
            fresh["Spec"]["TaskTemplate"]["Resources"] =
                json!({ "Limits": { "NanoCPUs": 123_000_000 } });
        },
    ];
    for change in changes {
        let (fresh, read) = changed_since(change).await;
        let engine = Script::tcp(vec![Reply::json(&fresh)]).await;
        let refusal = docker(&[&engine]).scale(&read, 3).await;
        assert_eq!(refusal, Err(OrchestratorError::Conflict), "{fresh}");
        assert_eq!(engine.lines(), ["GET /services/id-apache"]);
    }
}

#[tokio::test]
async fn service_with_irrelevant_change_is_updated_as_it_is_now() {
    let (fresh, read) =
        changed_since(|fresh| fresh["Spec"]["Labels"]["deployed-by"] = "somebody".into()).await;
    let engine = Script::tcp(vec![Reply::json(&fresh), Reply::json(&json!({}))]).await;
    docker(&[&engine]).scale(&read, 3).await.unwrap();
    let [_, update] = engine.received().try_into().unwrap();
    assert_eq!(
        update.line,
        "POST /services/id-apache/update?version=24&registryAuthFrom=spec"
    );
    assert!(update.body.contains("somebody"), "{}", update.body);
}

#[tokio::test]
async fn service_without_number_of_replicas_is_not_scaled() {
    let engine = Script::tcp(Vec::new()).await;
    for scaling in [Scaling::Global, Scaling::Job] {
        let refusal = docker(&[&engine])
            .scale(&service("world", scaling), 3)
            .await;
        assert!(
            matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
            "{refusal:?}"
        );
    }
    assert!(engine.received().is_empty());

    let mut fresh = every_field("apache", 1);
    fresh["Spec"]["Mode"] = json!({ "Global": {} });
    let engine = Script::tcp(vec![Reply::json(&fresh)]).await;
    let refusal = docker(&[&engine]).scale(&apache(), 3).await;
    assert!(
        matches!(refusal, Err(OrchestratorError::NotScalable { .. })),
        "{refusal:?}"
    );
    assert_eq!(engine.lines(), ["GET /services/id-apache"]);
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
