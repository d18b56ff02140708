//! Tasks as returned by the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Entry, List};
use jiff::Timestamp;
use serde::Deserialize;

use crate::orchestrator::{Task, TaskState};

/// A task as returned by the engine.
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
    desired_state: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    timestamp: Option<String>,
    state: String,
    err: Option<String>,
    container_status: Option<ContainerStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerStatus {
    #[serde(rename = "ContainerID")]
    container_id: Option<String>,
}

impl Entry for TaskAnswer {}

/// The tasks that run or are starting, by the id of their service and in the order of their slots.
/// A task has the number of recent failures in its slot. Services and nodes are named by id.
pub(super) fn by_service(
    list: List<TaskAnswer>,
    services: &BTreeMap<&str, &str>,
    hostnames: &BTreeMap<String, String>,
) -> BTreeMap<String, Vec<Task>> {
    let (mut answers, now) = (list.entries, list.date);
    let mut failures: BTreeMap<SlotKey, Vec<(Duration, Option<String>)>> = BTreeMap::new();
    for answer in &answers {
        let age = age(answer.status.timestamp.as_deref(), now);
        if matches!(answer.status.state.as_str(), "failed" | "rejected") && age <= RECENT {
            let error = answer.status.err.clone();
            let in_slot = failures.entry(answer.slot_key()).or_default();
            in_slot.push((age, error.filter(|error| !error.is_empty())));
        }
    }
    answers.retain(TaskAnswer::is_wanted);
    answers.sort_by(|a, b| (a.slot, &a.id).cmp(&(b.slot, &b.id)));
    let mut tasks: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for answer in answers {
        let Some(name) = services.get(answer.service_id.as_str()) else {
            continue;
        };
        let in_slot = failures
            .get(&answer.slot_key())
            .map_or(&[][..], Vec::as_slice);
        let last = in_slot.iter().min_by_key(|(age, _)| *age);
        let service = answer.service_id.clone();
        let mut task = answer.into_task(name, hostnames, now);
        task.failures = u32::try_from(in_slot.len()).unwrap_or(u32::MAX);
        task.error = task.error.or_else(|| last?.1.clone());
        tasks.entry(service).or_default().push(task);
    }
    tasks
}

impl TaskAnswer {
    /// Service and node, if the task occupies a node. A task that is stopping occupies its node
    /// until it has ended.
    pub(super) fn into_location(self) -> Option<(String, String)> {
        let is_there = match state_of(&self.status.state) {
            TaskState::Running => true,
            TaskState::Pending => self.is_wanted(),
            TaskState::Failed => false,
        };
        let node = self.node_id.filter(|node| !node.is_empty());
        node.filter(|_| is_there)
            .map(|node| (self.service_id, node))
    }

    /// Whether it runs or is starting.
    fn is_wanted(&self) -> bool {
        matches!(
            self.desired_state.as_deref(),
            None | Some("running" | "ready")
        )
    }

    /// The slot that it shares with its predecessors and successors.
    fn slot_key(&self) -> SlotKey {
        SlotKey {
            service: self.service_id.clone(),
            slot: self.slot,
            node: self
                .node_id
                .clone()
                .filter(|_| self.slot.is_none_or(|slot| slot == 0)),
        }
    }

    /// The task of the service with this name, at this time of the engine's clock.
    fn into_task(
        self,
        service: &str,
        hostnames: &BTreeMap<String, String>,
        now: Option<Timestamp>,
    ) -> Task {
        let node = self.node_id.filter(|node| !node.is_empty());
        // A global service has no slots, but one task per node.
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
            failures: 0,
            uuid: self
                .status
                .container_status
                .and_then(|status| uuid(&status.container_id?)),
        }
    }
}

/// Slot of a replicated service, or node of a global one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SlotKey {
    service: String,
    slot: Option<u64>,
    node: Option<String>,
}

/// Older failures are ignored.
const RECENT: Duration = Duration::from_secs(600);

/// First half of a container's id.
fn uuid(id: &str) -> Option<[u8; 16]> {
    let mut uuid = [0; 16];
    for (place, byte) in uuid.iter_mut().enumerate() {
        let digits = id.get(2 * place..2 * place + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(uuid)
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

/// Time since `then`; zero if a clock is missing, was never set, or is ahead.
///
/// Younger tasks have less influence, so that a wrong clock only delays decisions.
fn age(then: Option<&str>, now: Option<Timestamp>) -> Duration {
    let then = then.and_then(|then| then.parse::<Timestamp>().ok());
    // Go represents an unset time as year 1.
    let then = then.filter(|then| *then > Timestamp::UNIX_EPOCH);
    let age = then.zip(now).map(|(then, now)| now.duration_since(then));
    age.and_then(|age| Duration::try_from(age).ok())
        .unwrap_or(Duration::ZERO)
}
