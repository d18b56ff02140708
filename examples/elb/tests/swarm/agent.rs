use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::lab::Lab;

/// `elb agent` on a node, killed when dropped.
pub(crate) struct Agent {
    pub(crate) node: u32,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Agent {
    /// Starts an agent that reads counters every second and samples no packets.
    pub(crate) fn start(lab: &Lab, node: u32, port: u16) -> Self {
        Self::with(lab, node, &[port], "1s", 0)
    }

    /// Sends to all these ports of the collector.
    pub(crate) fn with(lab: &Lab, node: u32, ports: &[u16], polling: &str, sampling: u32) -> Self {
        // /sys shows the network namespace in which it was mounted.
        let start = "mount --make-rprivate / && mount -t sysfs sysfs /sys && exec \"$@\"";
        let mut command = lab.command(node);
        command
            .args(["unshare", "--mount", "sh", "-c", start, "sh"])
            .arg(env!("CARGO_BIN_EXE_elb"))
            .args(["agent", "--polling", polling])
            .args(["--sampling", &sampling.to_string()])
            .args([
                "--docker",
                &format!("unix://{}", lab.socket(node).display()),
            ])
            .stderr(Stdio::piped());
        for port in ports {
            command.args(["--collector", &format!("{}:{port}", Lab::collector())]);
        }
        let mut child = command.spawn().unwrap();
        let log = follow(child.stderr.take().unwrap());
        Self { node, child, log }
    }

    /// Starts an agent on each node.
    pub(crate) fn everywhere(lab: &Lab, port: u16) -> Vec<Self> {
        let nodes = lab.nodes().into_iter();
        nodes.map(|node| Self::start(lab, node, port)).collect()
    }

    /// Starts an agent on each node that sends to all these ports.
    pub(crate) fn everywhere_to(lab: &Lab, ports: &[u16]) -> Vec<Self> {
        let nodes = lab.nodes().into_iter();
        nodes
            .map(|node| Self::with(lab, node, ports, "1s", 0))
            .collect()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            eprintln!("agent of node {}:\n{}", self.node, self.log());
        }
    }
}

/// Collects the lines that a program writes.
pub(crate) fn follow(stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = shared.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    log
}
