//! Who a data source is.
//!
//! A host or container with a UUID is known by it, wherever it is reported; anything else by its
//! agent and data source. So one that is reported by another agent, or as another data source,
//! is the same entity at another place, and counts once:
//!
//! * Whoever has a UUID first keeps it for as long as it is heard in time. The newcomer is in
//!   its shadow: taken in, but neither listed nor counted.
//! * When the first one misses its turn, or its agent has started again without it, the newcomer
//!   takes over: it continues under the same [`EntityId`](crate::EntityId), with the rates that
//!   it has shown itself.
//! * A source of a [reserved](Registry::reserve) sender takes the UUID from one that is not of a
//!   reserved sender, which is listed beside it.
//! * When both go on being heard, they are two that should not have one UUID (cloned machines,
//!   somebody who pretends). Both are listed from then on, and the first keeps the identity.

use sflow_v5::types::Uuid;

use super::Registry;
use crate::entity::EntityKind;
use crate::event;
use crate::ingest::source::{Announced, Identification, Source};
use crate::timestamp::Timestamp;

/// What is said of a UUID: a host and a container may share one.
pub(crate) type Claim = (EntityKind, Uuid);

impl Registry {
    /// Finds out who a source is that has just been heard.
    pub(crate) fn settle(&mut self, place: u32, at: Timestamp) {
        let Some(source) = self.sources.get(place) else {
            return;
        };
        let was = source.identification;
        if was == Identification::Confirmed {
            return;
        }
        let first = match source.claim() {
            None => None,
            Some(claim) => {
                let first = *self.identities.entry(claim).or_insert(place);
                (first != place).then_some(first)
            }
        };
        let standing = match first.and_then(|first| self.sources.get(first)) {
            None => Identification::Confirmed,
            Some(_)
                if self.is_reserved(source)
                    && first.is_some_and(|first| self.is_foreign(first)) =>
            {
                self.take_identity(place, at);
                return;
            }
            Some(_) if was == Identification::Duplicate => return,
            Some(first) if self.has_left(first, source, at) => {
                self.move_to(place, at);
                return;
            }
            Some(first) if self.is_heard_beside(first, source) => Identification::Duplicate,
            Some(_) => Identification::Shadow,
        };
        let first = first.and_then(|first| self.sources.get(first));
        let first = first.map(|first| first.id);
        if let Some(source) = self.sources.get_mut(place) {
            source.identification = standing;
        }
        if standing == Identification::Shadow {
            return;
        }
        self.announce(place, at);
        if let Some(first) = first {
            self.health.uuid_conflicts += 1;
            self.record_entity_event(at, place, |entity| event::Kind::UuidConflict {
                entity,
                first,
            });
        }
    }

    /// Forgets that a source has its UUID.
    pub(crate) fn unclaim(&mut self, place: u32, source: &Source) {
        if let Some(claim) = source.claim()
            && self.identities.get(&claim) == Some(&place)
        {
            self.identities.remove(&claim);
        }
    }

    fn announce(&mut self, place: u32, at: Timestamp) {
        let Some(source) = self.sources.get_mut(place) else {
            return;
        };
        if source.announced == Announced::Nothing {
            source.announced = Announced::Appeared;
            self.record_entity_event(at, place, |entity| event::Kind::EntityAppeared { entity });
        }
    }

    fn is_reserved(&self, source: &Source) -> bool {
        let agent = self.agents.get(source.agent);
        agent.is_some_and(|agent| agent.is_reserved)
    }

    /// Whether the source at this place is of a sender that is not reserved.
    fn is_foreign(&self, place: u32) -> bool {
        let source = self.sources.get(place);
        source.is_some_and(|source| !self.is_reserved(source))
    }

    /// A source of a reserved sender takes the UUID from one that is not of a reserved sender.
    fn take_identity(&mut self, place: u32, at: Timestamp) {
        let Some(claim) = self.sources.get(place).and_then(Source::claim) else {
            return;
        };
        let Some(former) = self.identities.insert(claim, place) else {
            return;
        };
        if let Some(former) = self.sources.get_mut(former) {
            former.identification = Identification::Duplicate;
        }
        if let Some(source) = self.sources.get_mut(place) {
            source.identification = Identification::Confirmed;
        }
        self.announce(place, at);
        self.announce(former, at);
        let Some(first) = self.sources.get(place).map(|source| source.id) else {
            return;
        };
        self.health.uuid_conflicts += 1;
        self.record_entity_event(at, former, |entity| event::Kind::UuidConflict {
            entity,
            first,
        });
    }

    /// Whether the first one has made room for a newcomer.
    fn has_left(&self, first: &Source, newcomer: &Source, at: Timestamp) -> bool {
        let agent = self.agents.get(first.agent);
        if agent.is_some_and(|agent| agent.is_reserved) && !self.is_reserved(newcomer) {
            return false;
        }
        let is_of_former_life = first.agent == newcomer.agent
            && agent.is_some_and(|agent| !agent.is_live(first.session()));
        let turn = first.interval(&self.config).saturating_mul(3) / 2;
        is_of_former_life || at - first.last_seen > turn
    }

    /// Whether the first one goes on although a newcomer is there.
    fn is_heard_beside(&self, first: &Source, newcomer: &Source) -> bool {
        first.last_seen > newcomer.first_seen + first.interval(&self.config)
    }

    /// The entity with this source's UUID is this source from now on.
    fn move_to(&mut self, place: u32, at: Timestamp) {
        let Some(claim) = self.sources.get(place).and_then(Source::claim) else {
            return;
        };
        let Some(first) = self.identities.get(&claim).copied() else {
            return;
        };
        let Some(former) = self.remove(first) else {
            return;
        };
        let Some(agent) = self.agents.get(former.agent) else {
            return;
        };
        let from_agent = agent.status.key;
        let from_data_source = former.data_source;
        self.identities.insert(claim, place);
        if let Some(source) = self.sources.get_mut(place) {
            source.continues(&former);
        }
        self.health.moved += 1;
        self.record_entity_event(at, place, |entity| event::Kind::EntityMoved {
            entity,
            from_agent,
            from_data_source,
        });
    }
}
