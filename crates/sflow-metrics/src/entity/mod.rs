//! Entities: hosts, containers, interfaces and applications with their identities and states.

mod identity;
mod kind;

pub use identity::Identity;
pub(crate) use kind::{Id as EntityId, Kind as EntityKind};
pub use kind::{Id, Kind, Lifecycle};

pub use crate::registry::Entity;
