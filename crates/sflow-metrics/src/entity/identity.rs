use sflow_v5::DataSource;
use sflow_v5::types::Uuid;

use super::{Id, Kind};
use crate::agent::AgentKey;

/// The identity of an entity, as an owned value that outlives the entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Identity {
    /// The id in the registry.
    pub id: Id,
    /// The kind.
    pub kind: Kind,
    /// The name, as in [`Entity::name`](super::Entity::name): escape it before printing.
    pub name: Box<str>,
    /// The UUID.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub uuid: Option<Uuid>,
    /// The agent that reports it.
    pub agent: AgentKey,
    /// The data source; `None` for an application that is identified by its name.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub data_source: Option<DataSource>,
}
