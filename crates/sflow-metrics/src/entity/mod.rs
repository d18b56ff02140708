//! Entities: hosts, containers, interfaces and applications with their identities and states.

mod identity;
mod kind;

pub use identity::Identity;
pub use kind::{EntityId, EntityKind, Lifecycle};

pub use crate::registry::Entity;
