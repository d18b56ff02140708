use sflow_v5::DataSource;
use sflow_v5::types::Uuid;

use super::{EntityId, EntityKind};
use crate::agent::AgentKey;

/// The identity of an entity, as an owned value that outlives the entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Identity {
    /// Its number in the registry.
    pub id: EntityId,
    /// What kind of thing it is.
    pub kind: EntityKind,
    /// Its name, as in [`Entity::name`](crate::Entity::name): escape it before you print it.
    pub name: Box<str>,
    /// Its UUID.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub uuid: Option<Uuid>,
    /// The agent that reports it.
    pub agent: AgentKey,
    /// The data source of the agent that it is; none of an application that is known by a name
    /// alone.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub data_source: Option<DataSource>,
}
