//! What is measured: hosts, containers, interfaces and applications, and the agents that report
//! them.

mod identity;
mod kind;

pub use identity::Identity;
pub use kind::{EntityId, EntityKind, Lifecycle};

pub use crate::registry::Entity;
