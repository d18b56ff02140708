//! Two processes that elect a leader.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Elb, LONGEST, config, engine, reply, small};

/// The config object of the lease: version and specification.
type LeaseConfig = Mutex<Option<(u64, serde_json::Value)>>;

/// Answers requests for the lease.
fn lease(stored: &LeaseConfig, path: &str, stream: &mut TcpStream) {
    let mut stored = stored.lock().unwrap();
    let spec = |stream: &mut TcpStream| {
        let mut values = serde_json::Deserializer::from_reader(stream).into_iter();
        values.next().unwrap().unwrap()
    };
    let version = stored.as_ref().map_or(0, |(version, _)| *version);
    let written = match path.split_once("/update?version=") {
        Some((_, expected)) => expected.parse() == Ok(version),
        None if path == "/configs/create" => stored.is_none(),
        None => {
            let answer = stored.as_ref().map(|(version, spec)| {
                serde_json::json!({ "Version": { "Index": version }, "Spec": spec }).to_string()
            });
            return match answer {
                Some(answer) => reply(stream, 200, &answer),
                None => reply(stream, 404, r#"{"message":"not found"}"#),
            };
        }
    };
    if written {
        *stored = Some((version + 1, spec(stream)));
        reply(stream, 200, "{}");
    } else {
        reply(stream, 500, r#"{"message":"update out of sequence"}"#);
    }
}

#[test]
fn s6_leader_keeps_its_time_limit_after_a_reload_and_releases_the_lease_at_the_end() {
    let stored = Arc::new(LeaseConfig::default());
    let changes = Arc::new(AtomicUsize::new(0));
    let (config_object, count) = (Arc::clone(&stored), Arc::clone(&changes));
    let endpoint = engine(move |path, stream| match path {
        path if path.starts_with("/configs/") => lease(&config_object, path, stream),
        // The first request of a change is never answered.
        "/services/s1" => {
            count.fetch_add(1, Ordering::Relaxed);
            thread::sleep(LONGEST);
        }
        path => small(path, stream),
    });
    let text = config(&endpoint, "[leader]\nenabled = true\n").replace(
        "name = \"web\"\n",
        "name = \"web\"\npolicy = { mode = \"act\", min = 3 }\n",
    );
    let text = format!("{text}[control]\nmode = \"act\"\n");
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let address = "export ELB_LEADER_ADDRESS=http://elb1:8008";
    let first = Elb::start(folders[0].path(), &text, address, &[]);
    let leads = first.line_with("this instance leads");
    assert!(
        leads.contains("term=1") && leads.contains("http://elb1:8008"),
        "{leads}"
    );
    let second = Elb::start(folders[1].path(), &text, "", &[]);
    let standby = second.line_with("another instance leads");
    assert!(standby.contains("http://elb1:8008"), "{standby}");

    let path = folders[0].path().join("elb.toml");
    fs::write(path, format!("{text}interval = \"1s\"\n")).unwrap();
    let signal = |name: &str| {
        let pid = first.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-HUP");
    first.line_with("configuration reloaded");
    // A request without the limit of the lease takes 60 s.
    let (before, end) = (
        changes.load(Ordering::Relaxed),
        Instant::now() + LONGEST / 3,
    );
    while changes.load(Ordering::Relaxed) < before + 3 {
        assert!(Instant::now() < end, "a change takes longer than the limit");
        thread::sleep(Duration::from_millis(20));
    }
    signal("-TERM");
    first.line_with("the lease is released");
    let leads = second.line_with("this instance leads");
    assert!(leads.contains("term=2"), "{leads}");
    let (_, spec) = stored.lock().unwrap().clone().unwrap();
    assert_eq!(spec["Labels"]["term"], "2");
}
