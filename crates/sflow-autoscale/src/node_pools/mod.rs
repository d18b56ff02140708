//! Pools of nodes: machines that are added and removed, and those that perform poorly.

mod backoff;
mod capacity;
mod machines;
mod outliers;
mod step;

pub use capacity::{MinimumSize, minimum_size, unplaceable};
pub use machines::{Goal, Leaving, Machine, MachineSettings, Machines, PendingMachine, Plan};
pub use outliers::{
    Evidence, Indicator, Outliers, PeerEvent, PeerReading, PeerSettings, PeerStanding,
    UnknownReason,
};
pub use step::{DrainReason, MachineNote, MachineStep};
