//! S1 to S3: leadership on API, page, metrics and readiness, and what a standby refuses.

use std::io::ErrorKind;
use std::time::Duration;

use elb::http::Access;
use elb::status::LeaderStatus;
use serde_json::Value;

use crate::metrics::Exposition;
use crate::site::World;

const MINUTE: Duration = Duration::from_secs(60);
const JSON: (&str, &str) = ("Content-Type", "application/json");
const TOML: (&str, &str) = ("Content-Type", "application/toml");
const TOKEN: (&str, &str) = ("Authorization", "Bearer correct horse");
const OFF: &str = r#"{"mode":"off"}"#;

/// Makes the instance a standby of a leader at this address.
fn stand_by(world: &World, address: &str) {
    let mut status = world.handle.status().lock();
    let now = status.present();
    status.set_leader(LeaderStatus {
        instance: "node2".to_owned(),
        holder: Some("node1".to_owned()),
        address: Some(address.to_owned()),
        term: 7,
        since: Some(now),
        renewed: Some(now),
        ..LeaderStatus::default()
    });
}

/// Makes the instance the leader.
pub(crate) fn lead(world: &World) {
    let mut status = world.handle.status().lock();
    let now = status.present();
    status.set_leader(LeaderStatus {
        is_leader: true,
        instance: "node2".to_owned(),
        holder: Some("node2".to_owned()),
        address: Some("http://node2:8008".to_owned()),
        term: 8,
        since: Some(now),
        renewed: Some(now),
        may_write: true,
        error: None,
    });
}

async fn with_token() -> World {
    let token = Some("correct horse".to_owned());
    World::with(Access {
        token,
        ..Access::default()
    })
    .await
}

#[tokio::test]
async fn s1_standby_refuses_changes_and_names_the_leader() {
    let world = World::new().await;
    stand_by(&world, "http://node1:8008");
    let config = world.get("/api/v1/config").await;
    let json = [JSON, ("X-Elb", "1")];
    let toml = [TOML, ("X-Elb", "1"), ("If-Match", "*")];
    for (path, headers, body) in [
        ("/api/v1/mode", &json[..], OFF),
        ("/api/v1/services/apache/mode", &json, OFF),
        ("/api/v1/services/unknown/mode", &json, OFF),
        ("/api/v1/pools/unknown/mode", &json, "not JSON"),
        ("/api/v1/config", &toml, &config.body),
    ] {
        let answer = world.ask("PUT", path, headers, body).await;
        answer.is_problem(
            409,
            "This instance is a standby; send the change to the leader node1 (http://node1:8008).",
        );
        assert_eq!(answer.json()["address"], "http://node1:8008");
        assert_eq!(answer.header("location"), None, "{answer:?}");
    }
    assert_eq!(world.json("/api/v1/mode").await["mode"], "act");
    let validated = world
        .ask("POST", "/api/v1/config/validate", &[TOML], &config.body)
        .await;
    assert_eq!(validated.status, 200, "validation changes nothing");

    let mut unknown = world.handle.status().lock().leader().unwrap().clone();
    (unknown.holder, unknown.address) = (None, None);
    world.handle.status().lock().set_leader(unknown);
    let answer = world.put_json("/api/v1/mode", OFF).await;
    answer.is_problem(409, "no leader is known");
    assert_eq!(answer.json()["address"], Value::Null);

    lead(&world);
    assert_eq!(world.put_json("/api/v1/mode", OFF).await.status, 200);
}

/// The address was read from a store that others can write.
#[tokio::test]
async fn s2_standby_sends_no_token_to_the_address_of_the_leader() {
    let world = with_token().await;
    let leader = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    leader.set_nonblocking(true).unwrap();
    let address = format!("http://{}", leader.local_addr().unwrap());
    stand_by(&world, &address);
    let put = async |headers: &[(&str, &str)]| world.ask("PUT", "/api/v1/mode", headers, OFF).await;
    // Without authorisation the leader is not named.
    let missing = put(&[JSON]).await;
    missing.is_problem(401, "token is missing");
    let wrong = put(&[JSON, ("Authorization", "Bearer wrong horse")]).await;
    wrong.is_problem(401, "wrong");
    let refused = put(&[JSON, TOKEN]).await;
    refused.is_problem(409, &address);
    for answer in [missing, wrong, refused] {
        assert_eq!(answer.header("location"), None, "{answer:?}");
        assert!(!answer.body.contains("horse"), "{answer:?}");
    }
    let contacted = leader.accept().map_err(|error| error.kind());
    assert_eq!(contacted.err(), Some(ErrorKind::WouldBlock));
}

#[tokio::test]
async fn leadership_is_on_api_page_metrics_and_readiness() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    let alone = world.json("/api/v1/leader").await;
    for (member, expected) in [
        ("election", Value::from(false)),
        ("is_leader", true.into()),
        ("may_write", true.into()),
        ("holder", Value::Null),
        ("term", 0.into()),
    ] {
        assert_eq!(alone[member], expected, "{alone}");
    }
    let metrics = Exposition::read(&world.get("/metrics").await.body);
    assert_eq!(metrics.value("elb_leader{}"), 1.0);
    assert_eq!(metrics.count("elb_leader_"), 0);
    assert!(!world.get("/").await.body.contains("class=\"leader"));

    stand_by(&world, "http://node1:8008");
    let standby = world.json("/api/v1/leader").await;
    assert_eq!(standby["is_leader"], false, "{standby}");
    assert_eq!(standby["address"], "http://node1:8008");
    assert!(standby["renewed_age"].as_f64().unwrap() < 60.0, "{standby}");
    assert_eq!(
        world.json("/api/v1/snapshot").await["leader"]["holder"],
        "node1"
    );
    let metrics = Exposition::read(&world.get("/metrics").await.body);
    assert_eq!(metrics.value("elb_leader{}"), 0.0);
    assert_eq!(metrics.value("elb_leader_term{}"), 7.0);
    assert!(metrics.value("elb_leader_renewed_age_seconds{}") < 60.0);
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200, "a standby is ready: {ready:?}");
    let line = "leader: ok: Standby: node1 (http://node1:8008) leads, term 7.\n";
    assert!(ready.body.contains(line), "{ready:?}");
    for path in ["/", "/service/apache"] {
        let page = world.get(path).await.body;
        for part in [
            "Standby: node1 (http://node1:8008) leads, term 7.",
            "<a href=\"http://node1:8008\" rel=\"noreferrer\">Page of the leader</a>",
            "disabled title=\"This instance is a standby: change modes on the page of the leader.\"",
        ] {
            assert!(page.contains(part), "missing {part} in {page}");
        }
    }

    lead(&world);
    let metrics = Exposition::read(&world.get("/metrics").await.body);
    assert_eq!(metrics.value("elb_leader{}"), 1.0);
    assert_eq!(metrics.value("elb_leader_term{}"), 8.0);
    let page = world.get("/").await.body;
    assert!(page.contains("This instance leads, term 8."), "{page}");
    assert!(!page.contains("disabled title"), "{page}");
    let ready = world.get("/readyz").await.body;
    assert!(ready.contains("leader: ok: This instance leads, term 8.\n"));
}

#[tokio::test]
async fn s3_lease_that_is_not_renewed_makes_all_instances_unready() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    for (error, kind, text) in [
        (None, "no_leader", "no instance has renewed the lease"),
        (
            Some("no quorum"),
            "lease_unreachable",
            "the lease was not renewed for 0:5",
        ),
    ] {
        stand_by(&world, "http://node1:8008");
        let mut status = world.handle.status().lock().leader().unwrap().clone();
        status.error = error.map(str::to_owned);
        world.handle.status().lock().set_leader(status);
        world.pass(Duration::from_secs(2)).await;
        assert_eq!(world.get("/readyz").await.status, 200, "too early");
        world.pass(Duration::from_secs(56)).await;
        let ready = world.get("/readyz").await;
        assert_eq!(ready.status, 503, "{ready:?}");
        assert!(ready.body.contains("leader: NOT READY: "), "{ready:?}");
        assert!(ready.body.contains(text), "{ready:?}");
        assert_eq!(world.get("/healthz").await.body, "ok\n", "not dead");
        let missing = world.json("/api/v1/agents").await["missing"].clone();
        assert_eq!(missing[0]["what"], kind, "{missing}");
        let metrics = Exposition::read(&world.get("/metrics").await.body);
        let series = format!("elb_missing{{what=\"{kind}\"}}");
        assert_eq!(metrics.value(&series), 1.0);
        // Once on the page, although the overview also lists incomplete data.
        let page = world.get("/").await.body;
        assert_eq!(page.matches(text).count(), 1, "{page}");
    }
}

#[tokio::test]
async fn names_and_addresses_of_the_store_are_escaped_and_bounded() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    let name = "</p><script>alert(1)</script>\u{202e}\u{1b}\"'";
    for address in [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "http://node1/\"><script>alert(1)</script>",
        "http://token@node1/",
        "http://node1/\r\nLocation: http://evil/",
        "//node1/",
        &format!("http://{}/", "a".repeat(10_000)),
    ] {
        stand_by(&world, address);
        let mut status = world.handle.status().lock().leader().unwrap().clone();
        status.holder = Some(name.repeat(100));
        world.handle.status().lock().set_leader(status);
        let body = world.get("/").await.body;
        let body = body.replace("<script src=\"/script.js\"></script>", "");
        for harm in ["<script", "\u{202e}", "\u{1b}", "Page of the leader"] {
            assert!(!body.contains(harm), "{address}: {harm:?} in {body}");
        }
        for path in ["/api/v1/leader", "/readyz"] {
            let body = world.get(path).await.body;
            assert!(body.len() < 1_000, "{body}");
            assert!(!body.contains(['\u{202e}', '\u{1b}', '\r']), "{body}");
        }
        let refused = world.put_json("/api/v1/mode", OFF).await;
        refused.is_problem(409, "standby");
        assert!(refused.body.len() < 1_500, "{refused:?}");
        assert_eq!(refused.header("location"), None);
    }
}
