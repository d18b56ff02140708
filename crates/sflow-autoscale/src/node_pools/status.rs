use std::sync::Arc;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::capacity::MinimumSize;
use super::order::Action;
use super::outliers::{PeerEvent, PeerState};
use super::step::{MachineNote, MachineStep};
use crate::policy::{Band, Decision, HostLoad, Mode, StayReason};

/// An order in progress.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct ActiveOrder {
    /// The key of the order.
    pub order: String,
    /// Whether a machine is added or removed.
    pub action: Action,
    /// The machine, as far as it is known.
    pub machine: Option<String>,
    /// When it was submitted.
    #[cfg_attr(feature = "utoipa", schema(value_type = u64))]
    pub since: Timestamp,
    /// Whether the provider has promised to carry it out.
    pub is_promised: bool,
}

/// The status of a machine.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct MachineStatus {
    /// The name of the node.
    pub name: String,
    /// Its state in the cluster.
    pub state: MachineState,
    /// Why it cannot be removed at this moment.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub stays: Option<StayReason>,
    /// Number of tasks on it.
    pub tasks: u32,
    /// Its load; `None` if its agent does not report.
    pub load: Option<HostLoad>,
    /// Work per CPU second relative to the other hosts of the same services.
    pub work: Option<f64>,
    /// Its state among its peers.
    pub peer: Option<PeerState>,
}

/// The state of a machine in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// It takes tasks.
    Serving,
    /// It is drained for this pool.
    Draining,
    /// It is empty and was given back to the provider.
    GivenBack,
    /// It was taken out of service, not by this autoscaler.
    OutOfUse,
    /// The orchestrator does not reach it.
    Away,
}

impl MachineState {
    /// The name, as shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::GivenBack => "given back",
            Self::OutOfUse => "out of use",
            Self::Away => "away",
        }
    }
}

/// An event in a pool.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct PoolEvent {
    /// The number of the event; it increases.
    pub id: u64,
    /// When it happened.
    #[cfg_attr(feature = "utoipa", schema(value_type = u64))]
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: PoolEventKind,
    /// The event in words.
    pub words: String,
}

/// The kinds of events of a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "event", content = "about")]
pub enum PoolEventKind {
    /// A step was taken.
    Step(MachineStep),
    /// The result of an earlier step.
    Note(MachineNote),
    /// The state of a machine among its peers has changed.
    Peer(PeerEvent),
}

/// The status of a pool after a round.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct PoolStatus {
    /// The name of the pool.
    pub name: String,
    /// The effective mode: its own, or that of the controller if it allows less.
    pub mode: Mode,
    /// Its own mode.
    pub own_mode: Mode,
    /// Whether a provider adds and removes machines.
    pub has_hook: bool,
    /// The minimum number of machines.
    pub min: u32,
    /// The maximum number of machines.
    pub max: u32,
    /// The number of machines that the services need.
    #[serde(rename = "floor")]
    pub minimum_size: MinimumSize,
    /// Whether the cluster has been read; until then the machines are unknown.
    pub known: bool,
    /// Machines that take tasks.
    pub serving: u32,
    /// Each machine.
    pub machines: Vec<MachineStatus>,
    /// Orders in progress.
    pub orders: Vec<ActiveOrder>,
    /// The steps that mode `act` would take now.
    pub advised: Vec<MachineStep>,
    /// Whether outliers are replaced.
    pub replace: bool,
    /// The number of replacements that are left in this period.
    pub replacements_left: u32,
    /// The metrics of its policy, with the range in which the size stays.
    pub signals: Vec<Band>,
    /// The last decision.
    pub last: Option<Arc<Decision>>,
}

impl PoolStatus {
    /// The desired number of machines.
    pub fn desired(&self) -> u32 {
        match &self.last {
            Some(decision) if decision.mode == Mode::Act => decision.result,
            Some(decision) => decision.replicas,
            None => self.serving,
        }
    }

    /// The outliers.
    pub fn poor(&self) -> impl Iterator<Item = &MachineStatus> {
        let machines = self.machines.iter();
        machines.filter(|machine| matches!(machine.peer, Some(PeerState::Poor { .. })))
    }
}
