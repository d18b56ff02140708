//! The settings of the election of a leader, and the time limit of the leader's changes.

use std::time::{Duration, Instant};

use elb::config::{Config, Leader};
use elb::leader;
use elb::orchestrator::{Availability, Orchestrator as _, OrchestratorError};
use serde_json::json;

use crate::config::refused;
use crate::config_errors::summary;
use crate::engine::{Reply, Script, apache, every_field};
use crate::nodes::node;

#[test]
fn election_is_off_by_default_and_has_settings() {
    let leader = Config::from_toml("").unwrap().leader;
    assert_eq!(leader, Leader::disabled());
    assert!(!leader.enabled);
    let text = "[leader]\nenabled = true\nname = \"shop.lease_2\"\naddress = \"https://elb1:8443/\"\n\
                lease = \"60s\"\nrenew = \"10s\"\ndeadline = \"30s\"\ntimeout = \"8s\"\n";
    let leader = Config::from_toml(text).unwrap().leader;
    assert_eq!(leader.name, "shop.lease_2");
    assert_eq!(leader.address.as_deref(), Some("https://elb1:8443/"));
    let settings = leader.lease_settings();
    let seconds = [
        settings.lease,
        settings.renew,
        settings.deadline,
        settings.timeout,
    ];
    assert_eq!(seconds.map(|it| it.as_secs()), [60, 10, 30, 8]);
}

#[test]
fn invalid_election_is_refused_with_its_line() {
    assert_eq!(
        refused("[leader]\nenabled = true\nlease = \"6s\"\n"),
        "leader.lease: two leaders could write: writes end up to 5s after a renewal, a delayed \
         request takes 2s more, and a standby takes over after 6s. Set the lease to at least 7s, or \
         shorten the deadline or the request timeout\n --> line 3, column 9\n  |\n3 | lease = \
         \"6s\"\n  |         ^^^^\n"
    );
    // An election that is not enabled is validated as well.
    for (text, expected) in [
        (
            "timeout = \"8s\"",
            "leader.deadline: the leader could never write",
        ),
        (
            "deadline = \"4s\"",
            "take 4s, and writes have to end within the deadline of 4s",
        ),
        ("renew = \"99ms\"", "leader.renew: 0.099 s is too short"),
        (
            "lease = \"25h\"",
            "leader.lease: the length of the lease is 90000s: set it to at most one day",
        ),
        ("name = \"\"", "leader.name: expected letters"),
        ("name = \"a/b\"", "leader.name: expected letters"),
        ("name = \"-a\"", "leader.name: expected letters"),
        ("address = \"elb1:8008\"", "leader.address: expected http"),
        (
            "address = \"ftp://elb1:8008\"",
            "leader.address: expected http",
        ),
        (
            "address = \"javascript:alert(1)\"",
            "leader.address: expected http",
        ),
        (
            "address = \"http://elb1/\\u001b[2J\"",
            "leader.address: expected a URL",
        ),
        (
            "address = \"http://elb1/\\u202e\"",
            "leader.address: expected a URL",
        ),
        (
            "address = \"http://a:b@elb1/\"",
            "leader.address: a user name",
        ),
        ("adress = \"\"", "unknown key `adress`"),
    ] {
        let summary = summary(&format!("[leader]\n{text}\n"));
        assert!(summary.contains(expected), "{text}: {summary}");
    }
    let long = format!("http://{}/", "a".repeat(200));
    assert!(Leader::check_address(&long).is_err());
    Leader::check_address("http://[2001:db8::1]:8008/").unwrap();
}

#[test]
fn election_and_its_managers_cannot_change_while_the_loop_runs() {
    let config = |text: &str| Config::from_toml(text).unwrap();
    let (off, on) = (config(""), config("[leader]\nenabled = true\n"));
    assert_eq!(off.fixed_change(&on), Some("leader"));
    assert_eq!(on.fixed_change(&off), Some("leader"));
    assert_eq!(on.fixed_change(&on), None);
    let docker = "[docker]\nendpoints = [\"tcp://10.0.0.1:2375\"]\n";
    assert_eq!(off.fixed_change(&config(docker)), None);
    let other = config(&format!("{docker}[leader]\nenabled = true\n"));
    assert_eq!(on.fixed_change(&other), Some("docker.endpoints"));
}

/// A configuration with an election whose changes end within 300 ms.
fn config(engines: &[&Script], is_enabled: bool) -> Config {
    let endpoints: Vec<&str> = engines.iter().map(|it| it.endpoint.as_str()).collect();
    let text = format!(
        "[docker]\nendpoints = {endpoints:?}\ntimeout = \"60s\"\n[leader]\nenabled = {is_enabled}\n\
         timeout = \"300ms\"\n"
    );
    Config::from_toml(&text).unwrap()
}

fn is_timeout(error: &OrchestratorError, engine: &Script) -> bool {
    let text = format!("{}: no answer within 300ms", engine.endpoint);
    *error == OrchestratorError::Unavailable(text)
}

#[tokio::test]
async fn s8_change_with_all_its_requests_ends_within_its_limit() {
    let service = Reply::json(&every_field("apache", 1));
    let slow = Duration::from_millis(200);
    for replies in [
        // No answer to the GET, or to the POST.
        vec![Reply::Silence],
        vec![service.clone(), Reply::Silence],
        // The two answers together take longer than the limit, each one does not.
        vec![
            Reply::Late(slow, Box::new(service.clone())),
            Reply::Late(slow, Box::new(Reply::Answer(200, "{}".to_owned()))),
        ],
    ] {
        let (first, second) = (
            Script::tcp(replies).await,
            Script::tcp(vec![service.clone()]).await,
        );
        let mut docker = leader::docker(&config(&[&first, &second], true)).unwrap();
        let begun = Instant::now();
        let error = docker.scale(&apache(), 2).await.unwrap_err();
        assert!(is_timeout(&error, &first), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(docker.endpoint(), second.endpoint, "the next manager");
        assert!(docker.scale(&apache(), 1).await.is_ok());
    }
    let engine = Script::tcp(vec![Reply::Silence]).await;
    let mut docker = leader::docker(&config(&[&engine], true)).unwrap();
    let node = node();
    let drained = docker.set_availability(&node, Availability::Drain, None);
    let error = drained.await.unwrap_err();
    assert!(is_timeout(&error, &engine), "{error}");
}

#[tokio::test]
async fn s8_no_request_of_a_change_is_sent_after_its_limit() {
    let service = Reply::json(&every_field("apache", 1));
    let late = Reply::Late(Duration::from_millis(600), Box::new(service));
    let engine = Script::tcp(vec![late.clone(), Reply::json(&json!({}))]).await;
    let mut docker = leader::docker(&config(&[&engine], true)).unwrap();
    let error = docker.scale(&apache(), 2).await.unwrap_err();
    assert!(is_timeout(&error, &engine), "{error}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(engine.lines(), ["GET /services/id-apache"]);
    // Without an election, the limit of each request applies alone.
    let engine = Script::tcp(vec![late, Reply::json(&json!({}))]).await;
    let mut docker = leader::docker(&config(&[&engine], false)).unwrap();
    docker.scale(&apache(), 2).await.unwrap();
    assert_eq!(engine.lines().len(), 2);
}
