//! A pool of machines with the same name as a service, to show that both are distinguished.

use std::time::Duration;

use serde_json::Value;

use crate::site::World;

/// Long enough to detect the poor performer and to replace it.
const WHILE: Duration = Duration::from_secs(600);

fn named<'v>(list: &'v Value, key: &str, name: &str) -> &'v Value {
    let mut list = list.as_array().unwrap().iter();
    list.find(|it| it[key] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test]
async fn pool_is_shown_with_machines_and_their_health() {
    let world = World::with_machines().await;
    world.pass(Duration::from_secs(270)).await;
    let pools = world.json("/api/v1/pools").await;
    let pool = named(&pools["pools"], "name", "apache");
    assert_eq!(pool["machines"].as_array().unwrap().len(), 5);
    let machine = |name| named(&pool["machines"], "name", name);
    assert_eq!(machine("node2")["peer"]["standing"], "in_line");
    assert!(machine("node2")["load"]["cpu"].is_number());
    // Its agent does not report steal: its performance is unknown.
    assert_eq!(machine("node6")["peer"]["standing"], "unknown");
    assert_eq!(machine("node6")["peer"]["why"], "nothing_told");
    // Load and steal are close to 0; the policy is still observing.
    let last = &pool["last"];
    assert_eq!(
        (&last["kind"], &last["replicas"]),
        (&"pool".into(), &5.into())
    );
    assert_eq!(last["inputs"][0]["metric"], "cpu_utilization");
    assert_eq!(last["inputs"][0]["contributing"], 5);
    assert!(last["inputs"][0]["oldest"].as_f64() < Some(30.0));
}

#[tokio::test]
async fn machine_steps_are_decisions_and_events() {
    let world = World::with_machines().await;
    world.pass(WHILE).await;
    let pool = world.json("/api/v1/pools/apache?past=1h").await;
    assert!(pool["past"].as_array().unwrap().len() > 50);
    let events = pool["events"].as_array().unwrap();
    let messages: Vec<&str> = events
        .iter()
        .filter_map(|it| it["words"].as_str())
        .collect();
    // Almost no load: machines are removed one after the other, down to four.
    let drained = messages
        .iter()
        .find(|it| it.ends_with("is drained: fewer are needed"));
    assert!(drained.is_some(), "{messages:?}");
    assert!(
        messages.iter().any(|it| it.contains("has left")),
        "{messages:?}"
    );
    let decisions = world.json("/api/v1/decisions?pool=apache").await;
    let decisions = decisions["decisions"].as_array().unwrap();
    assert!(decisions.iter().all(|it| it["kind"] == "pool"));
    let drain = decisions
        .iter()
        .find(|it| it["machines"][0]["step"] == "drain");
    let drain = drain.unwrap_or_else(|| panic!("{decisions:?}"));
    assert_eq!(
        (&drain["outcome"], &drain["result"]),
        (&"done".into(), &4.into())
    );
    assert_eq!(drain["machines"][0]["why"], "not_needed");
    // The service of the same name has decisions of its own.
    let of_service = world.json("/api/v1/decisions?service=apache").await;
    let of_service = of_service["decisions"].as_array().unwrap();
    assert!(!of_service.is_empty() && of_service.iter().all(|it| it["kind"] == "service"));
    let both = world
        .json("/api/v1/decisions?service=apache&pool=apache&limit=1000")
        .await;
    assert!(both["decisions"].as_array().unwrap().len() > of_service.len());
    let unknown = world.get("/api/v1/decisions?pool=nginx").await;
    unknown.is_problem(404, "nginx");
}

#[tokio::test]
async fn pool_mode_is_changed() {
    let world = World::with_machines().await;
    let path = "/api/v1/pools/apache/mode";
    assert_eq!(world.json(path).await["mode"], "act");
    let set = world.put_json(path, r#"{"mode":"advise"}"#).await;
    assert_eq!(
        (set.status, &set.json()["effective"]),
        (200, &"advise".into())
    );
    assert_eq!(
        world.json("/api/v1/services/apache/mode").await["mode"],
        "act"
    );
    world.pass(WHILE).await;
    let pool = world.json("/api/v1/pools/apache").await;
    // The removal is advised and not executed.
    assert_eq!(pool["serving"], 5);
    assert_eq!(pool["advised"][0]["step"], "drain");
    let page = world.get("/").await.body;
    assert!(
        page.contains("In mode act") && page.contains("is drained"),
        "{page}"
    );
    let steps = |it: &Value| it["event"] == "step";
    assert!(!pool["events"].as_array().unwrap().iter().any(steps));
    let advised = world.json("/api/v1/decisions?pool=apache").await;
    let advised = advised["decisions"].as_array().unwrap();
    let shrinks = |it: &&Value| it["outcome"] == "advised" && it["result"] == 4;
    let advised = advised.iter().find(shrinks).expect("an advised removal");
    assert_eq!(advised["machines"][0]["step"], "drain");
    for (path, body, status, text) in [
        (
            "/api/v1/pools/nginx/mode",
            r#"{"mode":"act"}"#,
            404,
            "nginx",
        ),
        (path, r#"{"mode":"perhaps"}"#, 422, "perhaps"),
    ] {
        world.put_json(path, body).await.is_problem(status, text);
    }
    let all = world.put_json("/api/v1/mode", r#"{"mode":"off"}"#).await;
    assert_eq!(all.status, 200);
    assert_eq!(world.json(path).await["effective"], "off");
}

#[tokio::test]
async fn page_and_metrics_show_the_machines() {
    let world = World::with_machines().await;
    world.pass(WHILE).await;
    let page = world.get("/").await;
    assert_eq!(page.status, 200);
    for text in [
        "node3",
        "data-pool=\"apache\"",
        "compared with peers",
        "required by services",
        "Load per machine (%)",
        "is drained: fewer are needed",
        "unknown: its agent does not report",
    ] {
        assert!(
            page.body.contains(text),
            "missing {text:?} in {}",
            page.body
        );
    }
    let metrics = world.get("/metrics").await.body;
    for line in [
        "elb_pool_machines{pool=\"apache\",state=\"serving\"} 4.0",
        "elb_pool_machines_min{pool=\"apache\"} 4.0",
        "elb_pool_peers{pool=\"apache\",standing=\"unknown\"}",
        "elb_pool_steps_total{pool=\"apache\",step=\"drain\"} 1",
        "elb_pool_mode{pool=\"apache\",mode=\"act\"} 1.0",
        "elb_pool_signal{pool=\"apache\",metric=\"cpu_utilization\"}",
    ] {
        assert!(metrics.contains(line), "missing {line} in {metrics}");
    }
}
