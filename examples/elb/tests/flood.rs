//! T18: one sender sends more datagrams to a running elb than it can process. elb still answers
//! requests, processes the datagrams of other senders, and counts the datagrams that it lost.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use support::{MAX_WAIT, wait_for};

/// Minimum number of datagrams and requests that are sent concurrently.
const FLOOD: u64 = 20_000;
const REQUESTS: u32 = 40;

#[test]
fn t18_flood_is_counted_and_other_senders_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let balancer = Balancer::start(folder.path());
    let (is_flooded, is_over) = (Arc::default(), Arc::default());
    let sent = Arc::new(AtomicU64::new(0));
    let flood = {
        let (is_over, sent) = (Arc::clone(&is_flooded), Arc::clone(&sent));
        let collector = balancer.sflow;
        thread::spawn(move || flood(collector, &is_over, &sent))
    };
    let quiet = {
        let (is_over, collector) = (Arc::clone(&is_over), balancer.sflow);
        thread::spawn(move || report(collector, &is_over))
    };
    let mut answers = 0;
    while answers < REQUESTS || sent.load(Ordering::Relaxed) < FLOOD {
        assert!(balancer.get("/healthz").starts_with("HTTP/1.1 200"));
        answers += 1;
        thread::sleep(Duration::from_millis(20));
    }
    is_flooded.store(true, Ordering::Relaxed);
    flood.join().unwrap();

    // Datagrams in the socket buffer are still processed, and the agents continue: overflow is
    // reported with the next datagram that is received.
    let sent = sent.load(Ordering::Relaxed);
    let agents = Scenario::named("article").unwrap().cluster.hosts.len() as u64;
    let mut metrics = String::new();
    wait_for("a datagram is neither received nor counted", || {
        metrics = balancer.get("/metrics");
        let received = value(&metrics, "elb_datagrams_total{} ");
        let overflow = value(
            &metrics,
            "elb_refused_total{cause=\"overflow of the socket\"} ",
        );
        received + overflow >= sent * 9 / 10 && value(&metrics, "elb_agents{} ") == agents
    });
    is_over.store(true, Ordering::Relaxed);
    quiet.join().unwrap();
    let rubbish = value(&metrics, "elb_refused_total{cause=\"not sFlow\"} ");
    assert!(rubbish > 0, "{metrics}");
}

/// Sends invalid datagrams at full speed.
fn flood(collector: SocketAddr, is_over: &AtomicBool, sent: &AtomicU64) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    while !is_over.load(Ordering::Relaxed) {
        if socket.send_to(&[0x5a; 600], collector).is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends the datagrams of the `elb_js` cluster's agents at fifty times the usual speed.
fn report(collector: SocketAddr, is_over: &AtomicBool) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let scenario = Scenario::named("article").unwrap();
    let start = Timestamp::from_secs(1_700_000_000);
    let cluster = SimulatedCluster::new(&scenario, 1, start).unwrap();
    let mut now = start;
    while !is_over.load(Ordering::Relaxed) {
        now = now + Duration::from_millis(500);
        for datagram in cluster.advance(now) {
            socket.send_to(&datagram.bytes, collector).unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn value(metrics: &str, beginning: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(beginning));
    line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
}

struct Balancer {
    process: Child,
    sflow: SocketAddr,
    http: SocketAddr,
}

impl Balancer {
    fn start(folder: &std::path::Path) -> Self {
        let config = folder.join("elb.toml");
        let socket = folder.join("docker.sock");
        let text = format!(
            "[collector]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [docker]\nendpoints = [\"unix://{}\"]\n\
             [[service]]\nname = \"apache\"\n[service.policy]\n\
             metric = [{{ name = \"vir_cpu_cores\", target = 0.5 }}]\n",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_elb"))
            .arg("run")
            .arg("--config")
            .arg(&config)
            .env_remove("ELB_LOG")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let (lines, log_lines) = mpsc::channel();
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                lines.send(line).ok();
            }
        });
        let (mut sflow, mut http) = (None, None);
        while sflow.is_none() || http.is_none() {
            let line = log_lines.recv_timeout(MAX_WAIT).expect("elb starts");
            if let Some((_, port)) = line.split_once("sFlow port ") {
                sflow = Some(SocketAddr::from((
                    [127, 0, 0, 1],
                    port.trim().parse().unwrap(),
                )));
            } else if let Some((_, address)) = line.split_once("HTTP http://") {
                http = address.trim().trim_end_matches('/').parse().ok();
            }
        }
        Self {
            process,
            sflow: sflow.unwrap(),
            http: http.unwrap(),
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.http
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
