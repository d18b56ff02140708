//! `elb check` as an operator runs it, against a scripted manager and the agents of a simulated
//! cluster that send over loopback.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use clap::Parser as _;
use elb::cli::Cli;
use elb::orchestrator::{Orchestrator, Service};
use serde_json::{Value, json};
use sflow_metrics::Timestamp;
use sflow_simulator::Event;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use support::{signal, unused_address, wait_for_end};

#[test]
fn healthy_cluster_is_reported_early() {
    let cluster = Cluster::new(&scenario());
    let (status, output) = cluster.check(&["--listen-for", "600s", "--json"]);
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["ok"], true, "{output}");
    assert_eq!(status, Some(0), "{output}");
    assert!(report["listened"].as_f64() < Some(600.0), "{output}");
    let ids: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(id)
        .collect();
    for expected in [
        "configuration",
        "manager",
        "swarm",
        "service",
        "datagrams",
        "nodes",
        "containers",
    ] {
        assert!(ids.contains(&expected), "missing {expected} in {output}");
    }
    // A kind is named as in the API; its id is as in earlier versions.
    let mut findings = report["findings"].as_array().unwrap().iter();
    let unrestricted = findings.find(|finding| finding["kind"] == "any_sender");
    assert_eq!(
        unrestricted.map(id),
        Some("agents-unrestricted"),
        "{output}"
    );
    // The check was too short to measure polling intervals.
    assert!(!ids.contains(&"polling-slow"), "{output}");
}

#[test]
fn node_without_agent_is_named_with_its_containers() {
    let disconnect = Event::Disconnect {
        host: scenario().cluster.hosts[1].name.clone(),
        duration: Duration::from_secs(3600),
    };
    let cluster = Cluster::new(&scenario().with_event(Duration::ZERO, disconnect));
    let disconnected = &scenario().cluster.hosts[1].name;
    let is_reported = |output: &str| output.contains("1 of 3 containers not reported: apache.");
    let (status, output) = cluster.check_with_retries(is_reported);
    assert_eq!(status, Some(1), "{output}");
    let wrong: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with("wrong"))
        .collect();
    assert_eq!(wrong.len(), 2, "{output}");
    assert!(
        wrong[0].contains(&format!("node {disconnected}: no agent")),
        "{output}"
    );
    assert!(
        wrong[1].contains("1 of 3 containers not reported: apache."),
        "{output}"
    );
    assert!(
        output.contains("ok     service apache: 3 of 3 replicas running"),
        "{output}"
    );
}

#[test]
fn missing_engine_and_agents_are_both_reported() {
    let folder = tempfile::tempdir().unwrap();
    let collector = unused_address();
    let config = configuration(folder.path(), "unix:///no/such.sock", collector, "apache");
    let (status, output) = check(&config, &["--listen-for", "300ms"]);
    assert_eq!(status, Some(1), "{output}");
    assert!(
        output.contains("wrong  manager unix:///no/such.sock: the socket does not exist"),
        "{output}"
    );
    assert!(
        output.contains(&format!(
            "wrong  telemetry: no datagram received on {collector}"
        )),
        "{output}"
    );
}

#[test]
fn leader_is_read_from_the_lease() {
    let cluster = Cluster::new(&scenario());
    let text = fs::read_to_string(&cluster.config).unwrap();
    for (name, expected) in [
        (
            "elb-lease",
            "ok     leader: node1 (http://node1:8008) holds the lease, term 7\n",
        ),
        ("other", "wrong  leader: the lease cannot be read"),
    ] {
        let leader = format!("[leader]\nenabled = true\nname = \"{name}\"\n{text}");
        fs::write(&cluster.config, leader).unwrap();
        let (_, output) = cluster.check(&["--listen-for", "0s"]);
        assert!(output.contains(expected), "{output}");
    }
}

#[test]
fn used_port_does_not_prevent_manager_checks() {
    let cluster = Cluster::new(&scenario());
    let _taken = UdpSocket::bind(cluster.collector).unwrap();
    let (status, output) = cluster.check(&[]);
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("wrong  telemetry: UDP port"), "{output}");
    assert!(output.contains("ok     service apache"), "{output}");
}

#[test]
fn missing_service_is_reported() {
    let mut cluster = Cluster::new(&scenario());
    cluster.config = configuration(
        cluster.folder.path(),
        &cluster.endpoint,
        cluster.collector,
        "apachee",
    );
    let (status, output) = cluster.check(&["--listen-for", "0s"]);
    assert_eq!(status, Some(1), "{output}");
    assert!(
        output.contains("wrong  service apachee: the swarm has no service"),
        "{output}"
    );
    assert!(!output.contains("telemetry:"), "{output}");
}

#[test]
fn invalid_configuration_is_the_only_finding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elb.toml");
    fs::write(
        &path,
        "[[service]]\nname = \"a\"\n[service.policy]\nmax = 0\n",
    )
    .unwrap();
    let (status, output) = check(&path, &[]);
    assert_eq!(status, Some(1), "{output}");
    assert_eq!(output.lines().count(), 1, "{output}");
    assert!(output.contains("service[0].policy.max"), "{output}");
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &["check"][..],
        &["check", "--config", "x", "--listen-for", "soon"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_elb"))
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn time_without_unit_or_beyond_one_hour_is_refused() {
    let parse = |time| Cli::try_parse_from(["elb", "check", "--config", "x", "--listen-for", time]);
    for time in ["30s", "1m", "500ms", "0s", "60m"] {
        assert!(parse(time).is_ok(), "{time}");
    }
    for time in ["", "30", "s", "2h", "-1s", "61m", "1.2.3s"] {
        assert!(parse(time).is_err(), "{time}");
    }
}

#[cfg(unix)]
#[test]
fn interrupted_check_reports_findings_so_far() {
    let mut scenario = scenario();
    // Without packet samples, the check listens for its whole duration.
    scenario.cluster.agents.sampling = 0;
    let cluster = Cluster::new(&scenario);
    // On a busy machine it takes longer until all findings are complete.
    for seconds in [3, 10, 30] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_elb"))
            .args(["check", "--listen-for", "3600s", "--config"])
            .arg(&cluster.config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_secs(seconds));
        signal(&child, "-INT");
        let status = wait_for_end(&mut child);
        let mut output = String::new();
        child.stdout.unwrap().read_to_string(&mut output).unwrap();
        if seconds < 30 && !output.contains("3 of 3 containers reported") {
            continue;
        }
        assert!(
            output.contains("ok     service apache: 3 of 3 containers reported"),
            "{output}"
        );
        assert!(
            output.contains("note   telemetry: no packet samples received"),
            "{output}"
        );
        assert_eq!(status.code(), Some(0), "{output}");
        return;
    }
}

/// The `elb_js` cluster with one task per host and fast polling.
fn scenario() -> Scenario {
    let mut scenario = Scenario::named("article").unwrap();
    scenario.cluster.agents.polling = Duration::from_millis(600);
    scenario.cluster.services[0].replicas = 3;
    scenario.cluster.services[0].workload = sflow_simulator::Workload::Constant(300.0);
    scenario
}

/// A manager and agents that run until this is dropped.
struct Cluster {
    folder: tempfile::TempDir,
    config: PathBuf,
    endpoint: String,
    collector: SocketAddr,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Cluster {
    fn new(scenario: &Scenario) -> Self {
        let start = now();
        let mut cluster = SimulatedCluster::new(scenario, 1, start).unwrap();
        let names = [scenario.cluster.services[0].name.clone()];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let services = runtime.block_on(cluster.services(&names)).unwrap();
        let hosts: Vec<String> = scenario
            .cluster
            .hosts
            .iter()
            .map(|host| host.name.clone())
            .collect();

        let is_over = Arc::new(AtomicBool::new(false));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let manager = listener.local_addr().unwrap();
        let collector = unused_address();
        let over = Arc::clone(&is_over);
        let engine = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                answer(&stream.unwrap(), &services, &hosts);
            }
        });
        let over = Arc::clone(&is_over);
        let agents = thread::spawn(move || {
            let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
            while !over.load(Ordering::Relaxed) {
                for datagram in cluster.advance(now()) {
                    // The check may not be listening yet.
                    socket.send_to(&datagram.bytes, collector).ok();
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let endpoint = format!("tcp://{manager}");
        Self {
            config: configuration(folder.path(), &endpoint, collector, "apache"),
            folder,
            endpoint,
            collector,
            is_over,
            threads: vec![engine, agents],
        }
    }

    fn check(&self, args: &[&str]) -> (Option<i32>, String) {
        check(&self.config, args)
    }

    /// Repeats the check with a longer duration until the output is as expected: on a busy machine
    /// it takes longer until every agent has reported.
    fn check_with_retries(&self, is_expected: impl Fn(&str) -> bool) -> (Option<i32>, String) {
        let mut last = (None, String::new());
        for time in ["4s", "12s", "40s"] {
            last = self.check(&["--listen-for", time]);
            if is_expected(&last.1) {
                break;
            }
        }
        last
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The manager waits for a connection.
        let manager = self.endpoint.strip_prefix("tcp://").unwrap();
        TcpStream::connect(manager).ok();
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

fn check(config: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_elb"))
        .args(["check", "--config"])
        .arg(config)
        .args(args)
        .output()
        .unwrap();
    let (output, errors) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    );
    assert_eq!(
        errors.contains("found"),
        status.code() == Some(1),
        "{errors}"
    );
    assert!(
        !errors.contains('\r'),
        "progress bar without a terminal: {errors}"
    );
    (status.code(), output)
}

fn configuration(folder: &Path, endpoint: &str, listen: SocketAddr, service: &str) -> PathBuf {
    let path = folder.join("elb.toml");
    let text = format!(
        "[collector]\nlisten = \"{listen}\"\n\
         [docker]\nendpoints = [\"{endpoint}\"]\n\
         [[service]]\nname = \"{service}\"\n\
         [service.policy]\n\
         metric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = 60_000 }}]\n"
    );
    fs::write(&path, text).unwrap();
    path
}

/// Answers one request to the engine.
fn answer(mut stream: &TcpStream, services: &[Service], hosts: &[String]) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let path = request.split(' ').nth(1).unwrap();
    let body = match path.split('?').next().unwrap() {
        "/version" => {
            json!({ "Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12" })
        }
        "/info" => json!({
            "Name": hosts[0],
            "Swarm": { "LocalNodeState": "active", "ControlAvailable": true },
        }),
        "/nodes" => hosts.iter().map(node).collect(),
        "/services" if path.contains("label") || path.contains("apachee") => json!([]),
        "/services" => services.iter().map(service).collect(),
        "/tasks" => services.iter().flat_map(tasks).collect(),
        "/configs/elb-lease" => json!({
            "Version": { "Index": 5 },
            "Spec": { "Labels": {
                "holder": "node1",
                "address": "http://node1:8008",
                "term": "7",
                "renewed": "41",
                "journal": "",
            } },
        }),
        "/configs/other" => json!({ "Version": { "Index": 5 }, "Spec": {} }),
        other => panic!("unexpected request {other}"),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).ok();
}

fn node(host: &String) -> Value {
    json!({
        "ID": format!("id-of-{host}"),
        "Spec": { "Availability": "active" },
        "Description": { "Hostname": host, "Engine": { "EngineVersion": "20.10.24" } },
        "Status": { "State": "ready" },
    })
}

fn service(service: &Service) -> Value {
    json!({
        "ID": service.id.0,
        "Version": { "Index": 11 },
        "Spec": {
            "Name": service.name,
            "Mode": { "Replicated": { "Replicas": service.tasks.len() } },
        },
    })
}

fn tasks(service: &Service) -> Vec<Value> {
    let task = |task: &elb::orchestrator::Task| {
        let (rest, id) = task.container.rsplit_once('.').unwrap();
        let slot: u64 = rest.rsplit_once('.').unwrap().1.parse().unwrap();
        json!({
            "ID": id,
            "ServiceID": service.id.0,
            "Slot": slot,
            "NodeID": format!("id-of-{}", task.node.as_ref().unwrap()),
            "Status": { "State": "running" },
        })
    };
    service.tasks.iter().map(task).collect()
}

fn id(finding: &Value) -> &str {
    finding["id"].as_str().unwrap()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from(since.unwrap())
}
