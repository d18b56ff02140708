//! The identity of data sources.
//!
//! A UUID identifies a host or container at any agent; agent and data source identify everything
//! else. So an entity with a UUID that another agent or data source reports is the same entity, and is
//! counted once:
//!
//! * The first source with a UUID keeps it while it is reported. A second source is in its shadow: it
//!   is updated, but neither listed nor counted.
//! * If the first source misses a sample, or its agent restarted without it, the second one continues
//!   under the same [id](crate::entity::Id), with its own rates.
//! * A source of a [reserved](Registry::reserve) sender takes the UUID from a source of another
//!   sender, which is listed in addition.
//! * If both continue to be reported, they are two entities with one UUID, for example cloned machines
//!   or a forgery. Both are listed then, and the first one keeps the identity.

use sflow_v5::types::Uuid;

use super::Registry;
use crate::entity::EntityKind;
use crate::event;
use crate::ingest::source::{Announced, Identification, Source};
use crate::timestamp::Timestamp;

/// Kind and UUID, since a host and a container may have the same UUID.
pub(crate) type GlobalIdentity = (EntityKind, Uuid);

impl Registry {
    /// Determines the identity of a source that was just reported.
    #[inline]
    pub(crate) fn settle(&mut self, place: u32, at: Timestamp) {
        let source = self.sources.get(place);
        if source.is_some_and(|source| source.identification != Identification::Confirmed) {
            self.settle_unconfirmed(place, at);
        }
    }

    #[cold]
    fn settle_unconfirmed(&mut self, place: u32, at: Timestamp) {
        let Some(source) = self.sources.get(place) else {
            return;
        };
        let before = source.identification;
        let first = match source.global_identity() {
            None => None,
            Some(identity) => {
                let first = *self.identities.entry(identity).or_insert(place);
                (first != place).then_some(first)
            }
        };
        let identification = match first.and_then(|first| self.sources.get(first)) {
            None => Identification::Confirmed,
            Some(_)
                if self.is_reserved(source)
                    && first.is_some_and(|first| self.is_foreign(first)) =>
            {
                self.transfer_identity(place, at);
                return;
            }
            Some(_) if before == Identification::Duplicate => return,
            Some(first) if self.has_left(first, source, at) => {
                self.move_to(place, at);
                return;
            }
            Some(first) if self.is_reported_in_parallel(first, source) => Identification::Duplicate,
            Some(_) => Identification::Shadow,
        };
        let first = first.and_then(|first| self.sources.get(first));
        let first = first.map(|first| first.id);
        if let Some(source) = self.sources.get_mut(place) {
            source.identification = identification;
        }
        if identification == Identification::Shadow {
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

    /// Removes the identity of a source.
    pub(crate) fn remove_identity(&mut self, place: u32, source: &Source) {
        if let Some(identity) = source.global_identity()
            && self.identities.get(&identity) == Some(&place)
        {
            self.identities.remove(&identity);
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

    /// Whether the source at this index belongs to a sender that is not reserved.
    fn is_foreign(&self, place: u32) -> bool {
        let source = self.sources.get(place);
        source.is_some_and(|source| !self.is_reserved(source))
    }

    /// Moves the UUID to a source of a reserved sender from a source of another sender.
    fn transfer_identity(&mut self, place: u32, at: Timestamp) {
        let Some(identity) = self.sources.get(place).and_then(Source::global_identity) else {
            return;
        };
        let Some(former) = self.identities.insert(identity, place) else {
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

    /// Whether the first source is not reported any more.
    fn has_left(&self, first: &Source, newcomer: &Source, at: Timestamp) -> bool {
        let agent = self.agents.get(first.agent);
        if agent.is_some_and(|agent| agent.is_reserved) && !self.is_reserved(newcomer) {
            return false;
        }
        let is_of_ended_session = first.agent == newcomer.agent
            && agent.is_some_and(|agent| !agent.is_live(first.session()));
        let limit = first.interval(&self.config).saturating_mul(3) / 2;
        is_of_ended_session || at - first.last_seen > limit
    }

    /// Whether the first source is still reported after the second one appeared.
    fn is_reported_in_parallel(&self, first: &Source, newcomer: &Source) -> bool {
        first.last_seen > newcomer.first_seen + first.interval(&self.config)
    }

    /// Moves the entity with the UUID of this source to this source.
    fn move_to(&mut self, place: u32, at: Timestamp) {
        let Some(identity) = self.sources.get(place).and_then(Source::global_identity) else {
            return;
        };
        let Some(first) = self.identities.get(&identity).copied() else {
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
        self.identities.insert(identity, place);
        if let Some(source) = self.sources.get_mut(place) {
            source.adopt_identity(&former);
        }
        self.health.moved += 1;
        self.record_entity_event(at, place, |entity| event::Kind::EntityMoved {
            entity,
            from_agent,
            from_data_source,
        });
    }
}
