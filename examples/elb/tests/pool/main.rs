//! Pools of machines, kept by the real loop over a simulated cluster whose agents send real sFlow:
//! what hooks do and do not, what changes meanwhile, and what never happens.

mod cluster;
mod hooks;
mod invariants;
mod scenarios;
#[path = "../support/mod.rs"]
mod support;
mod world;
