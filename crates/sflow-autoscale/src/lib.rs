//! An autoscaler as a library.

pub mod controller;
pub mod format;
pub mod node_pools;
pub mod observe;
pub mod orchestrator;
pub mod policy;
pub mod problem;
