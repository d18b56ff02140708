//! Faults of telemetry, as the autoscaler meets them: a simulated cluster sends real datagrams,
//! something happens to them on the way, and the promise is about what is decided.
//!
//! What the statistics make of each fault is tested where they are computed.

mod contention;
mod foreign_traffic;
mod forgery;
mod network;
mod observation;
mod problems;
mod stale_agents;
mod trust;
mod world;
