//! D18: malicious and malformed requests.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::openapi::DOCUMENT;
use crate::site::World;

const MODE: &str = "/api/v1/mode";
const OFF: &str = r#"{"mode":"off"}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");
const X_ELB: (&str, &str) = ("X-Elb", "1");

#[tokio::test]
async fn oversized_requests_are_refused() {
    let world = World::new().await;
    let large = "x".repeat(2 * 1024 * 1024);
    let toml = [
        X_ELB,
        ("Content-Type", "application/toml"),
        ("If-Match", "*"),
    ];
    world
        .ask("PUT", MODE, &[JSON, X_ELB], &large)
        .await
        .is_problem(413, "1 MiB");
    world
        .ask("PUT", "/api/v1/config", &toml, &large)
        .await
        .is_problem(413, "1 MiB");
    let validate = world
        .ask("POST", "/api/v1/config/validate", &toml, &large)
        .await;
    validate.is_problem(413, "1 MiB");
    // Chunked, each chunk small.
    let piece = format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(100);
    let head = "POST /api/v1/config/validate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/toml\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = world
        .send(format!("{head}{piece}0\r\n\r\n").as_bytes())
        .await;
    answer.is_problem(413, "1 MiB");
    let header = "x".repeat(64 * 1024);
    let answer = world
        .ask("GET", "/metrics", &[("X-Long", &header)], "")
        .await;
    assert_eq!(answer.status, 431, "{answer:?}");
    let many: Vec<_> = (0..100).map(|_| ("X-Many", "x")).collect();
    assert_eq!(world.ask("GET", "/metrics", &many, "").await.status, 431);
    let path = format!("/{}", "x".repeat(70_000));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = world.send(request.as_bytes()).await;
    assert!([414, 431].contains(&answer.status), "{answer:?}");
    let nested = "[".repeat(100_000);
    let answer = world.put_json(MODE, &nested).await;
    assert!([400, 422].contains(&answer.status), "{answer:?}");
    let nested = format!("x = {}", "[".repeat(100_000));
    let answer = world
        .ask("POST", "/api/v1/config/validate", &toml, &nested)
        .await;
    answer.is_problem(422, "Nothing has changed");
    assert!(answer.body.len() < 10_000, "{} bytes", answer.body.len());
    assert_eq!(world.json(MODE).await["mode"], "act");
}

/// elb does not wait for a body of a false length; the clock is virtual.
#[tokio::test(start_paused = true)]
async fn false_content_length_is_refused_at_once() {
    let world = World::new().await;
    let begun = Instant::now();
    for (length, expected) in [("18446744073709551615", 431), ("1000000000000", 413)] {
        let head = format!(
            "PUT /api/v1/mode HTTP/1.1\r\nHost: localhost\r\nX-Elb: 1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{"
        );
        let answer = world.send(head.as_bytes()).await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn malformed_requests_are_refused_and_valid_ones_are_served() {
    let world = World::new().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\n\r\n\x00\xff\xff",
        b"GET / HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
    ] {
        let answer = world.send(bytes).await;
        assert!(
            answer.status == 0 || answer.status >= 400,
            "{bytes:?}: {answer:?}"
        );
    }
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_parameters_are_refused() {
    let world = World::new().await;
    for path in [
        "/../../etc/passwd",
        "/api/v1/../../etc/passwd",
        "/api/v1/services/../mode",
        "/api/v1/services/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/services/%2e%2e/mode",
        "/api/v1/services/apache%00",
        "/api/v1/services/",
        "//api/v1/services",
        "/api/v1//services",
        "/API/V1/SERVICES",
        "/chart/..%2f..%2fCargo.toml.svg",
        "/api/v1/services/apache/mode/",
        "/static/../src/main.rs",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
    for (path, words) in [
        ("/api/v1/services/%ff%fe", "UTF-8"),
        (
            "/api/v1/entities?limi=2",
            "expected one of `kind`, `name`, `limit`",
        ),
        (
            "/api/v1/entities?kind=planet",
            "`planet`, expected one of `host`",
        ),
        (
            "/api/v1/entities?limit=2&limit=3",
            "duplicate field `limit`",
        ),
        ("/api/v1/entities?limit=-1", "limit"),
        ("/api/v1/entities?limit=99999999999999999999", "limit"),
        ("/api/v1/agents?limit=0", "not between 1 and 10000"),
        ("/api/v1/decisions?after=x", "after"),
        ("/api/v1/decisions?after=-1", "after"),
        ("/api/v1/decisions?wait=forever", "is not a duration"),
        ("/api/v1/decisions?wait=NaN", "is not a duration"),
        ("/api/v1/decisions?wait=-5s", "is not a duration"),
        ("/api/v1/services/apache?past=1e400s", "is not a duration"),
        ("/api/v1/services?verbose", "unknown field `verbose`"),
        ("/api/v1/query", "missing field `q`"),
        ("/api/v1/query?q=", "expected"),
        ("/api/v1/snapshot?x=%ff", "unknown field"),
    ] {
        world.get(path).await.is_problem(400, words);
    }
    let answer = world
        .ask("GET", "/api/v1/services", &[("Accept", "text/html")], "")
        .await;
    answer.is_problem(406, "application/json");
    let answer = world
        .ask("GET", "/api/v1/config", &[("Accept", "text/html")], "")
        .await;
    answer.is_problem(406, "application/toml or application/json");
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"mode":"fast"}"#,
        r#"{"mode":"act","x":1}"#,
        "\u{0}",
    ] {
        let answer = world.put_json(MODE, body).await;
        assert!([400, 422].contains(&answer.status), "{body:?}: {answer:?}");
        answer.is_problem(answer.status, "openapi.json");
    }
    world
        .ask("DELETE", MODE, &[X_ELB], "")
        .await
        .is_problem(405, "DELETE");
    world
        .get("/api/v2/services")
        .await
        .is_problem(404, "/api/v2/services");
}

/// Neither valid nor invalid GET requests change any state.
#[tokio::test]
async fn get_requests_change_nothing() {
    let world = World::with_machines().await;
    world.pass(Duration::from_secs(60)).await;
    let hasher = RandomState::new();
    let state = || {
        let status = world.handle.status().lock();
        let telemetry = world.handle.telemetry().lock();
        let config = world.handle.config().lock();
        hasher.hash_one(format!("{status:?}{telemetry:?}{config:?}"))
    };
    let before = state();
    let described = DOCUMENT["paths"].as_object().unwrap().keys();
    let mut paths: Vec<String> = described
        .map(|path| path.replace("{name}", "apache"))
        .collect();
    let besides = [
        "/",
        "/service/apache",
        "/pool/apache",
        "/chart/apache.svg",
        "/script.js",
        "/metrics",
        "/healthz",
        "/readyz",
    ];
    paths.extend(besides.map(str::to_owned));
    let mut chance: u64 = 1;
    let mut random = |below: usize| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(chance >> 33).unwrap() % below
    };
    let names = [
        "after", "limit", "service", "q", "kind", "name", "past", "x", "mode", "wait", "find",
    ];
    let values = [
        "",
        "0",
        "1",
        "18446744073709551615",
        "-1",
        "apache",
        "host",
        "10m",
        "%ff",
        "off",
        "*",
        "avg:vir_cpu_cores%20by%20host_name",
        "max:ifinoctets[30s]",
        "sum:",
        "%22%7D",
    ];
    for round in 0..800 {
        let path = &paths[random(paths.len())];
        let mut target = path.clone();
        for place in 0..random(4) {
            let mark = if place == 0 { '?' } else { '&' };
            let (name, value) = (names[random(names.len())], values[random(values.len())]);
            if name != "wait" {
                target += &format!("{mark}{name}={value}");
            }
        }
        let accept = ["*/*", "application/json", "text/html", "nonsense"][random(4)];
        let method = ["GET", "HEAD"][random(2)];
        let headers = [("Accept", accept), X_ELB, JSON];
        let body = ["", OFF][random(2)];
        let answer = world.ask(method, &target, &headers, body).await;
        assert!(
            answer.status < 500 || answer.status == 503,
            "{round} {target}: {answer:?}"
        );
        if answer.status == 429 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    assert_eq!(state(), before);
}
