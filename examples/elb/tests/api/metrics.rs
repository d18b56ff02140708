//! The metrics that Prometheus scrapes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::site::World;

/// The values of all series, by name and labels as written.
pub(crate) struct Exposition(BTreeMap<String, f64>);

impl Exposition {
    /// Parses an exposition; fails on input that Prometheus would reject.
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.strip_suffix("# EOF\n").expect("an end");
        let (mut families, mut series) = (BTreeSet::new(), BTreeMap::new());
        let (mut name, mut kind) = (String::new(), String::new());
        for line in lines.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                name = rest.split_once(' ').expect("a text").0.to_owned();
                assert!(families.insert(name.clone()), "duplicate family {name}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (of, is) = rest.split_once(' ').unwrap();
                assert_eq!(of, name, "{line}");
                kind = is.to_owned();
            } else {
                let (id, value) = line.rsplit_once(' ').expect("a value");
                let (of, labels) = id.split_once('{').unwrap_or((id, "}"));
                assert!(
                    labels.ends_with('}') && !labels.contains('\u{1b}'),
                    "{line}"
                );
                let suffix = of
                    .strip_prefix(&name)
                    .unwrap_or_else(|| panic!("{line} in {name}"));
                let suffixes: &[&str] = match kind.as_str() {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "info" => &["_info"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    other => panic!("{other}"),
                };
                assert!(suffixes.contains(&suffix), "{line} is a {kind}");
                let before = series.insert(id.to_owned(), value.parse().expect("a number"));
                assert_eq!(before, None, "duplicate series {line}");
            }
        }
        Self(series)
    }

    pub(crate) fn value(&self, series: &str) -> f64 {
        let known = self.0.get(series).copied();
        known.unwrap_or_else(|| panic!("missing {series} in {:#?}", self.0.keys()))
    }

    pub(crate) fn count(&self, begin: &str) -> usize {
        self.0
            .keys()
            .filter(|series| series.starts_with(begin))
            .count()
    }
}

#[tokio::test]
async fn observations_decisions_changes_and_refusals_are_exported() {
    let world = World::new().await;
    world.pass(Duration::from_secs(180)).await;
    world.get("/api/v1/nothing").await;
    let metrics = Exposition::read(&world.get("/metrics").await.body);
    let tally = *world.handle.status().lock().tally();
    assert!(tally.grown > 0 && tally.shrunk > 0, "{tally:?}");
    for (series, expected) in [
        ("elb_rounds_total{}", 91.0),
        ("elb_changes_total{direction=\"grow\"}", tally.grown as f64),
        (
            "elb_changes_total{direction=\"shrink\"}",
            tally.shrunk as f64,
        ),
        (
            "elb_decisions_total{outcome=\"done\"}",
            (tally.grown + tally.shrunk) as f64,
        ),
        ("elb_decisions_total{outcome=\"failed\"}", 0.0),
        ("elb_orchestrator_up{}", 1.0),
        ("elb_global_mode{mode=\"act\"}", 1.0),
        ("elb_agents_left_out{}", 0.0),
        ("elb_agent_up{agent=\"10.0.0.1/100000\"}", 1.0),
        (
            "elb_agent_datagrams_lost_total{agent=\"10.0.0.2/100000\"}",
            0.0,
        ),
        ("elb_entities{kind=\"host\",lifecycle=\"live\"}", 3.0),
        ("elb_http_answers_total{code=\"404\"}", 1.0),
        ("elb_stage_seconds_count{stage=\"decide\"}", 91.0),
        (
            "elb_stage_seconds_bucket{le=\"+Inf\",stage=\"round\"}",
            91.0,
        ),
        ("elb_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(metrics.value(series), expected, "{series}");
    }
    let decisions = ["kept", "advised", "done", "failed"];
    let decisions =
        decisions.map(|outcome| format!("elb_decisions_total{{outcome=\"{outcome}\"}}"));
    let sum: f64 = decisions.iter().map(|series| metrics.value(series)).sum();
    assert_eq!(sum, tally.decisions as f64);
    let intake = world.handle.telemetry().lock().ingest_stats();
    let of_agents: f64 = (1..=3)
        .map(|host| {
            metrics.value(&format!(
                "elb_agent_datagrams_total{{agent=\"10.0.0.{host}/100000\"}}"
            ))
        })
        .sum();
    assert_eq!(of_agents, intake.datagrams as f64);
    if cfg!(target_os = "linux") {
        assert!(metrics.value("process_resident_memory_bytes{}") > 1e6);
        assert!(metrics.value("process_open_fds{}") > 3.0);
    }
}

#[tokio::test]
async fn c10_recommended_replicas_are_those_of_the_last_decision_in_every_mode() {
    let world = World::new().await;
    let series = |name: &str| format!("elb_replicas_{name}{{service=\"apache\"}}");
    let mut is_advice = false;
    for mode in ["advise", "act"] {
        let (path, body) = (
            "/api/v1/services/apache/mode",
            format!("{{\"mode\": \"{mode}\"}}"),
        );
        let headers = [("X-Elb", "1"), ("Content-Type", "application/json")];
        assert_eq!(world.ask("PUT", path, &headers, &body).await.status, 200);
        for _ in 0..30 {
            world.pass(Duration::from_secs(4)).await;
            let metrics = Exposition::read(&world.get("/metrics").await.body);
            let one = world.json("/api/v1/services/apache").await;
            let recommended = metrics.value(&series("recommended"));
            assert_eq!(Some(recommended), one["last"]["result"].as_f64());
            assert_eq!(Some(recommended), one["recommended"].as_f64());
            let wanted = metrics.value(&series("wanted"));
            assert!(mode == "advise" || recommended == wanted);
            is_advice |= recommended != wanted;
        }
    }
    assert!(
        is_advice,
        "the recommendation differs from the size at some time"
    );
}

#[tokio::test]
async fn c10_orchestrator_is_down_after_one_request_timeout() {
    let world = World::new().await;
    world.pass(Duration::from_secs(2)).await;
    {
        let mut config = world.handle.config().lock();
        config.docker.timeout = Duration::from_millis(100);
        config.control.interval = Duration::from_millis(100);
    }
    let _held = world.hold().await;
    let end = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = Exposition::read(&world.get("/metrics").await.body);
        if metrics.value("elb_orchestrator_up{}") == 0.0 {
            break;
        }
        assert!(std::time::Instant::now() < end, "still reported as up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// T17 for metrics: a flood of invented agents does not make a scrape larger than its bound.
#[tokio::test]
async fn flood_of_agents_keeps_metrics_bounded() {
    let world = World::new().await;
    world.pass(Duration::from_secs(60)).await;
    let now = world.handle.now();
    for number in 0..3_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        // An empty datagram of a new agent.
        let datagram: Vec<u8> = [5, 1, u32::from_be_bytes([172, a, b, c]), 0, 1, 1, 0]
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect();
        let mut telemetry = world.handle.telemetry().lock();
        let sender = [198, 51, 100, (number % 4) as u8];
        telemetry.receive(now, (sender, 6343).into(), &datagram);
    }
    let metrics = Exposition::read(&world.get("/metrics").await.body);
    assert_eq!(metrics.count("elb_agent_up{"), 1_000);
    assert!(metrics.value("elb_agents_left_out{}") > 1_900.0);
    // The agents that report are among them.
    assert_eq!(
        metrics.value("elb_agent_up{agent=\"10.0.0.1/100000\"}"),
        1.0
    );
    let agents = world.json("/api/v1/agents").await;
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1_000);
    assert!(agents["total"].as_u64() > Some(2_900));
}

/// T20: a hostile name is one value of one label, and one JSON string.
#[tokio::test]
async fn hostile_names_are_escaped() {
    let world = World::new().await;
    let name = "a\\\"} 1\\n# EOF\\u001b[2J</script><b>\\u202e";
    let plain = "a\"} 1\n# EOF\u{1b}[2J</script><b>\u{202e}";
    let config = world.get("/api/v1/config").await;
    let text = config
        .body
        .replace("name = \"apache\"", &format!("name = \"{name}\""));
    let headers = [
        ("X-Elb", "1"),
        ("Content-Type", "application/toml"),
        ("If-Match", "*"),
    ];
    let put = world.ask("PUT", "/api/v1/config", &headers, &text).await;
    assert_eq!(put.status, 200, "{put:?}");
    world.pass(Duration::from_secs(10)).await;
    let services = world.json("/api/v1/services").await;
    assert_eq!(services["services"][0]["name"], plain);
    let encoded: String = plain.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let one = world.json(&format!("/api/v1/services/{encoded}")).await;
    assert_eq!(one["name"], plain);
    let metrics = world.get("/metrics").await.body;
    Exposition::read(&metrics);
    assert!(
        metrics.contains(r#"{service="a\"} 1�# EOF�[2J</script><b>�""#),
        "{metrics}"
    );
    let missing = world.get("/api/v1/services/%3Cscript%3E%1b%5B2J").await;
    missing.is_problem(404, "<script>");
    assert!(
        !missing.body.contains('\u{1b}') && !missing.body.contains("\\u001b"),
        "{missing:?}"
    );
    assert_eq!(
        missing.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn metrics_have_the_format_that_the_client_accepts() {
    let world = World::new().await;
    world.pass(Duration::from_secs(60)).await;
    let headers = [("Accept", "text/plain;version=0.0.4")];
    let answer = world.ask("GET", "/metrics", &headers, "").await;
    let media_type = answer.header("content-type").unwrap();
    assert!(
        media_type.starts_with("text/plain; version=0.0.4"),
        "{answer:?}"
    );
    assert_eq!(answer.header("vary"), Some("accept"));
    let body = &answer.body;
    assert!(body.contains(" counter\nelb_datagrams_total{} "), "{body}");
    assert!(body.contains("# TYPE elb_datagrams_total counter\n"));
    assert!(body.contains("# HELP elb_datagrams_total "));
    assert!(body.contains("# TYPE elb_replicas_wanted gauge\n"));
    assert!(!body.contains("# EOF"));
}
