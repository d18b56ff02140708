//! Readings to be shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::orchestrator::TaskState;

/// Counts of received data.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct IngestStats {
    /// Datagrams received.
    pub datagrams: u64,
    /// Samples in them.
    pub samples: u64,
    /// Known agents.
    pub agents: u64,
    /// Datagrams, samples and records that could not be used, by cause.
    pub refused: BTreeMap<String, u64>,
}

/// A container of a service, by the orchestrator and by telemetry.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ContainerView {
    /// The name of the container.
    pub name: String,
    /// The node that its task is placed on.
    pub node: Option<String>,
    /// The state of its task.
    pub state: TaskState,
    /// Time in this state, in seconds.
    pub age: f64,
    /// The error of the orchestrator: why it does not run, or why its predecessor ended.
    pub error: Option<String>,
    /// The number of its predecessors that failed recently.
    pub failures: u32,
    /// Whether telemetry knows it.
    pub seen: bool,
    /// The value of each metric of the policy, in their order; `None` without a fresh one.
    pub values: Vec<Option<f64>>,
}
