//! The lease of the leader in a config object of the swarm.

use std::time::Duration;

use elb::docker::{Lease, Settings};
use serde_json::{Value, json};
use sflow_autoscale::leader::{LeaseError, LeaseStore, Record, StoredRecord};

use crate::engine::{Reply, Script};

fn lease(engines: &[&Script]) -> Lease {
    let endpoints = engines.iter().map(|engine| engine.endpoint.clone());
    let settings = Settings {
        endpoints: endpoints.collect(),
        ..Settings::default()
    };
    Lease::connect(&settings, Lease::NAME, Duration::from_millis(300)).unwrap()
}

fn record() -> Record {
    Record {
        holder: "node1-1795730400-1a2b3c4d".to_owned(),
        address: "http://10.99.0.1:8080".to_owned(),
        term: 7,
        renewed: 41,
        journal: "add 1-1-add - workers\n".to_owned(),
    }
}

fn labels() -> Value {
    json!({
        "holder": "node1-1795730400-1a2b3c4d",
        "address": "http://10.99.0.1:8080",
        "term": "7",
        "renewed": "41",
        "journal": "add 1-1-add - workers\n",
    })
}

fn config(labels: &Value) -> Reply {
    Reply::json(&json!({
        "ID": "thh2lojwxgjtps91yq6yxdvh3", "Version": { "Index": 20 },
        "Spec": { "Name": "elb-lease", "Labels": labels, "Data": "ZWxi" },
    }))
}

fn no_leader() -> Reply {
    let message = "rpc error: code = Unknown desc = The swarm does not have a leader.";
    Reply::refusal(500, message)
}

#[tokio::test]
async fn record_is_read_from_labels() {
    let engine = Script::tcp(vec![
        config(&labels()),
        Reply::refusal(404, "config elb-lease not found"),
    ])
    .await;
    let mut lease = lease(&[&engine]);
    let stored = StoredRecord {
        version: 20,
        record: record(),
    };
    assert_eq!(lease.read().await, Ok(Some(stored)));
    assert_eq!(lease.read().await, Ok(None));
    assert_eq!(engine.lines(), ["GET /configs/elb-lease"; 2]);
}

#[tokio::test]
async fn record_is_created_once() {
    let engine = Script::tcp(vec![
        Reply::Answer(201, json!({ "ID": "thh2" }).to_string()),
        Reply::refusal(
            409,
            "rpc error: code = AlreadyExists desc = config elb-lease already exists",
        ),
    ])
    .await;
    let mut lease = lease(&[&engine]);
    assert_eq!(lease.create(&record()).await, Ok(()));
    assert_eq!(lease.create(&record()).await, Err(LeaseError::Conflict));
    let [first, _] = engine.received().try_into().unwrap();
    assert_eq!(first.line, "POST /configs/create");
    let body: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(body["Name"], "elb-lease");
    assert_eq!(body["Labels"], labels());
    // An engine refuses a config without contents.
    assert_ne!(body["Data"], "");
}

#[tokio::test]
async fn update_names_version_and_repeats_contents() {
    let engine = Script::tcp(vec![
        config(&labels()),
        Reply::Answer(200, String::new()),
        Reply::refusal(
            500,
            "rpc error: code = Unknown desc = update out of sequence",
        ),
        Reply::refusal(404, "config elb-lease not found"),
    ])
    .await;
    let mut lease = lease(&[&engine]);
    lease.read().await.unwrap();
    assert_eq!(lease.replace(20, &record()).await, Ok(()));
    for _ in 0..2 {
        let conflict = lease.replace(20, &record()).await;
        assert_eq!(conflict, Err(LeaseError::Conflict));
    }
    let update = &engine.received()[1];
    assert_eq!(update.line, "POST /configs/elb-lease/update?version=20");
    let body: Value = serde_json::from_str(&update.body).unwrap();
    let expected = json!({ "Name": "elb-lease", "Labels": labels(), "Data": "ZWxi" });
    assert_eq!(body, expected);
}

/// The time limit holds for each request, so that the next manager is used by the next request.
#[tokio::test]
async fn request_uses_one_manager_and_the_next_request_another() {
    let silent = Script::tcp(vec![Reply::Silence]).await;
    let leaderless = Script::tcp(vec![no_leader()]).await;
    let closed = Script::tcp(vec![Reply::HangUp]).await;
    let good = Script::tcp(vec![
        config(&labels()),
        Reply::Answer(200, String::new()),
        no_leader(),
    ])
    .await;
    let mut lease = lease(&[&silent, &leaderless, &closed, &good]);
    let no_answer = |error: LeaseError, expected: &str| {
        let text = error.to_string();
        assert!(matches!(error, LeaseError::Unreachable(_)), "{text}");
        assert!(text.contains(expected), "{text}");
    };
    let begun = std::time::Instant::now();
    no_answer(lease.read().await.unwrap_err(), "no answer within 300ms");
    assert!(begun.elapsed() < Duration::from_secs(2));
    no_answer(lease.read().await.unwrap_err(), "does not have a leader");
    no_answer(
        lease.replace(20, &record()).await.unwrap_err(),
        "cannot be read or written",
    );
    assert!(lease.read().await.unwrap().is_some());
    assert_eq!(lease.replace(20, &record()).await, Ok(()));
    no_answer(
        lease.replace(21, &record()).await.unwrap_err(),
        "does not have a leader",
    );
}

#[tokio::test]
async fn foreign_config_of_the_name_is_an_error_with_a_remedy() {
    for (label, value) in [
        ("holder", Value::Null),
        ("term", "".into()),
        ("term", "-1".into()),
        ("renewed", "many".into()),
    ] {
        let mut labels = labels();
        match value {
            Value::Null => drop(labels.as_object_mut().unwrap().remove(label)),
            value => labels[label] = value,
        }
        let engine = Script::tcp(vec![config(&labels)]).await;
        let error = lease(&[&engine]).read().await.unwrap_err().to_string();
        assert!(error.contains(&format!("label `{label}`")), "{error}");
        assert!(error.contains("docker config rm elb-lease"), "{error}");
    }
    let engine = Script::tcp(vec![config(&Value::Null), Reply::json(&json!([]))]).await;
    let mut lease = lease(&[&engine]);
    for _ in 0..2 {
        let error = lease.read().await.unwrap_err();
        assert!(matches!(error, LeaseError::Unreachable(_)), "{error}");
    }
}
