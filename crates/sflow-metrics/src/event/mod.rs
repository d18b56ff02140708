//! Events: changes of agents and entities, and thresholds that were crossed or cleared.

mod budget;
mod log;
pub(crate) mod threshold;

use core::fmt;
use core::net::IpAddr;

use sflow_v5::DataSource;

use crate::agent::AgentKey;
use crate::entity::{EntityId, Identity};
use crate::timestamp::Timestamp;

pub(crate) use budget::Budget;
pub(crate) use log::Log;
pub use threshold::{Direction, Scope, Threshold, ThresholdError, ThresholdId, ThresholdStatus};

/// A change, as returned by [`Registry::events`](crate::Registry::events).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// The id.
    pub id: Id,
    /// Time of the event: the reception of the datagram that caused it, or the call of
    /// [`Registry::expire`](crate::Registry::expire) that detected it.
    pub at: Timestamp,
    /// The kind, with its details.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: Kind,
}

/// The id of an [`Event`], larger than the ids of all earlier events.
///
/// Ids are consecutive. A gap shows that events were removed from the log before they were read, or
/// exceeded the limit of their agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Id(pub(crate) u64);

impl Id {
    /// Before all events; the first event has the id 1.
    pub const START: Self = Self(0);

    /// The id with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The kind of an [`Event`], with its details.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// An entity was reported for the first time.
    EntityAppeared {
        /// The entity.
        entity: Identity,
    },
    /// An entity has rates, for the first time or after it was stale.
    EntityLive {
        /// The entity.
        entity: Identity,
    },
    /// An entity is stale: it sent no sample for several of its polling intervals.
    EntityStale {
        /// The entity.
        entity: Identity,
    },
    /// An entity is gone: it sent no sample for [`gone_after`](crate::Config::gone_after).
    EntityGone {
        /// The entity.
        entity: Identity,
    },
    /// A container has reported that it stopped.
    EntityStopped {
        /// The entity.
        entity: Identity,
    },
    /// Another entity has replaced this one at its data source.
    EntityReplaced {
        /// The entity that was replaced.
        entity: Identity,
    },
    /// An entity is now reported by another data source or agent.
    EntityMoved {
        /// The entity, with its new agent and data source.
        entity: Identity,
        /// The agent that reported it before.
        from_agent: AgentKey,
        /// The data source before.
        from_data_source: Option<DataSource>,
    },
    /// Two entities with the same UUID are both reported. They remain distinct.
    UuidConflict {
        /// The entity that appeared later.
        entity: Identity,
        /// The entity that appeared first.
        first: EntityId,
    },
    /// An agent sent its first datagram.
    AgentAppeared {
        /// The agent.
        agent: AgentKey,
    },
    /// An agent restarted.
    AgentRestarted {
        /// The agent.
        agent: AgentKey,
    },
    /// An agent sent no datagram for longer than it takes its slowest data source with a known
    /// polling interval to become stale.
    AgentSilent {
        /// The agent.
        agent: AgentKey,
    },
    /// A silent agent sent a datagram again.
    AgentReturned {
        /// The agent.
        agent: AgentKey,
    },
    /// An agent was removed, since it sent no datagram for
    /// [`forget_agent_after`](crate::Config::forget_agent_after).
    AgentForgotten {
        /// The agent.
        agent: AgentKey,
    },
    /// Datagrams with the identity of an agent did not continue its sequence and were rejected: they
    /// are forged, or belong to a second process with the same identity. Reported once while they
    /// continue to arrive.
    DatagramsRejected {
        /// The agent.
        agent: AgentKey,
    },
    /// Another sequence of datagrams with the identity of an agent continues in parallel: of a line
    /// card, another process or device, or forged.
    SequenceAdded {
        /// The agent.
        agent: AgentKey,
    },
    /// Several sequences of datagrams with the identity of an agent report the same data sources.
    /// Their values are unknown until only one sequence continues.
    AgentDoubtful {
        /// The agent.
        agent: AgentKey,
    },
    /// The sequence numbers of the datagrams of an agent, or of the samples of a data source, are
    /// implausible and ignored from now on. Uptimes, arrival and sample pools are used instead, and
    /// losses are unknown.
    NumberingDistrusted {
        /// The agent.
        agent: AgentKey,
        /// The data source; `None` if the numbers of datagrams are implausible.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        data_source: Option<DataSource>,
    },
    /// Two senders use one agent address at the same time.
    AddressConflict {
        /// The agent that appeared later.
        agent: AgentKey,
        /// The sender that used its address first.
        first_sender: IpAddr,
    },
    /// A value has been beyond a threshold for its hold time.
    ThresholdCrossed {
        /// The threshold.
        threshold: ThresholdId,
        /// The name of the threshold.
        name: Box<str>,
        /// The entity; `None` for a threshold on the answer to a query.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        entity: Option<Identity>,
        /// The value.
        value: f64,
    },
    /// A threshold is not crossed any more.
    ThresholdCleared {
        /// The threshold.
        threshold: ThresholdId,
        /// The name of the threshold.
        name: Box<str>,
        /// The entity; `None` for a threshold on the answer to a query.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        entity: Option<Identity>,
        /// The value; `None` if the entity is gone.
        value: Option<f64>,
    },
}

impl Kind {
    /// The name of the kind, as in the serialised form, for example `entity_appeared`.
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

    /// Memory of the event in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let threshold = match self {
            Self::ThresholdCrossed { name, .. } | Self::ThresholdCleared { name, .. } => name.len(),
            _ => 0,
        };
        let entity = self.entity().map_or(0, |entity| entity.name.len());
        size_of::<Event>() + threshold + entity
    }

    /// The entity of the event, if there is one.
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

    /// The agent of the event or of its entity, if there is one.
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

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
