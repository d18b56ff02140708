//! The stored history: restarts, damaged files, bounds, and `elb history`.

#![cfg(target_os = "linux")]

mod damage;
#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use elb::balancer::Balancer;
use elb::config::Config;
use elb::handle::Request;
use elb::history::{HistorySettings, Reader, Restored, RoundInput, Source, Writer};
use elb::policy::{Mode, Observation, Policy, Settings, Subject};
use elb::status::Entry;
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use support::wait_for;
use tempfile::TempDir;

const BATCH: Duration = Duration::from_millis(10);
const INTERVAL: Duration = Duration::from_secs(2);

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn settings(folder: &TempDir) -> HistorySettings {
    HistorySettings {
        path: folder.path().join("history.db"),
        max_age: Duration::from_secs(24 * 3600),
        max_size: 4 << 20,
    }
}

fn start(settings: &HistorySettings) -> (Writer, Restored) {
    Writer::start_every(settings, now(), INTERVAL, BATCH).unwrap()
}

fn inputs(time: Timestamp, name: &str) -> RoundInput {
    let observation = Observation {
        subject: Subject::service(name),
        replicas: 3,
        running: vec![Duration::from_millis(1_500); 3],
        ..Observation::default()
    };
    RoundInput {
        time,
        mode: Mode::Advise,
        result: 4,
        observation: Arc::new(observation),
    }
}

/// A decision about this service.
fn entry(id: u64, name: &str, time: Timestamp) -> Arc<Entry> {
    let text = format!(
        r#"{{"id":{id},"time":{},"kind":"service","service":"{name}","mode":"advise","replicas":3,
        "running":3,"inputs":[],"wish":4,"steps":[{{"stage":"recommend","from":3,"to":4,
        "reason":"nothing_known"}}],"result":4,"next_change":null,"outcome":"advised",
        "words":"{name}: 3 -> 4"}}"#,
        time.as_nanos()
    );
    Arc::new(serde_json::from_str(&text).unwrap())
}

/// Observations of about this many bytes in the file.
fn fill(writer: &Writer, time: Timestamp, bytes: usize, seed: u64) {
    let mut state = seed;
    let mut noise = String::new();
    while noise.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        noise += &format!("{state:x}");
    }
    writer.record_round(&[], [inputs(time, &noise)].into_iter());
}

/// A loop over a simulated cluster that starts at `start`.
fn balancer(start: Timestamp, settings: &HistorySettings) -> Balancer<SimulatedCluster> {
    let scenario = Scenario::named("article").unwrap();
    let cluster = SimulatedCluster::new(&scenario, 1, start).unwrap();
    let config = Config::article();
    let mut balancer = Balancer::new(start, cluster, config.control, &config.services).unwrap();
    let opened = Writer::start(settings, start, config.control.interval).unwrap();
    balancer.store_history(start, opened);
    balancer
}

async fn run(balancer: &mut Balancer<SimulatedCluster>, from: Timestamp, seconds: u64) {
    for second in (0..seconds).step_by(2) {
        let now = from + Duration::from_secs(second);
        for sent in balancer.orchestrator_mut().advance(now) {
            balancer.receive(sent.at, sent.source, &sent.bytes);
        }
        balancer.round(now).await;
    }
}

#[tokio::test]
async fn restart_shows_stored_decisions_and_charts_with_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let start = now() - Duration::from_secs(1_000);
    let mut first = balancer(start, &settings);
    run(&mut first, start, 300).await;
    let apache = Subject::service("apache");
    let (known, points) = {
        let status = first.status().lock();
        let entries: Vec<Arc<Entry>> = status.history().after(0).cloned().collect();
        (entries, status.points(&apache))
    };
    assert!(known.iter().any(|entry| entry.decision.is_change()));
    let last = known.last().unwrap().id;
    drop(first);

    let again = start + Duration::from_secs(600);
    let mut second = balancer(again, &settings);
    let status = second.status().clone();
    let restored: Vec<Arc<Entry>> = status.lock().history().after(0).cloned().collect();
    assert_eq!(
        serde_json::to_value(&restored).unwrap(),
        serde_json::to_value(&known).unwrap()
    );
    let shown = status.lock().decisions(&apache);
    assert!(
        shown
            .iter()
            .all(|decision| decision.at < 0.0 && decision.id > 0)
    );
    run(&mut second, again, 60).await;
    let status = status.lock();
    let new: Vec<u64> = status.history().after(last).map(|entry| entry.id).collect();
    assert_eq!(new.first(), Some(&(last + 1)), "numbers continue");
    let all = status.points(&apache);
    let restored: Vec<_> = all.iter().filter(|point| point.at < -300.0).collect();
    let (gap, restored) = restored.split_last().unwrap();
    let measured = |at: f64, load: Option<f64>| (at.round() as i64, load);
    let before: Vec<_> = points
        .iter()
        .map(|it| measured(it.at - 600.0, it.load))
        .collect();
    let after: Vec<_> = restored.iter().map(|it| measured(it.at, it.load)).collect();
    assert_eq!(after, before);
    assert!(gap.load.is_none(), "{gap:?}");
}

#[tokio::test]
async fn observations_give_the_same_recommendations_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let start = now() - Duration::from_secs(1_000);
    let mut first = balancer(start, &settings);
    run(&mut first, start, 300).await;
    let policy: Settings = Config::article().services[0].settings.clone();
    drop(first);
    let stored = Reader::open(&settings.path)
        .unwrap()
        .inputs(Timestamp::ZERO)
        .unwrap();
    assert_eq!(stored.len(), 150);
    let mut policy = Policy::new(policy);
    for round in &stored {
        let decision = policy.step(round.time, &round.observation);
        assert_eq!(decision.result, round.result, "{decision}");
        if decision.is_change() {
            policy.record_change(round.time, decision.replicas, decision.result);
        }
    }
    assert!(stored.iter().any(|it| it.result != it.observation.replicas));
}

#[tokio::test]
async fn modes_are_stored_with_their_source_once_per_change() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let start = now() - Duration::from_secs(100);
    let client: IpAddr = "192.0.2.7".parse().unwrap();
    for _ in 0..2 {
        let mut balancer = balancer(start, &settings);
        for mode in [Mode::Advise, Mode::Advise] {
            let request = Request::SetMode {
                subject: Some(Subject::service("apache")),
                mode,
                source: Source::Client(Some(client)),
            };
            balancer.apply(&request).unwrap();
        }
        let request = Request::Configure(Box::new(Config::article()), Source::Reload);
        balancer.apply(&request).unwrap();
    }
    let records = Reader::open(&settings.path).unwrap();
    let records = records
        .records(Timestamp::ZERO, Some("apache"), 100)
        .unwrap();
    let text = |record: &serde_json::Value, key: &str| record[key].as_str().unwrap().to_owned();
    let changes: Vec<(String, String)> = records
        .iter()
        .map(|it| (text(it, "mode"), text(it, "source")))
        .collect();
    let change = |mode: &str, source: &str| (mode.to_owned(), source.to_owned());
    let again = [
        change("advise", "client 192.0.2.7"),
        change("act", "SIGHUP"),
    ];
    // The mode of the second start is that of the first end.
    let expected = [&[change("act", "start")][..], &again, &again].concat();
    assert_eq!(changes, expected);
}

#[test]
fn file_is_readable_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mode = || fs::metadata(&settings.path).unwrap().permissions().mode() & 0o777;
    drop(start(&settings));
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&settings.path, Permissions::from_mode(0o644)).unwrap();
    drop(start(&settings));
    assert_eq!(mode(), 0o600);
}

#[test]
fn removed_file_is_created_again_and_loses_no_new_record() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    wait_for("the file", || writer.health().size > 0);
    fs::remove_file(&settings.path).unwrap();
    writer.record_round(&[entry(1, "web", now())], std::iter::empty());
    wait_for("an error", || writer.health().errors > 0);
    wait_for("a new file", || {
        settings.path.exists() && writer.health().problem.is_none()
    });
    drop(writer);
    assert_eq!(start(&settings).1.decisions.len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn second_elb_on_the_same_file_stores_nothing_until_the_first_ends() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (first, _) = start(&settings);
    let (second, _) = start(&settings);
    let problem = second.health().problem.unwrap();
    assert!(
        problem.contains("another elb writes this file"),
        "{problem}"
    );
    assert_eq!(first.health().problem, None);
    drop((first, second));
    wait_for("the file to be free", || {
        start(&settings).0.health().problem.is_none()
    });
}

#[test]
fn unusable_path_is_one_problem_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    settings.path = folder.path().join("later/history.db");
    let (writer, restored) = start(&settings);
    assert_eq!(restored.last, 0);
    let problem = writer.health().problem.unwrap();
    assert!(problem.contains("later/history.db"), "{problem}");
    assert!(problem.contains("directory"), "{problem}");
    writer.record_round(&[entry(1, "web", now())], std::iter::empty());
    fs::create_dir(folder.path().join("later")).unwrap();
    wait_for("the end of the problem", || {
        writer.health().problem.is_none()
    });
    drop(writer);
    assert_eq!(start(&settings).1.decisions.len(), 1);
    // Neither a device nor a directory is opened.
    for path in ["/dev/full", "/"] {
        settings.path = path.into();
        let problem = start(&settings).0.health().problem;
        assert!(problem.unwrap().contains("not a regular file"), "{path}");
    }
}

#[tokio::test]
async fn unwritable_history_is_a_problem_of_the_loop_which_continues() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    settings.path = folder.path().join("missing/history.db");
    let start = now() - Duration::from_secs(1_000);
    let mut balancer = balancer(start, &settings);
    run(&mut balancer, start, 300).await;
    let status = balancer.status().lock();
    let of_history = status
        .problems()
        .filter(|((reason, _), _)| reason.name() == "history");
    assert_eq!(of_history.count(), 1);
    assert!(status.tally().grown > 0);
    assert!(status.stored().unwrap().errors > 0);
}

#[test]
fn full_queue_drops_records_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    settings.path = folder.path().join("missing/history.db");
    let (writer, _) = start(&settings);
    for seed in 0..30 {
        fill(&writer, now(), 100_000, seed);
    }
    // A quarter of the maximum size is queued.
    assert_eq!(writer.health().dropped, 30 - 10);
}

#[test]
fn size_is_bounded_and_decisions_outlive_observations() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    settings.max_size = 1 << 20;
    let begin = now() - Duration::from_secs(3_600);
    let size = || fs::metadata(&settings.path).unwrap().len();
    for round in 0..16 {
        let (writer, _) = start(&settings);
        let time = begin + Duration::from_secs(round);
        writer.record_round(&[entry(round + 1, "web", time)], std::iter::empty());
        fill(&writer, time, 200_000, round);
        drop(writer);
        assert!(size() <= settings.max_size, "{}", size());
    }
    let (writer, restored) = start(&settings);
    assert_eq!(restored.decisions.len(), 16);
    let inputs = Reader::open(&settings.path)
        .unwrap()
        .inputs(Timestamp::ZERO)
        .unwrap();
    assert!((3..16).contains(&inputs.len()), "{}", inputs.len());
    assert_eq!(inputs.last().unwrap().time, begin + Duration::from_secs(15));
    drop(writer);
    // A smaller maximum makes an existing file smaller.
    let large = HistorySettings {
        max_size: 8 << 20,
        ..settings.clone()
    };
    for seed in 100..120 {
        let (writer, _) = start(&large);
        fill(&writer, begin + Duration::from_secs(seed), 250_000, seed);
    }
    assert!(size() > 2 << 20);
    drop(start(&settings));
    assert!(size() <= settings.max_size, "{}", size());
}

#[test]
fn records_older_than_max_age_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder);
    let old = now() - Duration::from_secs(7_200);
    let (writer, _) = start(&settings);
    let entries = [entry(1, "old", old), entry(2, "new", now())];
    writer.record_round(&entries, [inputs(old, "old")].into_iter());
    drop(writer);
    assert_eq!(start(&settings).1.decisions.len(), 2);
    settings.max_age = Duration::from_secs(3_600);
    drop(start(&settings));
    let (_, restored) = start(&settings);
    let names: Vec<&str> = restored
        .decisions
        .iter()
        .map(|it| it.decision.subject.name.as_str())
        .collect();
    assert_eq!(names, ["new"]);
    assert_eq!(restored.last, 2);
    let inputs = Reader::open(&settings.path)
        .unwrap()
        .inputs(Timestamp::ZERO)
        .unwrap();
    assert_eq!(inputs.len(), 0);
}

#[test]
fn numbers_of_a_killed_process_are_not_assigned_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    writer.record_round(&[entry(7, "web", now())], std::iter::empty());
    // The file as a killed process leaves it.
    wait_for("the decision", || {
        let reader = Reader::open(&settings.path);
        reader
            .and_then(|it| it.records(Timestamp::ZERO, None, 10))
            .is_ok_and(|it| it.len() == 1)
    });
    let copy = folder.path().join("killed.db");
    fs::copy(&settings.path, &copy).unwrap();
    drop(writer);
    assert_eq!(start(&settings).1.last, 7);
    let (_, restored) = start(&HistorySettings {
        path: copy,
        ..settings
    });
    assert!(restored.last > 1_000, "{}", restored.last);
}

#[test]
fn slow_reader_delays_records_and_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    let reader = rusqlite::Connection::open(&settings.path).unwrap();
    let read = "BEGIN; SELECT * FROM decision;";
    reader.execute_batch(read).unwrap();
    writer.record_round(&[entry(1, "web", now())], std::iter::empty());
    thread::sleep(Duration::from_millis(700));
    reader.execute_batch("COMMIT").unwrap();
    let errors = writer.health().errors;
    drop(writer);
    assert_eq!((start(&settings).1.decisions.len(), errors), (1, 0));
}

#[test]
fn sizes_and_ages_of_the_configuration_are_checked() {
    let history = |text: &str| Config::from_toml(&format!("[history]\npath = \"a.db\"\n{text}"));
    let settings = history("").unwrap().history.unwrap();
    assert_eq!(
        (settings.max_age.as_secs(), settings.max_size),
        (30 * 86_400, 64 << 20)
    );
    let settings = history("max_age = \"7d\"\nmax_size = \"1 GB\"")
        .unwrap()
        .history
        .unwrap();
    assert_eq!(
        (settings.max_age.as_secs(), settings.max_size),
        (7 * 86_400, 1_000_000_000)
    );
    for (text, expected) in [
        ("max_size = \"1 KiB\"", "the minimum is 1 MiB"),
        ("max_size = \"64\"", "such as \"64 MiB\""),
        ("max_age = \"1s\"", "the minimum is 1 minute"),
        ("max_age = \"-1d\"", "such as \"12h\""),
    ] {
        let error = history(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(Config::from_toml("").unwrap().history.is_none());
}
