use std::collections::HashMap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::wait::{seconds, until};

/// A created service, removed when dropped.
pub(crate) struct Service<'a> {
    lab: &'a Lab,
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Drop for Service<'_> {
    /// Retries while managers elect a leader, so that a test that failed then does not affect others.
    fn drop(&mut self) {
        let path = format!("/services/{}", self.id);
        let begun = Instant::now();
        while begun.elapsed() < seconds(60) {
            let removed = self.lab.engine().request("DELETE", &path, None);
            if matches!(removed, Ok((200 | 404, _))) {
                return;
            }
            sleep(Duration::from_millis(500));
        }
    }
}

impl<'a> Service<'a> {
    pub(crate) fn create(lab: &'a Lab, spec: &Value) -> Self {
        let created = lab.engine().request("POST", "/services/create", Some(spec));
        let (status, answer) = created.unwrap();
        assert_eq!(status, 201, "{answer}");
        Self {
            lab,
            id: answer["ID"].as_str().unwrap().to_owned(),
            name: spec["Name"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) fn inspect(&self) -> Value {
        self.lab.engine().get(&format!("/services/{}", self.id))
    }

    /// Configured number of replicas.
    pub(crate) fn replicas(&self) -> u64 {
        let service = self.inspect();
        let replicas = &service["Spec"]["Mode"]["Replicated"]["Replicas"];
        replicas.as_u64().unwrap()
    }

    /// Tasks that should run and are running.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let filters = json!({ "service": [self.id], "desired-state": ["running"] });
        let mut tasks = self.lab.engine().list("/tasks", &filters);
        tasks.retain(|task| task["Status"]["State"] == "running");
        tasks
    }

    pub(crate) fn running(&self) -> u64 {
        self.tasks().len() as u64
    }

    pub(crate) fn wait_running(&self, tasks: u64) {
        until(
            &format!("{tasks} tasks of {} run", self.name),
            seconds(40),
            || (self.running() == tasks).then_some(()),
        );
    }

    /// Changes the specification as a foreign client would.
    pub(crate) fn update(&self, change: impl Fn(&mut Value)) {
        let updated = until("the service is updated", seconds(20), || {
            let service = self.inspect();
            let mut spec = service["Spec"].clone();
            change(&mut spec);
            let version = &service["Version"]["Index"];
            let path = format!("/services/{}/update?version={version}", self.id);
            let answer = self.lab.engine().request("POST", &path, Some(&spec));
            match answer.unwrap() {
                (200, _) => Some(Ok(())),
                (500, answer) if answer.to_string().contains("out of sequence") => None,
                (_, answer) => Some(Err(answer)),
            }
        });
        updated.unwrap();
    }

    pub(crate) fn scale(&self, replicas: u32) {
        self.update(|spec| spec["Mode"]["Replicated"]["Replicas"] = replicas.into());
    }

    /// The addresses of its tasks; `None` while no manager answers.
    pub(crate) fn addresses(lab: &Lab, id: &str) -> Option<Vec<SocketAddr>> {
        let engine = lab.engine();
        let filters = json!({ "service": [id], "desired-state": ["running"] }).to_string();
        let filters = crate::engine::encoded(&filters);
        let path = format!("/tasks?filters={filters}");
        let (Ok((200, tasks)), Ok((200, nodes))) = (
            engine.request("GET", &path, None),
            engine.request("GET", "/nodes", None),
        ) else {
            return None;
        };
        let node = |node: &Value| {
            let name = node["Description"]["Hostname"].as_str()?;
            let number = name.strip_prefix("node")?.parse().ok()?;
            Some((node["ID"].as_str()?.to_owned(), Lab::address(number)))
        };
        let nodes: HashMap<String, String> = nodes.as_array()?.iter().filter_map(node).collect();
        let address = |task: &Value| {
            let host = nodes.get(task["NodeID"].as_str()?)?;
            let ports = task["Status"]["PortStatus"]["Ports"].as_array()?;
            let port = ports.first()?["PublishedPort"].as_u64()?;
            format!("{host}:{port}").parse().ok()
        };
        let is_running = |task: &&Value| task["Status"]["State"] == "running";
        let tasks = tasks.as_array()?.iter().filter(is_running);
        Some(tasks.filter_map(address).collect())
    }
}
