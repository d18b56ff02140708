//! T18: more datagrams than can be taken, from one noisy sender, at a balancer that runs as users
//! run it. It goes on to answer, it hears the others, and what it could not take is counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use elb::simulator::{Scenario, Simulation};
use sflow_metrics::Timestamp;

/// How long the flood lasts.
const FLOOD: Duration = Duration::from_secs(4);

#[test]
fn t18_a_flood_is_counted_and_everybody_else_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let balancer = Balancer::start(folder.path());
    let is_over = Arc::new(AtomicBool::new(false));
    let flood = {
        let (is_over, collector) = (Arc::clone(&is_over), balancer.sflow);
        thread::spawn(move || flood(collector, &is_over))
    };
    let quiet = {
        let (is_over, collector) = (Arc::clone(&is_over), balancer.sflow);
        thread::spawn(move || report(collector, &is_over))
    };

    let begin = Instant::now();
    let mut answers = 0;
    while begin.elapsed() < FLOOD {
        let asked = Instant::now();
        assert!(balancer.get("/healthz").starts_with("HTTP/1.1 200"));
        assert!(
            asked.elapsed() < Duration::from_secs(3),
            "{:?}",
            asked.elapsed()
        );
        answers += 1;
        thread::sleep(Duration::from_millis(20));
    }
    is_over.store(true, Ordering::Relaxed);
    let (sent, agents) = (flood.join().unwrap(), quiet.join().unwrap());
    assert!(answers > 20, "{answers} answers");

    // What waits in the socket is still taken.
    thread::sleep(Duration::from_millis(500));
    let metrics = balancer.get("/metrics");
    let received = value(&metrics, "elb_datagrams_total{} ");
    let overflow = value(
        &metrics,
        "elb_refused_total{cause=\"overflow of the socket\"} ",
    );
    let rubbish = value(&metrics, "elb_refused_total{cause=\"no sFlow\"} ");
    assert!(sent > 10_000, "only {sent} were sent");
    assert!(rubbish > 1_000, "{metrics}");
    assert!(
        received + overflow >= sent * 9 / 10,
        "{sent} sent, {received} received, {overflow} dropped"
    );
    assert_eq!(value(&metrics, "elb_agents{} "), agents, "{metrics}");
}

/// As much rubbish as one sender can send.
fn flood(collector: SocketAddr, is_over: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        if socket.send_to(&[0x5a; 600], collector).is_ok() {
            sent += 1;
        }
    }
    sent
}

/// What the agents of the article's cluster send in a minute, over and over in a second; answers
/// how many they are.
fn report(collector: SocketAddr, is_over: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let scenario = Scenario::named("article").unwrap();
    let start = Timestamp::from_secs(1_700_000_000);
    let mut simulation = Simulation::new(&scenario, 1, start).unwrap();
    let mut now = start;
    while !is_over.load(Ordering::Relaxed) {
        now = now + Duration::from_millis(500);
        let mut datagrams = Vec::new();
        simulation.advance(now, |sent| datagrams.push(sent.bytes.to_vec()));
        for datagram in datagrams {
            socket.send_to(&datagram, collector).unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
    u64::try_from(scenario.hosts.len()).unwrap()
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
        let nobody = folder.join("docker.sock");
        let text = format!(
            "[collector]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [docker]\nendpoints = [\"unix://{}\"]\n\
             [[service]]\nname = \"apache\"\n[service.policy]\n\
             metric = [{{ name = \"vir_cpu_cores\", target = 0.5 }}]\n",
            nobody.display()
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
        let (lines, told) = mpsc::channel();
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                lines.send(line).ok();
            }
        });
        let (mut sflow, mut http) = (None, None);
        while sflow.is_none() || http.is_none() {
            let line = told
                .recv_timeout(Duration::from_secs(20))
                .expect("it starts");
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
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
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
