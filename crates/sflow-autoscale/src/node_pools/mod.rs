//! Pools of nodes: machines that are added and removed.

mod step;

pub use step::{DrainBecause, MachineNote, MachineStep};
