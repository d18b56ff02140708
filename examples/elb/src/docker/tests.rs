//! The client with scripted engines; `tests/docker.rs` uses real ones.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::script::{Reply, Script, apache, docker, every_field, names, service};
use super::service::ServiceAnswer;
use super::{Docker, EndpointError, Settings};
use crate::orchestrator::{
    Availability, Node, Orchestrator, OrchestratorError, Scaling, Service, ServiceId, TaskState,
};

fn nodes() -> Value {
    json!([
        { "ID": "n1", "Description": { "Hostname": "node1" } },
        { "ID": "n2", "Description": { "Hostname": "node2" } },
    ])
}

fn task(id: &str, service: &str, slot: u32, state: &str) -> Value {
    json!({
        "ID": id, "ServiceID": service, "Slot": slot, "NodeID": "n2",
        "Status": { "Timestamp": "2026-11-23T04:04:00.5Z", "State": state },
    })
}

#[tokio::test]
async fn a_service_is_read_with_its_tasks() {
    let tasks = json!([
        task("t2", "id-apache", 2, "preparing"),
        task("t1", "id-apache", 1, "running"),
        task("t9", "id-of-another", 1, "running"),
    ]);
    let engine = Script::tcp(vec![
        Reply::json(&json!([every_field("apache", 2)])),
        Reply::json(&nodes()),
        Reply::json(&tasks),
    ])
    .await;
    let services = docker(&[&engine])
        .services(&names(&["apache"]))
        .await
        .unwrap();

    let [service] = services.as_slice() else {
        panic!("{services:?}")
    };
    assert_eq!(service.id, ServiceId("id-apache".to_owned()));
    assert_eq!(service.name, "apache");
    assert_eq!(service.version, 17);
    assert_eq!(service.scaling, Scaling::Replicated { replicas: 2 });
    assert_eq!(service.cpu_limit, Some(0.25));
    assert_eq!(service.labels["elb.max"], "8");
    assert_eq!(service.running(), 1);
    let containers: Vec<_> = service
        .tasks
        .iter()
        .map(|task| task.container.as_str())
        .collect();
    assert_eq!(containers, ["apache.1.t1", "apache.2.t2"]);
    assert_eq!(service.tasks[0].node.as_deref(), Some("node2"));
    assert_eq!(
        service.tasks[0].age,
        Duration::from_millis(59_500),
        "by the engine's clock"
    );
    assert_eq!(service.tasks[1].state, TaskState::Pending);

    let lines = engine.lines();
    assert_eq!(
        lines[0],
        "GET /services?filters=%7B%22name%22%3A%5B%22apache%22%5D%7D"
    );
    assert_eq!(lines[1], "GET /nodes");
    assert!(lines[2].starts_with("GET /tasks?filters="), "{}", lines[2]);
    assert!(
        lines[2].contains("id-apache") && lines[2].contains("running"),
        "{}",
        lines[2]
    );
}

#[tokio::test]
async fn names_are_matched_exactly_and_answered_in_the_order_asked() {
    let found = ["apache", "apache-2", "db", "dbx"].map(|name| every_field(name, 1));
    let engine = Script::tcp(vec![
        Reply::json(&json!(found)),
        Reply::json(&nodes()),
        Reply::json(&json!([])),
    ])
    .await;
    let wanted = names(&["db", "apache", "missing"]);
    let services = docker(&[&engine]).services(&wanted).await.unwrap();
    let found: Vec<_> = services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(found, ["db", "apache"]);
    let tasks = &engine.lines()[2];
    assert!(
        !tasks.contains("apache-2") && !tasks.contains("dbx"),
        "{tasks}"
    );
}

#[tokio::test]
async fn empty_list_of_names_sends_no_request() {
    let engine = Script::tcp(Vec::new()).await;
    assert_eq!(docker(&[&engine]).services(&[]).await, Ok(Vec::new()));
    assert!(engine.received().is_empty());
}

#[tokio::test]
async fn no_such_service_is_no_error() {
    for empty in [json!([]), Value::Null, json!([every_field("apache-2", 1)])] {
        let engine = Script::tcp(vec![Reply::json(&empty)]).await;
        assert_eq!(
            docker(&[&engine]).services(&names(&["apache"])).await,
            Ok(Vec::new())
        );
    }
}

#[tokio::test]
async fn a_service_that_vanishes_while_it_is_read_is_left_out() {
    let engine = Script::tcp(vec![
        Reply::json(&json!([every_field("apache", 1), every_field("db", 1)])),
        Reply::json(&nodes()),
        Reply::refusal(404, "service id-db not found"),
        Reply::json(&json!([every_field("apache", 1)])),
        Reply::json(&nodes()),
        Reply::json(&json!([task("t1", "id-apache", 1, "running")])),
    ])
    .await;
    let services = docker(&[&engine])
        .services(&names(&["apache", "db"]))
        .await
        .unwrap();
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].running(), 1);
}

#[tokio::test]
async fn the_update_is_what_was_read_but_for_the_number() {
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
async fn nothing_is_sent_when_the_number_is_there_already() {
    let engine = Script::tcp(vec![Reply::json(&every_field("apache", 3))]).await;
    docker(&[&engine]).scale(&apache(), 3).await.unwrap();
    assert_eq!(engine.lines(), ["GET /services/id-apache"]);
}

/// A service with all fields, and the same service as read before another client changed it.
fn changed_since(change: impl FnOnce(&mut Value)) -> (Value, Service) {
    let mut fresh = every_field("apache", 1);
    let read = ServiceAnswer::deserialize(&fresh).unwrap();
    fresh["Version"]["Index"] = 24.into();
    change(&mut fresh);
    (fresh, read.into_service(Vec::new()))
}

#[tokio::test]
async fn a_service_that_changed_in_what_decides_is_not_updated() {
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
        let (fresh, read) = changed_since(change);
        let engine = Script::tcp(vec![Reply::json(&fresh)]).await;
        let refusal = docker(&[&engine]).scale(&read, 3).await;
        assert_eq!(refusal, Err(OrchestratorError::Conflict), "{fresh}");
        assert_eq!(engine.lines(), ["GET /services/id-apache"]);
    }
}

#[tokio::test]
async fn a_service_that_changed_in_what_decides_nothing_is_updated_as_it_is_now() {
    let (fresh, read) =
        changed_since(|fresh| fresh["Spec"]["Labels"]["deployed-by"] = "somebody".into());
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
async fn what_has_no_number_is_not_scaled() {
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

#[tokio::test]
async fn the_next_manager_is_asked_and_remembered() {
    let away = Script::tcp(vec![Reply::refusal(
        500,
        "The swarm does not have a leader.",
    )])
    .await;
    let worker = Script::tcp(vec![Reply::refusal(
        503,
        "This node is not a swarm manager.",
    )])
    .await;
    let leader = Script::tcp(vec![Reply::json(&json!([])), Reply::json(&json!([]))]).await;
    let mut docker = docker(&[&away, &worker, &leader]);
    assert_eq!(docker.endpoint(), away.endpoint);
    assert_eq!(docker.services(&names(&["apache"])).await, Ok(Vec::new()));
    assert_eq!(docker.endpoint(), leader.endpoint);
    assert_eq!(docker.services(&names(&["apache"])).await, Ok(Vec::new()));
    assert_eq!(
        (
            away.lines().len(),
            worker.lines().len(),
            leader.lines().len()
        ),
        (1, 1, 2)
    );
}

#[tokio::test]
async fn when_no_manager_answers_each_is_named_with_its_reason() {
    let silent = Script::tcp(vec![Reply::Silence]).await;
    let lost = Script::tcp(vec![Reply::refusal(
        500,
        "The swarm does not have a leader.",
    )])
    .await;
    let mut docker = docker(&[&silent, &lost]);
    let error = docker.services(&names(&["apache"])).await.unwrap_err();
    assert!(
        matches!(error, OrchestratorError::Unavailable(_)),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains(&format!("{}: no answer within", silent.endpoint)),
        "{text}"
    );
    assert!(
        text.contains(&format!("{}: status 500", lost.endpoint)),
        "{text}"
    );
    assert_eq!(
        docker.endpoint(),
        silent.endpoint,
        "the order is the same as before"
    );
}

#[tokio::test]
async fn an_update_without_an_answer_is_not_repeated_blindly() {
    let first = Script::tcp(vec![
        Reply::json(&every_field("apache", 1)),
        Reply::HangUp,
        Reply::Silence,
    ])
    .await;
    let second = Script::tcp(vec![Reply::json(&json!([]))]).await;
    let mut docker = docker(&[&first, &second]);
    let error = docker.scale(&apache(), 3).await.unwrap_err();
    assert!(
        matches!(error, OrchestratorError::Unavailable(_)),
        "{error}"
    );
    assert!(second.received().is_empty());
    docker.services(&names(&["apache"])).await.unwrap();
    assert_eq!(second.lines().len(), 1, "the next reading goes elsewhere");
    assert_eq!(first.lines().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_no_reason_to_ask_another() {
    let first = Script::tcp(vec![Reply::refusal(400, "no")]).await;
    let second = Script::tcp(Vec::new()).await;
    let error = docker(&[&first, &second])
        .services(&names(&["apache"]))
        .await
        .unwrap_err();
    assert!(matches!(error, OrchestratorError::Refused(_)), "{error}");
    assert!(second.received().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_in_the_file_system_and_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let version = json!({ "Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12" });
    let engine = Script::unix(&path, vec![Reply::json(&version)]).await;
    let answer = docker(&[&engine]).version().await;
    assert_eq!(answer.unwrap().to_string(), "20.10.24, API 1.41");
    assert_eq!(engine.lines(), ["GET /version"]);
    assert!(engine.received()[0].headers.contains("host: docker"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_that_is_not_there() {
    let endpoints = vec!["unix:///nowhere/docker.sock".to_owned()];
    let mut docker = Docker::connect(&Settings {
        endpoints,
        ..Settings::default()
    })
    .unwrap();
    let error = docker.version().await.unwrap_err();
    assert!(
        matches!(error, OrchestratorError::Unavailable(_)),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("unix:///nowhere/docker.sock: No such file"),
        "{error}"
    );
}

#[test]
fn settings_are_checked_before_anything_is_sent() {
    let connect = |endpoints: &[&str]| {
        let settings = Settings {
            endpoints: names(endpoints),
            ..Settings::default()
        };
        Docker::connect(&settings).map(|docker| docker.endpoint().to_owned())
    };
    assert_eq!(connect(&[]), Err(EndpointError::None));
    assert!(matches!(
        connect(&["tcp://a", "b"]),
        Err(EndpointError::Malformed { .. })
    ));
    assert!(matches!(
        connect(&["https://a"]),
        Err(EndpointError::Tls(_))
    ));
    assert_eq!(
        connect(&["tcp://a", "tcp://b"]),
        Ok("tcp://a:2375".to_owned())
    );
    let settings = Settings::default();
    assert_eq!(settings.timeout, Duration::from_secs(8));
    assert!(Docker::connect(&settings).is_ok());
}

/// A cluster with a node that is being removed.
#[tokio::test]
async fn a_census_counts_what_is_there_and_what_has_not_ended_yet() {
    let nodes = json!([
        {
            "ID": "n1", "Version": { "Index": 7 },
            "Spec": { "Role": "manager", "Availability": "active" },
            "Description": {
                "Hostname": "node1",
                "Resources": { "NanoCPUs": 4_000_000_000_u64, "MemoryBytes": 8_589_934_592_u64 },
            },
            "Status": { "State": "ready" },
        },
        {
            "ID": "n2", "Version": { "Index": 8 },
            "Spec": {
                "Role": "worker", "Availability": "drain",
                "Labels": { "elb.drained-for": "workers" },
            },
            "Description": { "Hostname": "node2" }, "Status": { "State": "ready" },
        },
    ]);
    let services = json!([
        every_field("apache", 3),
        { "ID": "g1", "Version": { "Index": 3 },
          "Spec": { "Name": "agent", "Mode": { "Global": {} } } },
    ]);
    let on = |id: &str, node: &str, state: &str, desired: &str| {
        let mut task = task(id, "id-apache", 1, state);
        task["NodeID"] = node.into();
        task["DesiredState"] = desired.into();
        task
    };
    let tasks = json!([
        on("t1", "n1", "running", "running"),
        on("t2", "n1", "preparing", "running"),
        on("t3", "n1", "failed", "shutdown"),
        // Stopping, but still running.
        on("t4", "n2", "running", "shutdown"),
        on("t5", "n2", "shutdown", "shutdown"),
        on("t6", "n2", "preparing", "shutdown"),
        on("t7", "", "pending", "running"),
    ]);
    let engine = Script::tcp(vec![
        Reply::json(&nodes),
        Reply::json(&services),
        Reply::json(&tasks),
    ])
    .await;
    let census = docker(&[&engine]).census().await.unwrap();
    assert_eq!(
        engine.lines(),
        ["GET /nodes", "GET /services", "GET /tasks"]
    );
    let [first, second] = &census.nodes[..] else {
        panic!("{census:?}")
    };
    assert_eq!((first.task_count(), second.task_count()), (2, 1));
    assert_eq!(first.resources.cores, 4.0);
    assert_eq!(second.labels["elb.drained-for"], "workers");
    assert_eq!(second.drained_for.as_deref(), Some("workers"));
    assert_eq!(first.drained_for, None);
    let [apache, agent] = &census.demands[..] else {
        panic!("{census:?}")
    };
    assert_eq!(agent.scaling, Scaling::Global);
    assert_eq!(apache.scaling, Scaling::Replicated { replicas: 3 });
    // The values of every-field.json.
    let spec = &every_field("apache", 3)["Spec"]["TaskTemplate"];
    let reserved = &spec["Resources"]["Reservations"];
    let cores = reserved["NanoCPUs"].as_f64().unwrap() / 1e9;
    assert_eq!(apache.reserved.cores, cores);
    assert_eq!(
        Some(apache.reserved.memory),
        reserved["MemoryBytes"].as_u64()
    );
    let constraints = spec["Placement"]["Constraints"].as_array().unwrap();
    assert_eq!(apache.constraints.len(), constraints.len());
    assert!(cores > 0.0 && !constraints.is_empty());
}

#[tokio::test]
async fn a_node_is_drained_with_all_that_it_had() {
    let node = json!({
        "ID": "n2", "Version": { "Index": 8 },
        "Spec": { "Name": "", "Role": "worker", "Availability": "active",
                  "Labels": { "zone": "a" } },
    });
    let known = Node {
        id: "n2".to_owned(),
        name: "node2".to_owned(),
        version: 8,
        labels: Default::default(),
        availability: Availability::Active,
        drained_for: None,
        is_ready: true,
        is_manager: false,
        resources: Default::default(),
        tasks: Default::default(),
    };
    let engine = Script::tcp(vec![
        Reply::json(&node),
        Reply::Answer(200, String::new()),
        Reply::json(&node),
        Reply::refusal(
            500,
            "rpc error: code = Unknown desc = update out of sequence",
        ),
    ])
    .await;
    let mut docker = docker(&[&engine]);
    for expected in [Ok(()), Err(OrchestratorError::Conflict)] {
        let drained = docker
            .set_availability(&known, Availability::Drain, Some("workers"))
            .await;
        assert_eq!(drained, expected);
    }
    let received = engine.received();
    assert_eq!(received[1].line, "POST /nodes/n2/update?version=8");
    let sent: Value = serde_json::from_str(&received[1].body).unwrap();
    let expected = json!({
        "Name": "", "Role": "worker", "Availability": "drain",
        "Labels": { "zone": "a", "elb.drained-for": "workers" },
    });
    assert_eq!(sent, expected);
}
