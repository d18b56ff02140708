//! An autoscaler as a library.

pub mod format;
pub mod node_pools;
pub mod observe;
pub mod orchestrator;
pub mod policy;
