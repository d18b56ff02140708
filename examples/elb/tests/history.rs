//! The stored history: restarts, damaged files, bounds, and `elb history`.

#![cfg(target_os = "linux")]

mod support;

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
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
use support::{MAX_WAIT, signal, unused_address, wait_for, wait_for_end};
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

/// A history with three decisions that is then changed by these statements.
fn changed(statements: &str) -> (TempDir, HistorySettings) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    let entries = [1, 2, 3].map(|id| entry(id, "web", now()));
    writer.record_round(&entries, std::iter::empty());
    drop(writer);
    let database = rusqlite::Connection::open(&settings.path).unwrap();
    database.execute_batch(statements).unwrap();
    (folder, settings)
}

#[test]
fn file_with_other_tables_triggers_or_numbers_is_renamed() {
    for statements in [
        "CREATE TRIGGER t AFTER DELETE ON decision BEGIN INSERT INTO decision VALUES (1, '', ''); END",
        "DROP TABLE mode; CREATE VIEW mode AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS time, 'service' AS kind, 'web' AS subject, 'act' AS mode, '' AS source FROM n",
        "ALTER TABLE decision RENAME COLUMN entry TO entri",
        "DROP TABLE run",
        "DELETE FROM run",
        "UPDATE run SET last = 9223372036854775807",
    ] {
        let (_folder, settings) = changed(statements);
        let (writer, restored) = start(&settings);
        assert_eq!(restored.decisions.len(), 0, "{statements}");
        assert_eq!(writer.health().problem, None, "{statements}");
    }
}

#[test]
fn damaged_rows_are_skipped() {
    for statements in [
        "UPDATE decision SET entry = CAST(x'ff' AS TEXT) WHERE rowid = 2",
        "UPDATE decision SET entry = x'00' WHERE rowid = 2",
        "UPDATE decision SET entry = '{}' WHERE rowid = 2",
        "INSERT INTO mode VALUES (1, 1.5, x'ff', 'act', '')",
        "INSERT INTO observation VALUES (1, 'text')",
    ] {
        let (_folder, settings) = changed(statements);
        let (writer, restored) = start(&settings);
        assert!(restored.decisions.len() >= 2, "{statements}");
        assert_eq!(restored.last, 3, "{statements}");
        assert_eq!(writer.health().problem, None, "{statements}");
    }
}

#[test]
#[cfg(unix)]
fn link_is_refused_and_its_target_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let target = folder.path().join("target");
    fs::write(&target, "text").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&target, &settings.path).unwrap();
    let (writer, _) = start(&settings);
    let problem = writer.health().problem.unwrap();
    assert!(problem.contains("not a regular file"), "{problem}");
    assert_eq!(fs::read(&target).unwrap(), b"text");
    let mode = fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn damaged_files_are_renamed_and_a_new_history_begins() {
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        let (writer, _) = start(&settings);
        for seed in 0..20 {
            fill(&writer, now(), 20_000, seed);
        }
        drop(writer);
        fs::read(&settings.path).unwrap()
    };
    let mut other_version = whole.clone();
    other_version[63] = 99;
    let mut other_program = whole.clone();
    other_program[71] = 1;
    let mut overwritten = whole.clone();
    overwritten[4_096..40_960].fill(0xa5);
    let damaged: [&[u8]; 6] = [
        &whole[..whole.len() / 2],
        &whole[..50],
        &[0x5a; 70_000],
        &other_version,
        &other_program,
        &overwritten,
    ];
    for bytes in damaged {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        fs::write(&settings.path, bytes).unwrap();
        let (writer, restored) = start(&settings);
        assert_eq!((restored.last, restored.decisions.len()), (0, 0));
        assert_eq!(writer.health().problem, None);
        writer.record_round(&[entry(1, "web", now())], std::iter::empty());
        drop(writer);
        assert_eq!(start(&settings).1.decisions.len(), 1);
        let names = fs::read_dir(folder.path()).unwrap();
        let names: Vec<PathBuf> = names.map(|it| it.unwrap().path()).collect();
        let aside = names
            .iter()
            .find(|it| it.to_str().unwrap().contains(".damaged-"));
        assert_eq!(fs::read(aside.unwrap()).unwrap(), bytes);
    }
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
    let (third, _) = start(&settings);
    assert_eq!(third.health().problem, None);
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
fn batch_that_a_killed_process_left_unfinished_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let (writer, _) = start(&settings);
    writer.record_round(&[entry(1, "web", now())], std::iter::empty());
    for seed in 0..10 {
        fill(&writer, now(), 50_000, seed);
    }
    drop(writer);
    let killed = folder.path().join("killed.db");
    let journal = |path: &Path| PathBuf::from(format!("{}-journal", path.display()));
    // The small cache makes SQLite write pages before the end of the transaction.
    let database = rusqlite::Connection::open(&settings.path).unwrap();
    let unfinished =
        "PRAGMA cache_size = 1; BEGIN; UPDATE observation SET records = zeroblob(9000);
                      DELETE FROM decision;";
    database.execute_batch(unfinished).unwrap();
    fs::copy(journal(&settings.path), journal(&killed)).unwrap();
    fs::copy(&settings.path, &killed).unwrap();
    assert_ne!(fs::read(&killed).unwrap().len(), 0);
    let records = Reader::open(&killed).unwrap();
    assert_eq!(records.records(Timestamp::ZERO, None, 10).unwrap().len(), 1);
    assert_eq!(records.inputs(Timestamp::ZERO).unwrap().len(), 10);
    assert!(!journal(&killed).exists());
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

/// `elb run` with a history and an unreachable engine.
struct Elb {
    child: Child,
    address: std::net::SocketAddr,
}

impl Elb {
    fn start(folder: &Path, shell: &str) -> Self {
        let address = unused_address();
        let text = format!(
            "[collector]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"{address}\"\n[docker]\n\
             endpoints = [\"unix://{}/no.sock\"]\n[defaults]\n\
             metric = [{{ name = \"vir_cpu_cores\", target = 0.5 }}]\n[[service]]\nname = \"web\"\n\
             [history]\npath = \"{}/history.db\"\nmax_size = \"2 MiB\"\n",
            folder.display(),
            folder.display()
        );
        let path = folder.join("elb.toml");
        fs::write(&path, text).unwrap();
        let child = Command::new("sh")
            .args([
                "-c",
                &format!("{shell}\nexec \"$0\" \"$@\""),
                env!("CARGO_BIN_EXE_elb"),
            ])
            .args(["run", "--config"])
            .arg(&path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let elb = Self { child, address };
        wait_for("the page", || TcpStream::connect(address).is_ok());
        elb
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Elb: 1\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    fn set_mode(&self, mode: &str) {
        let body = format!("{{\"mode\":\"{mode}\"}}");
        let response = self.ask("PUT", "/api/v1/services/web/mode", &body);
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    }
}

impl Drop for Elb {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn elb_history(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elb"));
    let config = folder.join("elb.toml");
    command
        .args(["history", "--config"])
        .arg(config)
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = elb_history(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn history_of_running_and_killed_elb_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let elb = Elb::start(folder, "");
    elb.set_mode("off");
    let is_stored = || printed(folder, &[]).contains("web: off (client 127.0.0.1)");
    wait_for("the change in the file of the running elb", is_stored);
    drop(elb);
    // Killed: at most the last batch is lost, and the file is read and continued.
    assert!(is_stored());
    let mut elb = Elb::start(folder, "");
    elb.set_mode("act");
    signal(&elb.child, "-TERM");
    assert!(wait_for_end(&mut elb.child).success());
    let text = printed(folder, &["--service", "web"]);
    let modes: Vec<&str> = text
        .lines()
        .map(|it| it.split_once("mode     ").unwrap().1)
        .collect();
    let expected = [
        "web: advise (start)",
        "web: off (client 127.0.0.1)",
        "web: advise (start)",
        "web: act (client 127.0.0.1)",
    ];
    assert_eq!(modes, expected, "the end writes the last batch");
    let json = printed(folder, &["--json", "--limit", "1", "--since", "1h"]);
    let record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&record["record"], &record["mode"]),
        (&"mode".into(), &"act".into())
    );
    assert_eq!(printed(folder, &["--service", "other"]), "no records\n");
    assert_eq!(printed(folder, &["--observations"]), "");
}

#[test]
fn unreadable_history_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elb.toml");
    fs::write(&path, "").unwrap();
    let error = |arguments: &[&str]| {
        let output = elb_history(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error(&[]).contains("no [history]"), "{}", error(&[]));
    let file = folder.path().join("other");
    fs::write(&path, format!("[history]\npath = {file:?}\n")).unwrap();
    assert!(error(&[]).contains("other"), "{}", error(&[]));
    fs::write(&file, "no history").unwrap();
    assert!(error(&[]).contains("not a database"), "{}", error(&[]));
    // It is not changed.
    assert_eq!(fs::read(&file).unwrap(), b"no history");
}

#[test]
fn full_disk_is_a_problem_and_metrics_count_it() {
    let folder = tempfile::tempdir().unwrap();
    // The shell's unit is 512 bytes; the signal for large files is ignored, so that writes fail.
    let elb = Elb::start(folder.path(), "trap '' XFSZ; ulimit -f 16");
    let failed = "elb_problems{reason=\"history\"} 1";
    wait_for("the problem", || {
        elb.ask("GET", "/metrics", "").contains(failed)
    });
    let metrics = elb.ask("GET", "/metrics", "");
    assert!(metrics.contains("elb_history_errors_total"), "{metrics}");
    let status = elb.ask("GET", "/api/v1/snapshot", "");
    assert!(status.contains("the disk has space"), "{status}");
    assert!(elb.ask("GET", "/api/v1/health", "").contains("\"rounds\""));
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
