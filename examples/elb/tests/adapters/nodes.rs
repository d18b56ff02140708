//! Nodes: reading, and changing their availability.

use std::collections::BTreeMap;

use elb::orchestrator::{
    Availability, Census, Node, NodeAddresses, Orchestrator, OrchestratorError, Resources, Scaling,
    ServiceId,
};
use serde_json::{Value, json};

use crate::engine::{Reply, Script, docker, every_field, task};

const DRAINED_FOR: &str = "elb.drained-for";

fn answer() -> Value {
    json!({
        "ID": "n1", "Version": { "Index": 9 },
        "Spec": { "Labels": { "disk": "ssd" }, "Role": "worker", "Availability": "active" },
        "Description": {
            "Hostname": "node1",
            "Resources": { "NanoCPUs": 2_000_000_000_u64, "MemoryBytes": 1_024 },
        },
        "Status": { "State": "ready" },
    })
}

/// The census, addresses and nodes that are down of a cluster with this node and three tasks of a
/// service on it.
async fn read(node: &Value) -> (Census, NodeAddresses, Vec<String>) {
    let tasks = [1, 2, 3].map(|slot| {
        let mut task = task(&format!("t{slot}"), "s1", slot, "running");
        task["NodeID"] = "n1".into();
        task
    });
    let engine = Script::tcp(vec![
        Reply::json(&json!([node])),
        Reply::json(&json!([])),
        Reply::json(&json!(tasks)),
    ])
    .await;
    let mut docker = docker(&[&engine]);
    let census = docker.census().await.unwrap();
    let [addresses] = docker.nodes().try_into().unwrap();
    (census, addresses, docker.down_nodes())
}

pub(crate) fn node() -> Node {
    Node {
        id: "n1".to_owned(),
        name: "node1".to_owned(),
        version: 9,
        labels: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
        availability: Availability::Active,
        drained_for: None,
        is_ready: true,
        is_manager: false,
        resources: Resources {
            cores: 2.0,
            memory: 1_024,
        },
        tasks: BTreeMap::from([(ServiceId("s1".to_owned()), 3)]),
    }
}

#[tokio::test]
async fn node_is_read() {
    assert_eq!(read(&answer()).await.0.nodes, [node()]);
}

#[tokio::test]
async fn node_that_is_down_is_read_unless_it_was_given_back() {
    let node1 = &["node1".to_owned()][..];
    for (state, labels, expected) in [
        ("down", json!({}), node1),
        ("disconnected", Value::Null, node1),
        ("ready", json!({}), &[]),
        // State after the election of a leader, before nodes report to it.
        ("unknown", json!({}), &[]),
        ("down", json!({ DRAINED_FOR: "workers" }), &[]),
    ] {
        let mut answer = answer();
        answer["Status"]["State"] = state.into();
        answer["Spec"]["Labels"] = labels;
        assert_eq!(read(&answer).await.2, expected, "{answer}");
    }
    assert!(read(&json!({ "ID": "n1" })).await.2.is_empty());
}

#[tokio::test]
async fn node_addresses_are_those_of_both_states_without_unknown_ones() {
    let cases: [(&str, Option<&str>, &[&str]); 8] = [
        ("10.0.0.5", None, &["10.0.0.5"]),
        ("10.0.0.5", Some("10.0.0.5:2377"), &["10.0.0.5"]),
        ("0.0.0.0", Some("10.0.0.5:2377"), &["10.0.0.5"]),
        ("10.0.0.5", Some("10.1.0.5:2377"), &["10.0.0.5", "10.1.0.5"]),
        ("0.0.0.0", Some("0.0.0.0:2377"), &[]),
        ("fd00::5", Some("[fd00::5]:2377"), &["fd00::5"]),
        ("::ffff:10.0.0.5", None, &["10.0.0.5"]),
        ("", None, &[]),
    ];
    for (status, manager, expected) in cases {
        let mut answer = answer();
        answer["Status"]["Addr"] = status.into();
        if let Some(manager) = manager {
            answer["ManagerStatus"] = json!({ "Leader": true, "Addr": manager });
        }
        let NodeAddresses { name, addresses } = read(&answer).await.1;
        let found: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(name, "node1");
        assert_eq!(found, expected, "{status} {manager:?}");
    }
    let bare = read(&json!({ "ID": "n1" })).await.1;
    assert!(bare.addresses.is_empty());
}

#[tokio::test]
async fn node_without_hostname_is_named_by_id() {
    for node in [
        json!({ "ID": "n1" }),
        json!({ "ID": "n1", "Description": {} }),
    ] {
        let (census, addresses, _) = read(&node).await;
        assert_eq!(
            (census.nodes[0].name.as_str(), &*addresses.name),
            ("n1", "n1")
        );
    }
}

/// The specification that is sent to change a node; `None` if nothing is sent.
async fn sent(
    fresh: &Value,
    availability: Availability,
    drained_for: Option<&str>,
) -> Result<Option<Value>, OrchestratorError> {
    let engine = Script::tcp(vec![Reply::json(fresh), Reply::Answer(200, String::new())]).await;
    let mut docker = docker(&[&engine]);
    docker
        .set_availability(&node(), availability, drained_for)
        .await?;
    let update = engine.received().into_iter().nth(1);
    Ok(update.map(|update| serde_json::from_str(&update.body).unwrap()))
}

#[tokio::test]
async fn only_availability_and_label_change() {
    let drain = async |fresh: &Value| sent(fresh, Availability::Drain, Some("workers")).await;
    let mut expected = answer()["Spec"].clone();
    expected["Availability"] = "drain".into();
    expected["Labels"][DRAINED_FOR] = "workers".into();
    assert_eq!(drain(&answer()).await, Ok(Some(expected.clone())));
    let mut drained = answer();
    drained["Spec"] = expected;
    assert_eq!(drain(&drained).await, Ok(None));
    // The reverse update restores the initial state.
    let activate = async |fresh: &Value| sent(fresh, Availability::Active, None).await;
    assert_eq!(activate(&drained).await, Ok(Some(answer()["Spec"].clone())));
    assert_eq!(activate(&answer()).await, Ok(None));
    // Engines omit empty labels or write null.
    for labels in [json!({}), Value::Null] {
        let mut bare = answer();
        bare["Spec"]["Labels"] = labels;
        let sent = drain(&bare).await.unwrap().unwrap();
        assert_eq!(sent["Labels"], json!({ DRAINED_FOR: "workers" }));
    }
    let mut newer = answer();
    newer["Version"]["Index"] = 10.into();
    assert_eq!(drain(&newer).await, Err(OrchestratorError::Conflict));
    let bare = json!({ "Version": { "Index": 9 } });
    let refusal = drain(&bare).await;
    assert!(matches!(refusal, Err(OrchestratorError::Refused(_))));
}

/// A cluster with a node that is being removed.
#[tokio::test]
async fn census_counts_tasks_that_have_not_ended() {
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
async fn drained_node_keeps_all_other_fields() {
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
