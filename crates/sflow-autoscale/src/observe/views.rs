//! What telemetry shows a person.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::orchestrator::TaskState;

/// Counts of what arrived on the port.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IngestStats {
    /// Datagrams received.
    pub datagrams: u64,
    /// Samples in them.
    pub samples: u64,
    /// Agents known.
    pub agents: u64,
    /// Datagrams, samples and records that could not be used, by cause.
    pub refused: BTreeMap<String, u64>,
}

/// One container of a service: what the orchestrator says of its task, and what telemetry says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// The node that its task is placed on.
    pub node: Option<String>,
    /// What its task is doing.
    pub state: TaskState,
    /// For how long, in seconds.
    pub age: f64,
    /// The orchestrator's words on why it does not run, or why the one before it ended.
    pub error: Option<String>,
    /// Tasks that failed in its place lately.
    pub failures: u32,
    /// Whether telemetry knows it.
    pub seen: bool,
    /// Its value of each metric that the service is balanced by, in their order; `None` where
    /// none is fresh.
    pub values: Vec<Option<f64>>,
}
