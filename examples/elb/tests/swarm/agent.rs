use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::lab::Lab;

/// `elb agent` on a node, until this is dropped.
pub(crate) struct Agent {
    pub(crate) node: u32,
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Agent {
    /// Reads counters every second, and samples no packets.
    pub(crate) fn start(lab: &Lab, node: u32, port: u16) -> Self {
        Self::with(lab, node, port, "1s", 0)
    }

    pub(crate) fn with(lab: &Lab, node: u32, port: u16, polling: &str, sampling: u32) -> Self {
        // What the kernel shows in /sys is of the network that it was mounted in.
        let start = "mount --make-rprivate / && mount -t sysfs sysfs /sys && exec \"$@\"";
        let mut command = lab.command(node);
        command
            .args(["unshare", "--mount", "sh", "-c", start, "sh"])
            .arg(env!("CARGO_BIN_EXE_elb"))
            .args(["agent", "--polling", polling])
            .args(["--sampling", &sampling.to_string()])
            .args(["--collector", &format!("{}:{port}", Lab::collector())])
            .args([
                "--docker",
                &format!("unix://{}", lab.socket(node).display()),
            ])
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = follow(child.stderr.take().unwrap());
        Self { node, child, said }
    }

    /// One on each node.
    pub(crate) fn everywhere(lab: &Lab, port: u16) -> Vec<Self> {
        let nodes = lab.nodes().into_iter();
        nodes.map(|node| Self::start(lab, node, port)).collect()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            eprintln!("agent of node {}:\n{}", self.node, self.said());
        }
    }
}

/// What a program says, as far as it has.
pub(crate) fn follow(stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = heard.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
    said
}
