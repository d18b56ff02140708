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

/// Defaults of the services: the target is nine requests of 11 kB per second and container. All
/// nodes share the processors of one machine, so that saturation is switched off.
pub(crate) const DEFAULTS: &str = "\
    [defaults]\nmode = \"act\"\nwarm_up = \"2s\"\n\
    metric = [{ name = \"vir_bytes_out\", target = 100_000 }]\n\
    saturation = { cpu = 1_000, steal = 1_000 }\n";

/// `elb run`, killed when dropped.
pub(crate) struct Balancer {
    pub(crate) port: u16,
    http: SocketAddr,
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Balancer {
    /// Starts elb with this configuration and the managers on these nodes.
    pub(crate) fn start(managers: &[u32], config: &str) -> Self {
        Self::start_with(&Lab::endpoints(managers), config, &[])
    }

    /// Starts elb with these endpoints of managers and these environment variables.
    pub(crate) fn start_with(endpoints: &str, config: &str, variables: &[(&str, &str)]) -> Self {
        let (port, http) = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[collector]\nlisten = \"0.0.0.0:{port}\"\n[http]\nlisten = \"{http}\"\n\
             [docker]\nendpoints = [{endpoints}]\ntimeout = \"3s\"\n{config}"
        );
        fs::write(folder.path().join("elb.toml"), config).unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (child, log) = launch(&folder, &variables);
        let balancer = Self {
            port,
            http,
            folder,
            variables,
            child,
            log,
        };
        balancer.wait_serving();
        balancer
    }

    /// Kills elb, as a failing machine would, and starts it again.
    pub(crate) fn kill_and_start_again(&mut self) {
        self.kill();
        (self.child, self.log) = launch(&self.folder, &self.variables);
        self.wait_serving();
    }

    pub(crate) fn kill(&mut self) {
        // SIGKILL on Unix.
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

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = ask(self.http, path).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Requests a path; returns status and body.
    pub(crate) fn get_text(&self, path: &str) -> (u16, String) {
        ask(self.http, path).unwrap()
    }

    pub(crate) fn service(&self, name: &str) -> Value {
        self.get(&format!("/api/v1/services/{name}"))
    }

    /// The reasons of the last decision for a service.
    pub(crate) fn reasons(&self, name: &str) -> Vec<String> {
        reasons(&self.service(name)["last"])
    }

    /// All recorded decisions for a service.
    pub(crate) fn decisions(&self, name: &str) -> Vec<Value> {
        let path = format!("/api/v1/decisions?after=0&limit=1000&service={name}");
        match &self.get(&path)["decisions"] {
            Value::Array(decisions) => decisions.clone(),
            other => panic!("{other}"),
        }
    }

    /// The executed changes of a service: replicas before and after.
    pub(crate) fn changes(&self, name: &str) -> Vec<(u64, u64)> {
        changes_of(std::slice::from_ref(self), name)
    }

    /// The agent with this address, if it has reported.
    pub(crate) fn agent(&self, address: &str) -> Option<Value> {
        let agents = self.get("/api/v1/agents");
        let mut agents = agents["agents"].as_array()?.iter();
        agents.find(|agent| agent["address"] == address).cloned()
    }

    /// Queries the telemetry; returns one value per expression.
    pub(crate) fn query(&self, question: &str) -> Vec<Option<f64>> {
        let answer = self.get(&format!("/api/v1/query?q={}", encoded(question)));
        let answers = answer["groups"][0]["answers"].as_array().unwrap().iter();
        answers.map(|answer| answer["value"].as_f64()).collect()
    }

    /// The value of a metric without labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let (status, text) = self.get_text("/metrics");
        assert_eq!(status, 200);
        let mut lines = text.lines();
        let name = format!("{name}{{}} ");
        lines.find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    /// Waits until this number of containers of a service have reported a value.
    pub(crate) fn wait_reporting(&self, name: &str, containers: u64) {
        let what = format!("{containers} containers of {name} report");
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

/// Free ports for telemetry and HTTP, chosen before elb starts so that they stay the same when it
/// is restarted.
fn free_ports() -> (u16, SocketAddr) {
    let telemetry = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let telemetry = telemetry.local_addr().unwrap().port();
    (telemetry, http.local_addr().unwrap())
}

/// The executed changes of all these balancers, in the order of time.
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

/// How often the direction of change was reversed.
pub(crate) fn reversals(changes: &[(u64, u64)]) -> usize {
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

fn launch(
    folder: &tempfile::TempDir,
    variables: &[(String, String)],
) -> (Child, Arc<Mutex<String>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_elb"))
        .args(["run", "--config"])
        .arg(folder.path().join("elb.toml"))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = follow(child.stderr.take().unwrap());
    (child, log)
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
            eprintln!("elb run:\n{}", self.log());
        }
    }
}
