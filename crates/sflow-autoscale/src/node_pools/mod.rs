//! Pools of nodes: how many machines there are, which of them perform poorly, and the steps to add,
//! drain, remove and replace machines.
//!
//! A [`Reconciler`] decides for one pool; [`NodePools`] drives several of them: it reads the cluster,
//! sets the availability of nodes and submits orders to a [`Provider`]. Never are there fewer machines
//! than the services need ([`minimum_size`]), and none is drained whose tasks have no place elsewhere
//! ([`unplaceable`]).

mod backoff;
mod capacity;
mod journal;
mod machines;
mod order;
mod outliers;
mod pools;
mod reading;
mod reconciler;
mod settings;
mod status;
mod step;

pub use capacity::{MinimumSize, minimum_size, unplaceable};
pub use machines::{Goal, Leaving, Machine, MachineSettings, Machines, PendingMachine, Plan};
pub use order::{Action, Answer, Order, Promise, Provider};
pub use outliers::{
    Evidence, Indicator, Outliers, PeerEvent, PeerReading, PeerSettings, PeerState, UnknownReason,
};
pub use pools::{NodePools, PoolRound, instance};
pub use reading::PoolReadings;
pub use reconciler::{PoolDecision, Reconciler};
pub use settings::{PoolSettings, Selector};
pub use status::{ActiveOrder, MachineState, MachineStatus, PoolEvent, PoolEventKind, PoolStatus};
pub use step::{DrainReason, MachineNote, MachineStep};
