//! A control loop over a simulated cluster with its HTTP server on loopback. The test advances
//! time.

use std::net::SocketAddr;
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::{Config, ServiceSettings};
use elb::handle::{Handle, Requests};
use elb::http::{self, Access, Site};
use elb::policy::Mode;
use elb::status::About;
use sflow_metrics::Timestamp;
use sflow_simulator::Workload;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{openapi, simulated};

/// 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A running loop and its server.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) site: Site,
    steps: mpsc::Sender<Step>,
    server: JoinHandle<std::io::Result<()>>,
    running: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
        self.running.abort();
    }
}

/// A request of the test to the loop.
enum Step {
    /// Advance simulated time.
    Pass(Duration, Network, oneshot::Sender<()>),
    /// Block, as if the orchestrator did not answer, until the other end is dropped.
    Hold(oneshot::Receiver<()>, oneshot::Sender<()>),
}

/// Whether datagrams of the agents arrive.
#[derive(Clone, Copy, PartialEq)]
enum Network {
    Up,
    Down,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Access::default()).await
    }

    pub(crate) async fn with(access: Access) -> Self {
        let scenario = Scenario::named("article").unwrap();
        Self::of(access, &scenario).await
    }

    /// A service with this name.
    pub(crate) async fn named(name: &str) -> Self {
        let mut scenario = Scenario::named("article").unwrap();
        name.clone_into(&mut scenario.cluster.services[0].name);
        Self::of(Access::default(), &scenario).await
    }

    /// A service with more load than it can carry at its maximum.
    pub(crate) async fn overloaded() -> Self {
        let mut scenario = Scenario::named("article").unwrap();
        scenario.cluster.services[0].workload = Workload::Step {
            before: 1_500.0,
            after: 1_500.0,
            at: Duration::ZERO,
        };
        Self::of(Access::default(), &scenario).await
    }

    /// An acting pool of machines with the same name as the service.
    pub(crate) async fn with_machines() -> Self {
        let machines = Scenario::named("thief").unwrap();
        let mut scenario = Scenario::named("article").unwrap();
        scenario.cluster.hosts = machines.cluster.hosts;
        scenario.cluster.events = machines.cluster.events;
        scenario.machines = machines.machines;
        Self::of(Access::default(), &scenario).await
    }

    async fn of(access: Access, scenario: &Scenario) -> Self {
        let config = Config::article();
        let mut services: Vec<ServiceSettings> = config.services.clone();
        for (service, simulated) in services.iter_mut().zip(&scenario.cluster.services) {
            simulated.name.clone_into(&mut service.name);
            service.settings.mode = Mode::Act;
        }
        let cluster = SimulatedCluster::new(scenario, 1, START).unwrap();
        let balancer = Balancer::new(START, cluster.clone(), config.control, &services);
        let mut balancer = balancer.unwrap();
        if let Some(mut pool) = simulated::pool(scenario) {
            pool.name = services[0].name.clone();
            balancer.keep("test".to_owned(), &[pool]).unwrap();
            let machines = cluster;
            balancer
                .pools_mut()
                .unwrap()
                .provider_mut()
                .substitute(Box::new(machines));
        }
        let (telemetry, status) = (balancer.telemetry().clone(), balancer.status().clone());
        let (handle, requests) = Handle::new(telemetry, status, config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Site::new(handle.clone()).with_access(access);
        let server = tokio::spawn(http::serve(listener, site.clone(), std::future::pending()));
        let (steps, stepped) = mpsc::channel(1);
        let running = tokio::task::spawn(run(balancer, requests, stepped));
        Self {
            address,
            handle,
            site,
            steps,
            server,
            running,
        }
    }

    /// Shows this text as title and as description of the load.
    pub(crate) fn describe(&self, text: &str) {
        let mut status = self.handle.status().lock();
        let now = status.now();
        let about = About {
            title: text.to_owned(),
            load: Some(text.to_owned()),
            speed: 10.0,
            ..About::default()
        };
        status.set_context(now, about);
    }

    /// Ends the loop; the server continues.
    pub(crate) async fn end_loop(&self) {
        self.running.abort();
        while self.handle.is_open() {
            tokio::task::yield_now().await;
        }
    }

    /// Advances simulated time.
    pub(crate) async fn pass(&self, time: Duration) {
        self.step(time, Network::Up).await;
    }

    /// Advances simulated time; no datagram arrives.
    pub(crate) async fn pass_without_datagrams(&self, time: Duration) {
        self.step(time, Network::Down).await;
    }

    async fn step(&self, time: Duration, network: Network) {
        let (done, is_done) = oneshot::channel();
        self.steps
            .send(Step::Pass(time, network, done))
            .await
            .unwrap();
        is_done.await.unwrap();
    }

    /// Blocks the loop until the returned value is dropped.
    pub(crate) async fn hold(&self) -> oneshot::Sender<()> {
        let (release, released) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        self.steps.send(Step::Hold(released, done)).await.unwrap();
        is_done.await.unwrap();
        release
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        self.json_of(path, 200).await
    }

    pub(crate) async fn json_of(&self, path: &str, status: u16) -> serde_json::Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        answer.json()
    }

    /// Writes as a program on this machine does, without a token.
    pub(crate) async fn put_json(&self, path: &str, body: &str) -> Answer {
        let headers = [("X-Elb", "1"), ("Content-Type", "application/json")];
        self.ask("PUT", path, &headers, body).await
    }

    /// Sends a request with `Host: localhost` unless the headers contain `Host`.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += "Host: localhost\r\n";
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "\r\n";
        request += body;
        let answer = self.send(request.as_bytes()).await;
        if path.starts_with("/api/") {
            openapi::check(method, path, &answer);
        }
        answer
    }

    /// Sends these bytes and reads the response.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may close the connection before the rest is sent.
        stream.write_all(bytes).await.ok();
        Answer::read(&mut stream).await
    }
}

impl Answer {
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let all = stream.read_to_end(&mut bytes);
        let all = tokio::time::timeout(Duration::from_secs(60), all).await;
        all.expect("in time").ok();
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n");
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    /// Fails unless the response is a problem of this status that contains this text.
    pub(crate) fn is_problem(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let media_type = self.header("content-type");
        assert_eq!(media_type, Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["title", "detail", "advice"] {
            assert!(
                problem[member].as_str().is_some_and(|text| text.len() > 3),
                "{problem}"
            );
        }
        assert!(
            self.body.contains(text),
            "missing {text:?} in {}",
            self.body
        );
    }
}

async fn run(
    mut balancer: Balancer<SimulatedCluster>,
    mut requests: Requests,
    mut steps: mpsc::Receiver<Step>,
) {
    let mut now = START;
    balancer.round(now).await;
    loop {
        tokio::select! {
            (request, answer) = requests.next() => {
                answer.send(balancer.apply(&request)).ok();
            }
            Some(step) = steps.recv() => match step {
                Step::Pass(time, network, done) => {
                    let end = now + time;
                    while now < end {
                        now = now + balancer.controller().interval();
                        deliver(&mut balancer, now, network);
                        balancer.round(now).await;
                    }
                    done.send(()).ok();
                }
                Step::Hold(released, done) => {
                    done.send(()).ok();
                    released.await.ok();
                }
            },
            else => return,
        }
    }
}

/// Advances the cluster and delivers the datagrams of its agents.
fn deliver(balancer: &mut Balancer<SimulatedCluster>, now: Timestamp, network: Network) {
    let mut arrived = balancer.orchestrator_mut().advance(now);
    arrived.retain(|_| network == Network::Up);
    for sent in arrived {
        balancer.receive(sent.at, sent.source, &sent.bytes);
    }
}
