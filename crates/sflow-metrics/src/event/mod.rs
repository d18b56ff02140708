//! What has changed, in the order in which it was noticed.

pub(crate) mod budget;
mod log;

use core::fmt;
use core::net::IpAddr;

use sflow_v5::DataSource;
use sflow_v5::types::Uuid;

use crate::agent::key::AgentKey;
use crate::kind::{EntityId, EntityKind};
use crate::threshold::id::ThresholdId;
use crate::timestamp::Timestamp;

pub(crate) use budget::Budget;
pub(crate) use log::Log;

/// Something that has changed, as [`Registry::events`](crate::Registry::events) tells it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// Its number.
    pub id: EventId,
    /// When it was noticed: of what a datagram says, when it was received; of silence, of
    /// rates and of thresholds, when [`Registry::expire`](crate::Registry::expire) was called.
    pub at: Timestamp,
    /// What it is.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: EventKind,
}

/// The number of an [`Event`]: larger than that of every event before, never used again.
///
/// Numbers follow each other without a gap. Where one is missing, an event was let go before it
/// could be read, or was one too many of its agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct EventId(pub(crate) u64);

impl EventId {
    /// Before all events; the first one has the number 1.
    pub const START: Self = Self(0);

    /// The number of this value.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its value.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What has changed.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventKind {
    /// An entity was heard for the first time.
    EntityAppeared {
        /// Which one.
        entity: Identity,
    },
    /// An entity has rates: for the first time, or again after it was stale.
    EntityLive {
        /// Which one.
        entity: Identity,
    },
    /// The heartbeat of an entity is lost: it was not heard for several of its own intervals.
    EntityStale {
        /// Which one.
        entity: Identity,
    },
    /// An entity was silent for so long that it is no longer there.
    EntityGone {
        /// Which one.
        entity: Identity,
    },
    /// An entity has said that it is over.
    EntityStopped {
        /// Which one.
        entity: Identity,
    },
    /// Another entity has taken over the data source of this one, which is no longer there.
    EntityReplaced {
        /// Which one ended.
        entity: Identity,
    },
    /// An entity is now reported as another data source, or by another agent.
    EntityMoved {
        /// Which one, with its new place.
        entity: Identity,
        /// The agent that reported it before.
        from_agent: AgentKey,
        /// The data source that it was before.
        from_data_source: Option<DataSource>,
    },
    /// Two entities have the same UUID and are both heard; they stay two.
    UuidConflict {
        /// The one that came second.
        entity: Identity,
        /// The one that came first.
        first: EntityId,
    },
    /// An agent was heard for the first time.
    AgentAppeared {
        /// Which one.
        agent: AgentKey,
    },
    /// An agent started again.
    AgentRestarted {
        /// Which one.
        agent: AgentKey,
    },
    /// An agent was not heard for longer than it takes its slowest data source to be stale,
    /// of those of which it is known how often they are heard.
    AgentSilent {
        /// Which one.
        agent: AgentKey,
    },
    /// An agent that was silent was heard again.
    AgentReturned {
        /// Which one.
        agent: AgentKey,
    },
    /// An agent was silent for so long that it was forgotten.
    AgentForgotten {
        /// Which one.
        agent: AgentKey,
    },
    /// Datagrams with the identity of an agent did not continue its sequence and were not used:
    /// they were forged, or are of a second process with the same identity. Not reported again
    /// while more of them come.
    DatagramsRejected {
        /// Which agent.
        agent: AgentKey,
    },
    /// A sequence of datagrams with the identity of an agent goes on beside another one: a line
    /// card, another process or device, or a forger.
    SequenceAdded {
        /// The agent.
        agent: AgentKey,
    },
    /// Several sequences of datagrams with the identity of an agent report the same data sources.
    /// The values of these are unknown until only one goes on.
    AgentDoubtful {
        /// The agent.
        agent: AgentKey,
    },
    /// The sequence numbers of an agent's datagrams, or of a data source's samples, make no sense
    /// and are not used any more. Uptimes, arrival and sample pools are used instead, and lost
    /// datagrams or samples are unknown.
    NumberingDistrusted {
        /// The agent.
        agent: AgentKey,
        /// The data source whose samples are concerned; none if it is the datagrams.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        data_source: Option<DataSource>,
    },
    /// Two senders use one agent address at the same time.
    AddressConflict {
        /// The agent that came second.
        agent: AgentKey,
        /// The sender that used its address first.
        first_sender: IpAddr,
    },
    /// A threshold was crossed, and for as long as it asks for.
    ThresholdCrossed {
        /// Which one.
        threshold: ThresholdId,
        /// Its name.
        name: Box<str>,
        /// Who crossed it; nobody alone if it is one over the whole answer.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        entity: Option<Identity>,
        /// The value.
        value: f64,
    },
    /// A threshold that was crossed is so no longer.
    ThresholdCleared {
        /// Which one.
        threshold: ThresholdId,
        /// Its name.
        name: Box<str>,
        /// Who had crossed it.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        entity: Option<Identity>,
        /// The value; none if the entity is no longer there.
        value: Option<f64>,
    },
}

impl EventKind {
    /// The name of the kind, as in the serialised form: `entity_appeared`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::EntityAppeared { .. } => "entity_appeared",
            Self::EntityLive { .. } => "entity_live",
            Self::EntityStale { .. } => "entity_stale",
            Self::EntityGone { .. } => "entity_gone",
            Self::EntityStopped { .. } => "entity_stopped",
            Self::EntityReplaced { .. } => "entity_replaced",
            Self::EntityMoved { .. } => "entity_moved",
            Self::UuidConflict { .. } => "uuid_conflict",
            Self::AgentAppeared { .. } => "agent_appeared",
            Self::AgentRestarted { .. } => "agent_restarted",
            Self::AgentSilent { .. } => "agent_silent",
            Self::AgentReturned { .. } => "agent_returned",
            Self::AgentForgotten { .. } => "agent_forgotten",
            Self::DatagramsRejected { .. } => "datagrams_rejected",
            Self::SequenceAdded { .. } => "sequence_added",
            Self::AgentDoubtful { .. } => "agent_doubtful",
            Self::NumberingDistrusted { .. } => "numbering_distrusted",
            Self::AddressConflict { .. } => "address_conflict",
            Self::ThresholdCrossed { .. } => "threshold_crossed",
            Self::ThresholdCleared { .. } => "threshold_cleared",
        }
    }

    /// Bytes that it takes up in a log.
    pub(crate) fn bytes(&self) -> usize {
        let threshold = match self {
            Self::ThresholdCrossed { name, .. } | Self::ThresholdCleared { name, .. } => name.len(),
            _ => 0,
        };
        let entity = self.entity().map_or(0, |entity| entity.name.len());
        size_of::<Event>() + threshold + entity
    }

    /// The entity that it is about, if it is about one.
    pub const fn entity(&self) -> Option<&Identity> {
        match self {
            Self::EntityAppeared { entity }
            | Self::EntityLive { entity }
            | Self::EntityStale { entity }
            | Self::EntityGone { entity }
            | Self::EntityStopped { entity }
            | Self::EntityReplaced { entity }
            | Self::EntityMoved { entity, .. }
            | Self::UuidConflict { entity, .. } => Some(entity),
            Self::ThresholdCrossed { entity, .. } | Self::ThresholdCleared { entity, .. } => {
                entity.as_ref()
            }
            _ => None,
        }
    }

    /// The agent that it is about, or that reports the entity that it is about.
    pub fn agent(&self) -> Option<AgentKey> {
        match self {
            Self::AgentAppeared { agent }
            | Self::AgentRestarted { agent }
            | Self::AgentSilent { agent }
            | Self::AgentReturned { agent }
            | Self::AgentForgotten { agent }
            | Self::DatagramsRejected { agent }
            | Self::SequenceAdded { agent }
            | Self::AgentDoubtful { agent }
            | Self::NumberingDistrusted { agent, .. }
            | Self::AddressConflict { agent, .. } => Some(*agent),
            _ => self.entity().map(|entity| entity.agent),
        }
    }
}

/// Who an entity is, in words that outlive it.
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

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
