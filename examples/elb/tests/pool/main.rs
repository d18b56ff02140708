//! Pools of machines under the real control loop over a simulated cluster whose agents send sFlow:
//! hooks, concurrent changes, and invariants.

mod cluster;
mod hooks;
mod invariants;
mod scenarios;
#[path = "../support/mod.rs"]
mod support;
mod world;
