//! How machines and orders stand, and what has happened.

use std::sync::Arc;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::Keeper;
use crate::policy::{Band, Decision, HostLoad, Mode, StayReason};
use crate::pool::hook::Action;
use sflow_autoscale::node_pools::MinimumSize;
use sflow_autoscale::node_pools::{MachineNote, MachineStep};
use sflow_autoscale::node_pools::{PeerEvent, PeerStanding};

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
    pub stays: Option<StayReason>,
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

/// How a pool stands after a round.
#[derive(Clone, Debug, Serialize)]
pub struct PoolStanding {
    /// Its name.
    pub name: String,
    /// What the loop does for it: its own mode, or the loop's where that allows less.
    pub mode: Mode,
    /// Its own mode.
    pub own_mode: Mode,
    /// Whether there is a hook that adds and removes machines.
    pub has_hook: bool,
    /// Never fewer machines.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// How many the services need.
    pub floor: MinimumSize,
    /// Whether the cluster has been read; if not, nothing is known of the machines.
    pub known: bool,
    /// Machines that take tasks.
    pub serving: u32,
    /// Each machine.
    pub machines: Vec<MachineStanding>,
    /// Orders that are under way.
    pub orders: Vec<Given>,
    /// What would be done now, were it to act.
    pub advised: Vec<MachineStep>,
    /// Whether machines that stay out of line are replaced.
    pub replace: bool,
    /// How many may still be replaced in this period.
    pub replacements_left: u32,
    /// What it is kept by, with the values between which nothing happens.
    pub signals: Vec<Band>,
    /// What was decided last.
    pub last: Option<Arc<Decision>>,
}

impl PoolStanding {
    /// How it stands now, where the loop may do at most this.
    pub fn of(now: Timestamp, keeper: &Keeper, mode: Mode) -> Self {
        let pool = keeper.pool();
        let machines = keeper.standings().to_vec();
        let serving = machines.iter();
        let serving = serving.filter(|machine| machine.state == MachineState::Serving);
        let (min, max, _) = pool.settings.bounds(now);
        Self {
            name: pool.name.clone(),
            mode: keeper.mode().least(mode),
            own_mode: keeper.mode(),
            has_hook: pool.hook.is_some(),
            min,
            max,
            floor: keeper.floor().clone(),
            known: keeper.last().is_some(),
            serving: u32::try_from(serving.count()).unwrap_or(u32::MAX),
            machines,
            orders: keeper.orders().cloned().collect(),
            advised: keeper.advised().to_vec(),
            replace: pool.replace,
            replacements_left: keeper.replacements_left(now),
            signals: keeper.question().bands(&pool.settings.rule),
            last: keeper.last().cloned(),
        }
    }

    /// Machines that there should be.
    pub fn wanted(&self) -> u32 {
        match &self.last {
            Some(decision) if decision.mode == Mode::Act => decision.result,
            Some(decision) => decision.replicas,
            None => self.serving,
        }
    }

    /// Machines that stay out of line with their peers.
    pub fn poor(&self) -> impl Iterator<Item = &MachineStanding> {
        let machines = self.machines.iter();
        machines.filter(|machine| matches!(machine.peer, Some(PeerStanding::Poor { .. })))
    }
}
