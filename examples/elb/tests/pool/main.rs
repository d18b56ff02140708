//! Pools of machines under the real control loop over a simulated cluster whose agents send sFlow:
//! hooks, concurrent changes, and invariants.

mod cluster;
mod hooks;
mod invariants;
mod leader;
#[path = "../support/simulated.rs"]
mod simulated;
#[path = "../support/mod.rs"]
mod support;
mod world;
