//! Reading services, decisions, agents, events and readiness.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use sflow_v5::{Encoder, Header};

use crate::site::World;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn services_have_their_current_status() {
    let world = World::new().await;
    world.pass(2 * MINUTE).await;
    let all = world.json("/api/v1/services").await;
    assert_eq!(all["mode"], "act");
    let apache = &all["services"][0];
    assert_eq!(apache["name"], "apache");
    assert_eq!(apache["last"]["service"], "apache");
    let one = world.json("/api/v1/services/apache").await;
    assert_eq!(one["running"], apache["running"]);
    assert_eq!(one.get("past"), None);
    let containers = one["containers"].as_array().unwrap();
    assert_eq!(containers.len() as u64, one["tasks"].as_u64().unwrap());
    let metrics = one["signals"].as_array().unwrap().len();
    for container in containers {
        assert_eq!(container["state"], "running");
        assert_eq!(container["seen"], true, "{container}");
        assert!(container["node"].is_string(), "{container}");
        let values = container["values"].as_array().unwrap();
        assert_eq!(values.len(), metrics);
        assert!(values.iter().all(Value::is_number), "{container}");
    }
    // The mean of a decision is between its least and its most loaded container.
    for input in one["last"]["inputs"].as_array().unwrap() {
        let number = |name: &str| input[name].as_f64().unwrap();
        assert!(number("least") <= number("value"), "{input}");
        assert!(number("value") <= number("most"), "{input}");
    }
    let past = world.json("/api/v1/services/apache?past=1m").await;
    assert_eq!(past["past"].as_array().unwrap().len(), 31);
    world
        .get("/api/v1/services/nginx")
        .await
        .is_problem(404, "nginx");
}

#[tokio::test]
async fn decisions_are_paged_without_gap() {
    let world = World::new().await;
    world.pass(3 * MINUTE).await;
    let newest = world.json("/api/v1/decisions").await;
    let last = newest["last"].as_u64().unwrap();
    assert!(last > 3, "{newest}");
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let some = world
            .json(&format!("/api/v1/decisions?after={after}&limit=2"))
            .await;
        assert_eq!(some["gap"], false);
        let ids = some["decisions"].as_array().unwrap().iter();
        seen.extend(ids.map(|decision| decision["id"].as_u64().unwrap()));
        after = some["next"].as_u64().unwrap();
        if after == last {
            break;
        }
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
    let lost = world
        .json(&format!("/api/v1/decisions?after={}", last + 1))
        .await;
    assert_eq!(
        (&lost["gap"], &lost["decisions"][0]["id"]),
        (&true.into(), &1.into())
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_client_receives_next_decision_at_once() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    let last = world.json("/api/v1/decisions").await["last"].clone();
    let path = format!("/api/v1/decisions?after={last}&wait=20s");
    let begun = tokio::time::Instant::now();
    let (next, ()) = tokio::join!(world.json(&path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.pass(5 * MINUTE).await;
    });
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(
        next["decisions"][0]["id"].as_u64(),
        last.as_u64().map(|last| last + 1)
    );
}

#[tokio::test]
async fn missing_telemetry_is_in_api_and_metrics() {
    let world = World::new().await;
    let missing = |answer: &Value| -> Vec<String> {
        let missing = answer["missing"].as_array().unwrap().iter();
        missing
            .map(|it| it["what"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = world.json("/api/v1/agents").await;
    assert_eq!(missing(&before), ["no_agent"]);
    world.pass(2 * MINUTE).await;
    let well = world.json("/api/v1/agents").await;
    assert_eq!(missing(&well), [""; 0], "{well}");
    world.pass_without_datagrams(MINUTE + MINUTE / 2).await;
    let silent = world.json("/api/v1/agents").await;
    let kinds = missing(&silent);
    assert_eq!(kinds.iter().filter(|it| *it == "silent_agent").count(), 3);
    assert!(
        kinds.contains(&"service_unseen".to_owned())
            || kinds.contains(&"metric_unknown".to_owned()),
        "{kinds:?}"
    );
    let text = silent["missing"][0]["words"].as_str().unwrap();
    assert!(text.contains("no data for 1:"), "{text}");
    let metrics = world.get("/metrics").await.body;
    assert!(metrics.contains("elb_missing{what=\"silent_agent\"} 3.0\n"));
    // The description of the API lists the same kinds as the metrics.
    let description = world.json("/api/v1/openapi.json").await;
    let kinds = &description["components"]["schemas"]["Missing"]["properties"]["what"]["enum"];
    let described: BTreeSet<&str> = kinds
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let exported = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("elb_missing{what=\""));
    let exported: BTreeSet<&str> = exported.filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(described, exported);
}

#[tokio::test]
async fn agents_and_their_metrics_are_listed() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    let agents = world.json("/api/v1/agents").await;
    assert_eq!(agents["total"], 3);
    assert_eq!(agents["health"]["datagrams"], agents["intake"]["datagrams"]);
    for agent in agents["agents"].as_array().unwrap() {
        assert!(agent["received"].as_u64() > Some(5), "{agent}");
        assert!(
            agent["age"].as_f64().is_some_and(|age| age < 15.0),
            "{agent}"
        );
        assert_eq!(
            (&agent["silent"], &agent["lost"]),
            (&false.into(), &0.into())
        );
    }
    let one = world.json("/api/v1/agents?limit=1").await;
    assert_eq!(
        (one["agents"].as_array().unwrap().len(), &one["total"]),
        (1, &3.into())
    );

    let hosts = world.json("/api/v1/entities?kind=host").await;
    assert_eq!(hosts["total"], 3);
    let tasks = world
        .json("/api/v1/entities?kind=container&name=apache.*")
        .await;
    let task = &tasks["entities"][0];
    assert!(
        task["name"].as_str().unwrap().starts_with("apache."),
        "{task}"
    );
    assert!(
        task["parent"]["name"].as_str().unwrap().starts_with("node"),
        "{task}"
    );
    assert_eq!(task["lifecycle"], "live");
    assert_eq!(world.json("/api/v1/entities?name=nobody").await["total"], 0);
    let two = world.json("/api/v1/entities?limit=2").await;
    let ids: Vec<_> = two["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [0, 1]);
}

#[tokio::test]
async fn valid_query_is_answered_and_invalid_query_is_explained() {
    let world = World::new().await;
    world.pass(2 * MINUTE).await;
    // The former spelling of the key is accepted; the response contains the current one.
    let by_host = "max:vir_cpu_cores,count:vir_cpu_cores%20by%20host_name";
    let answer = world.json(&format!("/api/v1/query?q={by_host}")).await;
    assert_eq!(
        answer["query"],
        "max:vir_cpu_cores,count:vir_cpu_cores by host"
    );
    let group = &answer["groups"][0];
    assert_eq!(group["group"], "node1");
    assert_eq!(group["answers"][0]["unit"], "cores");
    assert!(
        group["answers"][0]["winner"]
            .as_str()
            .unwrap()
            .starts_with("apache.")
    );
    let first = world
        .json(&format!("/api/v1/query?q={by_host}&limit=1"))
        .await;
    let left_out = answer["groups"].as_array().unwrap().len() - 1;
    assert_eq!(first["groups_left_out"], left_out);
    let all = world.json("/api/v1/query?q=avg:load_one").await;
    assert_eq!(
        (
            &all["groups"][0]["group"],
            &all["groups"][0]["answers"][0]["matched"]
        ),
        (&None::<()>.into(), &3.into())
    );
    let window = world.json("/api/v1/query?q=avg:load_one[30s]").await;
    assert!(
        window["note"].as_str().unwrap().contains("Windows"),
        "{window}"
    );

    let wrong = world
        .get("/api/v1/query?q=avg:load_one,avg:vir_cpu_core")
        .await;
    wrong.is_problem(400, "did you mean `vir_cpu_cores`?");
    assert_eq!(wrong.json()["position"], 17);
    assert_eq!(wrong.json()["nearest"], "vir_cpu_cores");
    let many = ["avg:load_one"; 33].join(",");
    world
        .get(&format!("/api/v1/query?q={many}"))
        .await
        .is_problem(400, "more than 32");
    let long = "x".repeat(2_001);
    world
        .get(&format!("/api/v1/query?q={long}"))
        .await
        .is_problem(400, "longer than 2000");
}

#[tokio::test]
async fn agent_events_are_paged_without_gap() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    let mut kinds = Vec::new();
    let mut after = 0;
    loop {
        let some = world
            .json(&format!("/api/v1/events?after={after}&limit=3"))
            .await;
        let events = some["events"].as_array().unwrap();
        kinds.extend(
            events
                .iter()
                .map(|event| event["event"].as_str().unwrap().to_owned()),
        );
        after = some["next"].as_u64().unwrap();
        if some["next"] == some["last"] {
            break;
        }
    }
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| *kind == "agent_appeared")
            .count(),
        3
    );
    let newest = world.json("/api/v1/events?limit=1").await;
    assert_eq!(newest["events"][0]["id"], newest["last"]);
    let lost = world.json("/api/v1/events?after=999999").await;
    assert_eq!(
        (&lost["gap"], &lost["events"][0]["id"]),
        (&true.into(), &1.into())
    );
}

#[tokio::test]
async fn readiness_names_unready_component() {
    let world = World::new().await;
    let condition = |ready: &Value, name: &str| {
        let conditions = ready["conditions"].as_array().unwrap().clone();
        conditions
            .into_iter()
            .find(|condition| condition["name"] == name)
            .unwrap()
    };
    let ready = world.get("/api/v1/ready").await;
    assert_eq!(ready.status, 503);
    let telemetry = condition(&ready.json(), "telemetry");
    assert_eq!(telemetry["met"], false);
    assert!(
        telemetry["words"]
            .as_str()
            .unwrap()
            .contains("UDP port 6343"),
        "{telemetry}"
    );
    assert_eq!(condition(&ready.json(), "orchestrator")["met"], true);
    world.pass(MINUTE).await;
    assert_eq!(world.json("/api/v1/ready").await["ready"], true);
    let answer = world.get("/readyz").await;
    assert_eq!(
        (answer.status, answer.body.lines().count()),
        (200, 4),
        "{answer:?}"
    );

    // The agents become stale while the orchestrator still answers.
    world.pass_without_datagrams(5 * MINUTE).await;
    let ready = world.get("/api/v1/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        condition(&ready.json(), "telemetry")["words"],
        "All 3 agents are silent."
    );
    let agents = world.json("/api/v1/agents").await;
    assert!(
        agents["agents"]
            .as_array()
            .unwrap()
            .iter()
            .all(|agent| agent["silent"] == true)
    );
    let answer = world.get("/readyz").await;
    assert!(answer.body.contains("telemetry: NOT READY"), "{answer:?}");
    assert_eq!(world.get("/healthz").await.body, "ok\n");
}

/// Receives datagrams from a proxy whose address is not in `collector.agents`.
fn refuse(world: &World) {
    let proxy = [203, 0, 113, 1];
    let now = world.handle.now();
    for agent in [1, 2] {
        let header = Header {
            agent_address: std::net::IpAddr::from([10, 0, 0, agent]).into(),
            ..Header::default()
        };
        let mut buffer = [0; 64];
        let datagram = Encoder::new(&mut buffer, &header).unwrap().finish();
        let mut telemetry = world.handle.telemetry().lock();
        telemetry.refuse_sender(now, (proxy, 4_000).into(), datagram);
    }
}

#[tokio::test]
async fn refused_agents_make_elb_unhealthy_and_are_shown_with_allowing_configuration() {
    let world = World::new().await;
    world.pass_without_datagrams(2 * MINUTE).await;
    assert_eq!(world.get("/healthz").await.body, "ok\n", "without agents");

    refuse(&world);
    assert_eq!(world.get("/healthz").await.body, "ok\n", "too early");
    let ready = world.json_of("/api/v1/ready", 503).await;
    let mut conditions = ready["conditions"].as_array().unwrap().iter();
    let telemetry = conditions.find(|condition| condition["name"] == "telemetry");
    let text = telemetry.unwrap()["words"].as_str().unwrap();
    let mut agents: Vec<String> = Vec::new();
    for network in &world.handle.config().lock().collector.agents {
        let network = network.to_string();
        agents.push(network.trim_end_matches("/32").to_owned());
    }
    agents.push("203.0.113.1".to_owned());
    let lines = [
        format!("agents = {agents:?} under [collector]"),
        "\"*\" = [\"203.0.113.1\"] under [collector.nodes]".to_owned(),
    ];
    for line in &lines {
        assert!(text.contains(line), "missing {line} in {text}");
    }
    assert!(!text.contains("6343"), "{text}");

    world.pass_without_datagrams(MINUTE / 2).await;
    refuse(&world);
    let health = world.get("/healthz").await;
    assert_eq!(health.status, 503, "{health:?}");
    assert!(health.body.contains("refused"), "{health:?}");
    let missing = world.json("/api/v1/agents").await["missing"].clone();
    assert_eq!(missing[0]["what"], "sender_refused", "{missing}");
    let page = world.get("/").await.body.replace("&quot;", "\"");
    let page = page.replace("&#34;", "\"");
    for line in &lines {
        assert!(page.contains(line), "missing {line} in {page}");
    }

    // One allowed agent is enough, even if others are refused.
    world.pass(MINUTE).await;
    refuse(&world);
    assert_eq!(world.get("/healthz").await.body, "ok\n");
    assert_eq!(world.get("/readyz").await.status, 200);
    world.pass_without_datagrams(5 * MINUTE).await;
    refuse(&world);
    assert_eq!(world.get("/healthz").await.body, "ok\n");
}

#[tokio::test]
async fn health_recovers_after_refused_agents_stop() {
    let world = World::new().await;
    for _ in 0..2 {
        refuse(&world);
        world.pass_without_datagrams(MINUTE / 2).await;
    }
    assert_eq!(world.get("/healthz").await.status, 503);
    world.pass_without_datagrams(2 * MINUTE).await;
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn empty_list_of_agents_is_a_problem_with_the_line_to_add() {
    let world = World::new().await;
    world.handle.config().lock().collector.agents.clear();
    world.pass(2 * MINUTE).await;
    let missing = world.json("/api/v1/agents").await["missing"].clone();
    assert_eq!(missing.as_array().unwrap().len(), 1, "{missing}");
    assert_eq!(missing[0]["what"], "any_sender");
    let text = missing[0]["words"].as_str().unwrap();
    let (_, line) = text.split_once("agents = [").unwrap();
    let (line, _) = line.split_once(" under [collector]").unwrap();
    let text = format!("[collector]\nagents = [{line}\n");
    let allowed = elb::config::Config::from_toml(&text).unwrap().collector;
    let agents = world.json("/api/v1/agents").await;
    for agent in agents["agents"].as_array().unwrap() {
        let sender = agent["sender"].as_str().unwrap().parse().unwrap();
        assert!(allowed.accepts(sender), "{text}");
    }
}
