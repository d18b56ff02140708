//! Reading services, the choice of the manager, and settings of the client.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use elb::docker::{
    About, Docker, EndpointError, Manager, Member, Settings, TlsFiles, check_endpoint,
};
use elb::orchestrator::{Orchestrator, OrchestratorError, Scaling, ServiceId, TaskState};

use crate::engine::{Reply, Script, apache, docker, every_field, names, task};

fn nodes() -> Value {
    json!([
        { "ID": "n1", "Description": { "Hostname": "node1" } },
        { "ID": "n2", "Description": { "Hostname": "node2" } },
    ])
}

#[tokio::test]
async fn service_is_read_with_its_tasks() {
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
async fn names_match_exactly_and_keep_their_order() {
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
async fn missing_service_is_not_an_error() {
    for empty in [json!([]), Value::Null, json!([every_field("apache-2", 1)])] {
        let engine = Script::tcp(vec![Reply::json(&empty)]).await;
        assert_eq!(
            docker(&[&engine]).services(&names(&["apache"])).await,
            Ok(Vec::new())
        );
    }
}

#[tokio::test]
async fn service_removed_during_reading_is_omitted() {
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
async fn failing_manager_is_replaced_by_the_next() {
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
async fn error_names_each_manager_and_its_reason() {
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
async fn update_without_answer_is_not_repeated() {
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
async fn refusal_is_not_retried_with_another_manager() {
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
async fn version_is_read_over_unix_socket() {
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
async fn missing_socket_is_named() {
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
fn invalid_endpoints_are_refused_without_request() {
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

/// The client's name for an endpoint.
fn understood(endpoint: &str, tls: Option<TlsFiles>) -> String {
    let docker = Docker::connect(&Settings {
        endpoints: names(&[endpoint]),
        tls,
        ..Settings::default()
    });
    docker.unwrap().endpoint().to_owned()
}

#[test]
fn endpoint_without_port_has_default_port() {
    for (endpoint, expected) in [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("tcp://10.99.0.1:2375", "tcp://10.99.0.1:2375"),
        ("tcp://manager.example", "tcp://manager.example:2375"),
        ("tcp://[fd00::1]:4243/", "tcp://[fd00::1]:4243"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("http://localhost:80", "tcp://localhost:80"),
    ] {
        assert_eq!(understood(endpoint, None), expected);
    }
    // With TLS.
    for (endpoint, expected) in [
        ("https://manager.example", "https://manager.example:2376"),
        ("https://[::1]:2377/", "https://[::1]:2377"),
        ("tcp://manager", "https://manager:2376"),
        ("tcp://manager:2375", "https://manager:2376"),
        ("tcp://manager:9999", "https://manager:9999"),
        ("unix:///docker.sock", "unix:///docker.sock"),
    ] {
        let tls = TlsFiles::in_folder(Path::new("/tls"));
        assert_eq!(understood(endpoint, Some(tls)), expected);
    }
}

#[test]
fn invalid_endpoint_is_refused_with_reason() {
    for (endpoint, reason) in [
        ("", "no scheme"),
        ("/var/run/docker.sock", "no scheme"),
        ("unix://docker.sock", "must be absolute"),
        ("tcp://", "no host"),
        ("tcp://host/path", "no host"),
        ("tcp://host:0", "port 0"),
        ("tcp://host:65536", "below 65536"),
        ("tcp://host:", "below 65536"),
        ("ssh://host", "unknown scheme"),
    ] {
        let error = check_endpoint(endpoint).unwrap_err().to_string();
        assert!(error.contains(reason), "{endpoint}: {error}");
        assert!(error.contains(&format!("{endpoint:?}")), "{error}");
    }
    for (endpoint, quoted) in [
        (
            "tcp://user:secret@host:2375",
            "\"tcp://…@host:2375\": a user",
        ),
        ("tcp://host?key=secret", "\"tcp://host?…\": no host"),
        ("user:secret@host", "\"…@host\": no scheme"),
    ] {
        let error = check_endpoint(endpoint).unwrap_err().to_string();
        assert!(
            error.contains(quoted) && !error.contains("secret"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn manager_returns_itself_and_the_nodes() {
    let engine = Script::tcp(vec![
        Reply::json(&json!({
            "Version": "29.0.1", "ApiVersion": "1.52", "MinAPIVersion": "1.44", "Os": "linux",
        })),
        Reply::json(&json!({
            "Name": "node1",
            "Swarm": { "LocalNodeState": "active", "ControlAvailable": true, "Error": "" },
        })),
        Reply::json(&json!([
            {
                "ID": "n1",
                "Spec": { "Role": "manager", "Availability": "active" },
                "Description": { "Hostname": "node1", "Engine": { "EngineVersion": "29.0.1" } },
                "Status": { "State": "ready", "Addr": "10.0.0.1" },
                "ManagerStatus": { "Leader": true, "Reachability": "reachable" },
            },
            { "ID": "n2", "Status": { "State": "unknown" } },
        ])),
    ])
    .await;
    let mut docker = docker(&[&engine]);
    let about = docker.about().await.unwrap();
    assert_eq!(
        about,
        About {
            engine: "29.0.1".to_owned(),
            api: "1.52".to_owned(),
            oldest_api: Some("1.44".to_owned()),
            name: "node1".to_owned(),
            swarm: "active".to_owned(),
            is_manager: true,
            problem: String::new(),
        }
    );
    let members = docker.members().await.unwrap();
    let leader = Manager {
        is_leader: true,
        is_reachable: true,
    };
    let expected = [
        Member {
            name: "node1".to_owned(),
            state: "ready".to_owned(),
            availability: "active".to_owned(),
            engine: "29.0.1".to_owned(),
            manager: Some(leader),
        },
        Member {
            name: "n2".to_owned(),
            state: "unknown".to_owned(),
            ..Member::default()
        },
    ];
    assert_eq!(members, expected);
}
