//! How machines and orders stand, and what has happened.

use serde::Serialize;
use sflow_metrics::Timestamp;

use crate::policy::HostLoad;
use crate::pool::hook::Action;
use crate::pool::machines::{MachineNote, MachineStep, StaysBecause};
use crate::pool::peers::{PeerEvent, PeerStanding};

/// An order that was given to a hook and has not come to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    /// The key of the order.
    pub order: String,
    /// What was ordered.
    pub action: Action,
    /// Which machine it is about, as far as that is known.
    pub machine: Option<String>,
    /// When.
    pub since: Timestamp,
    /// Whether the hook has promised it; until then it is being asked.
    pub is_promised: bool,
}

/// How a machine stands.
#[derive(Clone, Debug, Serialize)]
pub struct MachineStanding {
    /// Its name.
    pub name: String,
    /// What it does for the cluster.
    pub state: MachineState,
    /// Why it cannot be taken away at this moment.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub stays: Option<StaysBecause>,
    /// Tasks on it.
    pub tasks: u32,
    /// What telemetry says of it; `None` if it says nothing.
    pub load: Option<HostLoad>,
    /// Work per CPU second, as a part of what the same services do elsewhere.
    pub work: Option<f64>,
    /// What is thought of it among its peers.
    pub peer: Option<PeerStanding>,
}

/// What a machine does for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// It takes tasks.
    Serving,
    /// Its tasks are to leave it, for this pool.
    Draining,
    /// It is empty and was given back.
    GivenBack,
    /// Somebody else has taken it out of use.
    OutOfUse,
    /// The cluster does not hear it.
    Away,
}

impl MachineState {
    /// In a word or two.
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

/// Something that happened in a pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolEvent {
    /// Its number; later ones are larger.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
    /// The same in words.
    pub words: String,
}

/// What can happen in a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event", content = "about")]
pub enum Happened {
    /// Something was begun.
    Step(MachineStep),
    /// Something came of what was begun.
    Note(MachineNote),
    /// A machine came into line with its peers, or out of it.
    Peer(PeerEvent),
}
