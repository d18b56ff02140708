//! Events are written down here, and nowhere else.

use super::Registry;
use crate::agent::AgentKey;
use crate::entity::Identity;
use crate::event::{self, Event};
use crate::ingest::source::Source;
use crate::timestamp::Timestamp;

impl Registry {
    /// The events behind one, oldest first; all that are kept behind [`event::Id::START`].
    ///
    /// The log holds the newest [`max_events`](crate::Config::max_events). Whoever reads it now
    /// and then goes on after the last one that it has seen:
    ///
    /// ```
    /// # use sflow_metrics::{Config, event::Id, Registry};
    /// # let registry = Registry::new(Config::default());
    /// let mut seen = event::Id::START;
    /// // Now and then:
    /// for event in registry.events(seen) {
    ///     println!("{} {}", event.at, event.kind.name());
    ///     seen = event.id;
    /// }
    /// ```
    pub fn events(&self, after: event::Id) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.after(after)
    }

    /// The number of the newest event, kept or not.
    pub fn last_event(&self) -> event::Id {
        self.events.last()
    }

    pub(crate) fn identity_of(&self, source: &Source) -> Option<Identity> {
        let agent = self.agents.get(source.agent)?;
        Some(Identity {
            id: source.id,
            kind: source.kind,
            name: source.name.as_str().into(),
            uuid: source.known_uuid(),
            agent: agent.status.key,
            data_source: source.data_source,
        })
    }

    /// Tells something of the entity at this place.
    pub(crate) fn record_entity_event(
        &mut self,
        at: Timestamp,
        place: u32,
        kind: impl FnOnce(Identity) -> event::Kind,
    ) {
        let Some(agent) = self.sources.get(place).map(|source| source.agent) else {
            return;
        };
        if !self.may_record_event(at, agent) {
            return;
        }
        let identity = self
            .sources
            .get(place)
            .and_then(|source| self.identity_of(source));
        if let Some(identity) = identity {
            self.record_event(at, kind(identity));
        }
    }

    /// Tells something of the agent at this place.
    pub(crate) fn record_agent_event(
        &mut self,
        at: Timestamp,
        place: u32,
        kind: impl FnOnce(AgentKey) -> event::Kind,
    ) {
        let Some(key) = self.agents.get(place).map(|agent| agent.status.key) else {
            return;
        };
        if self.may_record_event(at, place) {
            self.record_event(at, kind(key));
        }
    }

    /// Tells something that no agent can make happen alone.
    pub(crate) fn record_event(&mut self, at: Timestamp, kind: event::Kind) {
        self.health.events += 1;
        let (max, max_bytes) = (self.config.max_events, self.config.max_bytes / 16);
        self.health.events_dropped += self.events.push(at, kind, max, max_bytes);
    }

    /// Whether an agent may cause one more event: within an eighth of the log in each assumed
    /// interval. All agents that are not established share one such part.
    pub(crate) fn may_record_event(&mut self, at: Timestamp, agent: u32) -> bool {
        let limit = (self.config.max_events / 8).max(1);
        let budget = match self.agents.get_mut(agent) {
            Some(agent) if agent.status.established => &mut agent.budget,
            _ => &mut self.unestablished_budget,
        };
        let may = budget.spend(at, self.config.assumed_interval, limit);
        if !may {
            self.events.skip();
            self.health.events_suppressed += 1;
        }
        may
    }
}
