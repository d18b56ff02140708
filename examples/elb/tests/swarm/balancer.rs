use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::agent::follow;
use crate::engine::{ask, encoded};
use crate::lab::Lab;
use crate::wait::{seconds, until};

/// What services have in common here: a container is to answer nine requests of eleven kilobytes
/// each second. All nodes have the processors of one machine, and may have them at work.
pub(crate) const DEFAULTS: &str = "\
    [defaults]\nmode = \"act\"\nwarm_up = \"2s\"\n\
    metric = [{ name = \"vir_bytes_out\", target = 100_000 }]\n\
    saturation = { cpu = 1_000, steal = 1_000 }\n";

/// `elb run`, until this is dropped.
pub(crate) struct Balancer {
    pub(crate) port: u16,
    http: SocketAddr,
    folder: tempfile::TempDir,
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Balancer {
    /// With this configuration, and the managers on these nodes.
    pub(crate) fn start(managers: &[u32], config: &str) -> Self {
        let (port, http) = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let endpoints = Lab::endpoints(managers);
        let config = format!(
            "[collector]\nlisten = \"0.0.0.0:{port}\"\n[http]\nlisten = \"{http}\"\n\
             [docker]\nendpoints = [{endpoints}]\ntimeout = \"3s\"\n{config}"
        );
        fs::write(folder.path().join("elb.toml"), config).unwrap();
        let (child, said) = launch(&folder);
        let balancer = Self {
            port,
            http,
            folder,
            child,
            said,
        };
        balancer.wait_serving();
        balancer
    }

    /// Ends it as a machine that fails would, and starts another one in its place.
    pub(crate) fn kill_and_start_again(&mut self) {
        self.kill();
        (self.child, self.said) = launch(&self.folder);
        self.wait_serving();
    }

    pub(crate) fn kill(&mut self) {
        // SIGKILL, on Unix.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn wait_serving(&self) {
        until("elb serves its page", seconds(20), || {
            ask(self.http, "/healthz").ok()
        });
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = ask(self.http, path).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// As [`get`](Self::get), whatever the status is.
    pub(crate) fn words(&self, path: &str) -> (u16, String) {
        ask(self.http, path).unwrap()
    }

    pub(crate) fn service(&self, name: &str) -> Value {
        self.get(&format!("/api/v1/services/{name}"))
    }

    /// What was decided last for a service, in words: each step's reason.
    pub(crate) fn reasons(&self, name: &str) -> Vec<String> {
        reasons(&self.service(name)["last"])
    }

    /// All decisions for a service that said something new.
    pub(crate) fn decisions(&self, name: &str) -> Vec<Value> {
        let path = format!("/api/v1/decisions?after=0&limit=1000&service={name}");
        match &self.get(&path)["decisions"] {
            Value::Array(decisions) => decisions.clone(),
            other => panic!("{other}"),
        }
    }

    /// Those of them that were carried out, as replicas before and after.
    pub(crate) fn changes(&self, name: &str) -> Vec<(u64, u64)> {
        changes_of(std::slice::from_ref(self), name)
    }

    /// The agent at an address, if it was heard.
    pub(crate) fn agent(&self, address: &str) -> Option<Value> {
        let agents = self.get("/api/v1/agents");
        let mut agents = agents["agents"].as_array()?.iter();
        agents.find(|agent| agent["address"] == address).cloned()
    }

    /// The answer to a question to the telemetry, one value for each expression.
    pub(crate) fn query(&self, question: &str) -> Vec<Option<f64>> {
        let answer = self.get(&format!("/api/v1/query?q={}", encoded(question)));
        let answers = answer["groups"][0]["answers"].as_array().unwrap().iter();
        answers.map(|answer| answer["value"].as_f64()).collect()
    }

    /// A number of the metrics page.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let (status, text) = self.words("/metrics");
        assert_eq!(status, 200);
        let mut lines = text.lines();
        let name = format!("{name}{{}} ");
        lines.find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    /// Waits until so many containers of a service have told a value.
    pub(crate) fn wait_heard(&self, name: &str, containers: u64) {
        let what = format!("{containers} containers of {name} are heard");
        until(&what, seconds(30), || {
            let service = self.service(name);
            let input = &service["last"]["inputs"][0];
            let all = [
                &input["contributing"],
                &input["matched"],
                &service["running"],
            ];
            all.iter().all(|it| **it == containers).then_some(())
        });
    }
}

/// Ports that are free now, for telemetry and for requests: known before elb starts, and the same
/// when it is started again.
fn free_ports() -> (u16, SocketAddr) {
    let telemetry = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let telemetry = telemetry.local_addr().unwrap().port();
    (telemetry, http.local_addr().unwrap())
}

/// What all of these have carried out, in the order of time.
pub(crate) fn changes_of(balancers: &[Balancer], name: &str) -> Vec<(u64, u64)> {
    let all = balancers.iter().flat_map(|one| one.decisions(name));
    let mut done: Vec<Value> = all.filter(|it| it["outcome"] == "done").collect();
    done.sort_by_key(|it| it["time"].as_u64());
    let change = |it: &Value| {
        let replicas = [&it["replicas"], &it["result"]].map(|it| it.as_u64().unwrap());
        (replicas[0], replicas[1])
    };
    done.iter().map(change).collect()
}

/// How often it grew after it had shrunk, or shrank after it had grown.
pub(crate) fn turns(changes: &[(u64, u64)]) -> usize {
    let grows = |change: &(u64, u64)| change.1 > change.0;
    let pairs = changes.windows(2);
    pairs
        .filter(|pair| grows(&pair[0]) != grows(&pair[1]))
        .count()
}

/// The reasons of a decision.
pub(crate) fn reasons(decision: &Value) -> Vec<String> {
    let steps = decision["steps"].as_array().into_iter().flatten();
    let reason = |step: &Value| step["reason"].as_str().unwrap_or_default().to_owned();
    steps.map(reason).collect()
}

fn launch(folder: &tempfile::TempDir) -> (Child, Arc<Mutex<String>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_elb"))
        .args(["run", "--config"])
        .arg(folder.path().join("elb.toml"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = follow(child.stderr.take().unwrap());
    (child, said)
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if thread::panicking() {
            let decisions = ask(self.http, "/api/v1/decisions?limit=60");
            let decisions = decisions.map_or_else(|error| error.to_string(), |(_, text)| text);
            for words in decisions.split("\"words\":").skip(1) {
                eprintln!(
                    "{}",
                    words.split_once("\"}").map_or(words, |(words, _)| words)
                );
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            eprintln!("elb run:\n{}", self.said());
        }
    }
}
