//! Tasks as returned by the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::list::Entry;
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

impl TaskAnswer {
    /// Id of its service.
    pub(super) fn service(&self) -> &str {
        &self.service_id
    }

    /// Slot (or node) and id, for sorting.
    pub(super) fn place(&self) -> (Option<u64>, &str) {
        (self.slot, &self.id)
    }

    /// Service and node, if the task occupies a node. A task that is stopping occupies its node
    /// until it has ended.
    pub(super) fn into_whereabouts(self) -> Option<(String, String)> {
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
    pub(super) fn is_wanted(&self) -> bool {
        matches!(
            self.desired_state.as_deref(),
            None | Some("running" | "ready")
        )
    }

    /// Slot, time and cause of a failure, if it is recent by this clock.
    pub(super) fn failed_lately(&self, now: Option<Timestamp>) -> Option<(Place, Failed)> {
        let is_failed = matches!(self.status.state.as_str(), "failed" | "rejected");
        let age = age(self.status.timestamp.as_deref(), now);
        let failed = Failed {
            age,
            why: self.status.err.clone().filter(|why| !why.is_empty()),
        };
        (is_failed && age <= LATELY).then(|| (self.in_whose_place(), failed))
    }

    /// The slot that it shares with its predecessors and successors.
    pub(super) fn in_whose_place(&self) -> Place {
        Place {
            service: self.service_id.clone(),
            slot: self.slot,
            node: self
                .node_id
                .clone()
                .filter(|_| self.slot.is_none_or(|slot| slot == 0)),
        }
    }

    /// The task of the service with this name, at this time of the engine's clock.
    pub(super) fn into_task(
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
pub(super) struct Place {
    service: String,
    slot: Option<u64>,
    node: Option<String>,
}

/// A failed task.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// Time since the failure.
    pub(super) age: Duration,
    /// Error message of the engine.
    pub(super) why: Option<String>,
}

/// Older failures are ignored.
const LATELY: Duration = Duration::from_secs(600);

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
