use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::policy::{Mode, Settings};

/// Settings of the control loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ControlSettings {
    /// Time between decisions.
    pub interval: Duration,
    /// The mode of all services and pools; the mode of each can allow less.
    pub mode: Mode,
    /// Whether an operator has set this mode. Until then the program advises.
    #[serde(skip)]
    pub is_mode_set: bool,
    /// Replicas that all services together may have.
    pub budget: Option<u32>,
    /// Services that may be changed per minute.
    pub changes_per_minute: Option<u32>,
}

/// Settings of one service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceSettings {
    /// The name of the service in the orchestrator.
    pub name: String,
    /// Services of a higher priority get replicas of the budget first.
    pub priority: i32,
    /// The settings of its policy.
    pub settings: Settings,
}

/// The label by which several autoscalers share the services of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The name of the label, which contains the name of the autoscaler that a service belongs to. A
    /// service without it belongs to all.
    pub label: String,
    /// The name of this autoscaler.
    pub owner: String,
}

/// Services that are found by a label.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The label of the services to be found.
    pub label: String,
    /// Reads the settings of a service from its labels.
    pub reader: Arc<dyn LabelReader>,
}

/// Reads settings from labels.
pub trait LabelReader: fmt::Debug + Send + Sync {
    /// The settings of a service; `None` if its labels request that it is not scaled.
    ///
    /// # Errors
    ///
    /// The invalid label, its value, and what would be valid.
    fn service(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Option<ServiceSettings>, String>;
}
