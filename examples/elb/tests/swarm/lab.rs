use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::service::Service;
use crate::wait::{seconds, until};

/// Exclusive use of the swarm by one test.
pub(crate) struct Lab {
    script: PathBuf,
    folder: PathBuf,
    image: String,
    /// Number of the manager that the test queries.
    asked: AtomicU32,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Lab {
    /// The swarm of `ELB_TEST_SWARM` when all its nodes are ready; `None` if the variable is not
    /// set.
    pub(crate) fn of_the_environment() -> Option<Self> {
        static NOTICE: Once = Once::new();
        let Ok(script) = std::env::var("ELB_TEST_SWARM") else {
            // Written directly: the test harness captures the output of passing tests.
            NOTICE.call_once(|| {
                let notice = "skipped: tests of the programs on a real Docker swarm; as root, \
                             run `.ci/swarm up` and set ELB_TEST_SWARM to the path of .ci/swarm";
                writeln!(std::io::stderr(), "{notice}").ok();
            });
            return None;
        };
        let folder = std::env::var("SWARM_LAB").unwrap_or_else(|_| "/tmp/swarm-lab".to_owned());
        let image = std::env::var("ELB_TEST_IMAGE");
        let lab = Self {
            script: script.into(),
            folder: folder.into(),
            image: image.unwrap_or_else(|_| "localhost:1/lab/web".to_owned()),
            asked: AtomicU32::new(1),
            // A failed test has cleaned up, too.
            _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner),
        };
        until("all nodes are ready", seconds(60), || {
            let (status, nodes) = lab.engine().request("GET", "/nodes", None).ok()?;
            let is_ready = |node: &Value| node["Status"]["State"] == "ready";
            (status == 200 && nodes.as_array()?.iter().all(is_ready)).then_some(())
        });
        Some(lab)
    }

    /// A client of the manager that the test queries.
    pub(crate) fn engine(&self) -> Engine {
        self.engine_of(self.asked.load(Ordering::Relaxed))
    }

    /// Queries this manager from now on.
    pub(crate) fn ask(&self, node: u32) {
        self.asked.store(node, Ordering::Relaxed);
    }

    pub(crate) fn engine_of(&self, node: u32) -> Engine {
        Engine::at(self.socket(node))
    }

    pub(crate) fn socket(&self, node: u32) -> PathBuf {
        self.folder.join(format!("node{node}/docker.sock"))
    }

    /// The numbers of the nodes.
    pub(crate) fn nodes(&self) -> Vec<u32> {
        let nodes = (1..).take_while(|node| self.socket(*node).exists());
        nodes.collect()
    }

    /// The path of the script.
    pub(crate) fn path(&self) -> &Path {
        &self.script
    }

    /// The names of the nodes in swarm.
    pub(crate) fn node_names(&self) -> Vec<String> {
        let nodes = self.engine().get("/nodes");
        let name = |node: &Value| node["Description"]["Hostname"].as_str().map(str::to_owned);
        nodes.as_array().unwrap().iter().filter_map(name).collect()
    }

    /// The number of the node that a task runs on.
    pub(crate) fn node_of(&self, task: &Value) -> u32 {
        let id = task["NodeID"].as_str().unwrap();
        let node = self.engine().get(&format!("/nodes/{id}"));
        let name = node["Description"]["Hostname"].as_str().unwrap();
        name.strip_prefix("node").unwrap().parse().unwrap()
    }

    /// The address of a node.
    pub(crate) fn address(node: u32) -> String {
        format!("10.99.0.{node}")
    }

    /// The address of the collector.
    pub(crate) fn collector() -> &'static str {
        "10.99.0.254"
    }

    /// The configured endpoints of these managers.
    pub(crate) fn endpoints(managers: &[u32]) -> String {
        let endpoint = |node: &u32| format!("\"tcp://{}:2375\"", Self::address(*node));
        let endpoints: Vec<String> = managers.iter().map(endpoint).collect();
        endpoints.join(", ")
    }

    /// A command that runs in the network of a node.
    pub(crate) fn command(&self, node: u32) -> Command {
        let mut command = Command::new(&self.script);
        command.arg("exec").arg(node.to_string());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn script(&self, arguments: &[&str]) -> String {
        let out = Command::new(&self.script).args(arguments).output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {out:?}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// A unique name, because other runs may use the swarm.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("elb-{}-{name}", std::process::id())
    }

    /// A service that answers requests on a port of each of its nodes.
    pub(crate) fn web(&self, name: &str, replicas: u32) -> Value {
        json!({
            "Name": self.name(name),
            "TaskTemplate": {
                "ContainerSpec": { "Image": self.image, "StopGracePeriod": 100_000_000 },
                "RestartPolicy": { "Delay": 500_000_000 },
            },
            "Mode": { "Replicated": { "Replicas": replicas } },
            "EndpointSpec": {
                "Ports": [{ "Protocol": "tcp", "TargetPort": 80, "PublishMode": "host" }],
            },
        })
    }

    pub(crate) fn create(&self, spec: &Value) -> Service<'_> {
        Service::create(self, spec)
    }

    /// Pauses the engine of a node until the result is dropped.
    pub(crate) fn paused(&self, node: u32) -> Undone<'_> {
        self.done(node, "pause", "resume")
    }

    /// Disconnects a node from the network until the result is dropped.
    pub(crate) fn cut(&self, node: u32) -> Undone<'_> {
        self.done(node, "cut", "join")
    }

    fn done(&self, node: u32, action: &str, undo: &'static str) -> Undone<'_> {
        self.script(&[action, &node.to_string()]);
        Undone {
            lab: self,
            node,
            undo,
        }
    }
}

/// An action on a node that is undone when dropped.
pub(crate) struct Undone<'a> {
    lab: &'a Lab,
    node: u32,
    undo: &'static str,
}

impl Drop for Undone<'_> {
    fn drop(&mut self) {
        let mut undo = Command::new(&self.lab.script);
        undo.args([self.undo, &self.node.to_string()]).status().ok();
    }
}
