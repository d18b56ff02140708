//! Recording and reading of events.

use super::Registry;
use crate::agent::AgentKey;
use crate::entity::Identity;
use crate::event::{self, Event};
use crate::ingest::source::Source;
use crate::timestamp::Timestamp;

impl Registry {
    /// The events after one, oldest first. [`event::Id::START`] returns all events in the log.
    ///
    /// The log contains the newest [`max_events`](crate::Config::max_events) events. To read it
    /// repeatedly, continue after the last event that was read:
    ///
    /// ```
    /// use sflow_metrics::{Registry, event};
    ///
    /// # let registry = Registry::default();
    /// let mut last = event::Id::START;
    /// // Periodically:
    /// for event in registry.events(last) {
    ///     println!("{} {}", event.at, event.kind.name());
    ///     last = event.id;
    /// }
    /// ```
    pub fn events(&self, after: event::Id) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.after(after)
    }

    /// The id of the newest event, even if it is not in the log any more.
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

    /// Records an event of the entity at this index, within the limit of its agent.
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

    /// Records an event of the agent at this index, within its limit.
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

    /// Records an event without a limit for an agent.
    pub(crate) fn record_event(&mut self, at: Timestamp, kind: event::Kind) {
        self.health.events += 1;
        let (max, max_bytes) = (self.config.max_events, self.config.max_bytes / 16);
        self.health.events_dropped += self.events.push(at, kind, max, max_bytes);
    }

    /// Whether an agent may cause another event: it can fill an eighth of the log in each assumed
    /// interval. All agents that are not established share one such limit.
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
