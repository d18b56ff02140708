//! Faults of telemetry and their effect on decisions: a simulated cluster sends real datagrams,
//! which a test drops, changes or supplements in transit.
//!
//! The effect of each fault on the statistics is tested in `sflow-metrics`.

mod contention;
mod foreign_traffic;
mod forgery;
mod network;
mod observation;
mod problems;
mod stale_agents;
mod trust;
mod world;
