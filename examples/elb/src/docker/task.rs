//! What is read of a task, and of the node that it is placed on.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::orchestrator::{Task, TaskState};

/// A task as the engine describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TaskAnswer {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    slot: Option<u64>,
    #[serde(rename = "NodeID")]
    node_id: Option<String>,
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    timestamp: Option<String>,
    state: String,
    err: Option<String>,
}

impl TaskAnswer {
    /// The identity of its service.
    pub(super) fn service(&self) -> &str {
        &self.service_id
    }

    /// Where it stands among the tasks of its service.
    pub(super) fn place(&self) -> (Option<u64>, &str) {
        (self.slot, &self.id)
    }

    /// The task, of the service with this name, at this time of the engine's clock.
    pub(super) fn into_task(
        self,
        service: &str,
        hostnames: &BTreeMap<String, String>,
        now: Option<Timestamp>,
    ) -> Task {
        let node = self.node_id.filter(|node| !node.is_empty());
        // A global service has one task on a node, and no slots.
        let place = match (self.slot.filter(|slot| *slot > 0), &node) {
            (Some(slot), _) => slot.to_string(),
            (None, Some(node)) => node.clone(),
            (None, None) => String::new(),
        };
        Task {
            container: format!("{service}.{place}.{}", self.id),
            node: node.map(|node| hostnames.get(&node).cloned().unwrap_or(node)),
            state: state_of(&self.status.state),
            age: age(self.status.timestamp.as_deref(), now),
            error: self.status.err.filter(|error| !error.is_empty()),
        }
    }
}

fn state_of(state: &str) -> TaskState {
    match state {
        "running" => TaskState::Running,
        "complete" | "shutdown" | "failed" | "rejected" | "remove" | "orphaned" => {
            TaskState::Failed
        }
        // `new`, `pending`, `assigned`, `accepted`, `preparing`, `ready`, `starting`.
        _ => TaskState::Pending,
    }
}

/// The time since `then`, none where a clock is missing, was never set, or runs ahead.
///
/// A young task is trusted less than an old one, so that a wrong clock costs patience only.
fn age(then: Option<&str>, now: Option<Timestamp>) -> Duration {
    let then = then.and_then(|then| then.parse::<Timestamp>().ok());
    // Go writes a time that was never set as the year 1.
    let then = then.filter(|then| *then > Timestamp::UNIX_EPOCH);
    let age = then.zip(now).map(|(then, now)| now.duration_since(then));
    age.and_then(|age| Duration::try_from(age).ok())
        .unwrap_or(Duration::ZERO)
}

/// A node as the engine describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeAnswer {
    #[serde(rename = "ID")]
    id: String,
    description: Option<Description>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    hostname: Option<String>,
}

impl NodeAnswer {
    /// Its identity and its name; the first for both until it has told the second.
    pub(super) fn into_hostname(self) -> (String, String) {
        let hostname = self
            .description
            .and_then(|description| description.hostname);
        let hostname = hostname.filter(|hostname| !hostname.is_empty());
        (self.id.clone(), hostname.unwrap_or(self.id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{NodeAnswer, TaskAnswer, age, state_of};
    use crate::orchestrator::{Task, TaskState};

    fn read(task: Value) -> Task {
        let task: TaskAnswer = serde_json::from_value(task).unwrap();
        let hostnames = BTreeMap::from([("n1".to_owned(), "node1".to_owned())]);
        task.into_task("apache", &hostnames, "2026-11-23T04:05:00Z".parse().ok())
    }

    #[test]
    fn a_task_of_a_replicated_service() {
        let task = read(json!({
            "ID": "t1", "ServiceID": "s1", "Slot": 3, "NodeID": "n1",
            "Status": { "Timestamp": "2026-11-23T04:04:59.75Z", "State": "running", "Err": "" },
        }));
        assert_eq!(
            task,
            Task {
                container: "apache.3.t1".to_owned(),
                node: Some("node1".to_owned()),
                state: TaskState::Running,
                age: Duration::from_millis(250),
                error: None,
            }
        );
    }

    #[test]
    fn a_task_of_a_global_service_is_named_by_its_node() {
        let task = read(json!({
            "ID": "t1", "ServiceID": "s1", "Slot": 0, "NodeID": "n2",
            "Status": { "State": "rejected", "Err": "No such image: apache:latest" },
        }));
        assert_eq!(task.container, "apache.n2.t1");
        assert_eq!(
            task.node.as_deref(),
            Some("n2"),
            "a node that is not known by name"
        );
        assert_eq!(task.state, TaskState::Failed);
        assert_eq!(task.error.as_deref(), Some("No such image: apache:latest"));
        assert_eq!(task.age, Duration::ZERO);
    }

    #[test]
    fn a_task_without_a_place() {
        let task = read(json!({
            "ID": "t1", "ServiceID": "s1", "Slot": 1, "NodeID": "",
            "Status": { "State": "pending", "Err": "no suitable node" },
        }));
        assert_eq!((task.node, task.state), (None, TaskState::Pending));
        assert_eq!(task.error.as_deref(), Some("no suitable node"));
    }

    #[test]
    fn every_state_of_swarm() {
        for (states, state) in [
            (
                &[
                    "new",
                    "pending",
                    "assigned",
                    "accepted",
                    "preparing",
                    "ready",
                    "starting",
                ][..],
                TaskState::Pending,
            ),
            (&["running"], TaskState::Running),
            (
                &[
                    "complete", "shutdown", "failed", "rejected", "remove", "orphaned",
                ],
                TaskState::Failed,
            ),
        ] {
            for word in states {
                assert_eq!(state_of(word), state, "{word}");
            }
        }
    }

    #[test]
    fn ages_are_never_invented() {
        let now = "2026-11-23T04:05:00Z".parse().ok();
        for (then, seconds) in [
            (Some("2026-11-23T04:04:30Z"), 30),
            (Some("2026-11-23T05:04:30+01:00"), 30),
            (Some("2026-11-23T04:05:01Z"), 0),
            (Some("0001-01-01T00:00:00Z"), 0),
            (Some("yesterday"), 0),
            (None, 0),
        ] {
            assert_eq!(age(then, now), Duration::from_secs(seconds), "{then:?}");
        }
        assert_eq!(age(Some("2026-11-23T04:04:30Z"), None), Duration::ZERO);
    }

    #[test]
    fn a_node_that_has_not_told_its_name() {
        for node in [
            json!({ "ID": "n1" }),
            json!({ "ID": "n1", "Description": {} }),
        ] {
            let node: NodeAnswer = serde_json::from_value(node).unwrap();
            assert_eq!(node.into_hostname(), ("n1".to_owned(), "n1".to_owned()));
        }
    }
}
