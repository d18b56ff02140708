//! Expiry: transitions caused by the absence of data.

use core::time::Duration;

use super::Registry;
use crate::entity::Lifecycle;
use crate::event;
use crate::ingest::source::Announced;
use crate::timestamp::Timestamp;

impl Registry {
    /// Records which agents and entities are stale, removes those that are gone, and checks the
    /// thresholds. Call this about once a second. Answers to queries do not depend on it, but memory
    /// and [`events`](Self::events) do.
    ///
    /// If the newest datagram is later than `now` by more than the assumed interval, the clock was
    /// set back; ages are counted from `now` then.
    pub fn expire(&mut self, now: Timestamp) {
        if self.latest > now + self.config.assumed_interval {
            self.set_clock_back(now);
        }
        self.update_lifecycles(now);
        self.remove_gone(now);
        self.forget_agents(now);
        self.expire_jumps(now);
        self.expire_rivals(now);
        self.check_thresholds(now);
        #[cfg(feature = "flows")]
        self.flows.expire(now, &self.sources, &self.config);
    }

    /// Records entities that became live or stale, and silent agents.
    pub(crate) fn update_lifecycles(&mut self, now: Timestamp) {
        let mut changed = Vec::new();
        let mut stale_after: Vec<Duration> = Vec::new();
        for (place, source) in self.sources.iter() {
            let agent = source.agent as usize;
            if stale_after.len() <= agent {
                stale_after.resize(agent + 1, Duration::ZERO);
            }
            // Sources without a known interval are skipped: where containers start and stop, some
            // sources are always new.
            if source.has_learned_interval() {
                stale_after[agent] = stale_after[agent].max(source.stale_after(&self.config));
            }
            if source.announced == Announced::Nothing {
                continue;
            }
            let announced = match source.lifecycle(now, &self.config) {
                Lifecycle::Live => Announced::Live,
                Lifecycle::Stale => Announced::Stale,
                // A restarted source keeps its state; a stale one has returned. The event for a
                // source that is gone is recorded when it is removed.
                Lifecycle::Warming if source.announced == Announced::Stale => Announced::Appeared,
                Lifecycle::Warming | Lifecycle::Gone => source.announced,
            };
            if announced != source.announced {
                changed.push((place, announced));
            }
        }
        for (place, announced) in changed {
            if let Some(source) = self.sources.get_mut(place) {
                source.announced = announced;
            }
            match announced {
                Announced::Live => {
                    self.record_entity_event(now, place, |entity| event::Kind::EntityLive {
                        entity,
                    });
                }
                Announced::Stale => {
                    self.record_entity_event(now, place, |entity| event::Kind::EntityStale {
                        entity,
                    });
                }
                Announced::Nothing | Announced::Appeared => {}
            }
        }
        self.find_silent_agents(now, &stale_after);
    }

    /// Limits all times of reception to `now`, because the clock was set back.
    pub(crate) fn set_clock_back(&mut self, now: Timestamp) {
        self.latest = now;
        for (_, source) in self.sources.iter_mut() {
            source.last_seen = source.last_seen.min(now);
            source.first_seen = source.first_seen.min(now);
        }
        for (_, agent) in self.agents.iter_mut() {
            let status = &mut agent.status;
            status.last_seen = status.last_seen.min(now);
            status.first_seen = status.first_seen.min(now);
        }
    }

    /// Removes data sources that are gone.
    pub(crate) fn remove_gone(&mut self, now: Timestamp) {
        let gone: Vec<u32> = self
            .sources
            .iter()
            .filter(|(_, source)| source.lifecycle(now, &self.config) == Lifecycle::Gone)
            .map(|(place, _)| place)
            .collect();
        for place in gone {
            if self.is_announced(place) {
                self.record_entity_event(now, place, |entity| event::Kind::EntityGone { entity });
            }
            self.remove(place);
            self.health.gone += 1;
        }
    }

    /// Removes agents without data sources that have been silent for too long. Agents that are not
    /// established are removed as soon as a data source would be gone.
    pub(crate) fn forget_agents(&mut self, now: Timestamp) {
        let config = &self.config;
        let forgotten: Vec<u32> = self
            .agents
            .iter()
            .filter(|(_, agent)| {
                let limit = if agent.status.established {
                    config.forget_agent_after
                } else {
                    config.forget_agent_after.min(config.gone_after)
                };
                agent.source_count() == 0 && now - agent.status.last_seen > limit
            })
            .map(|(place, _)| place)
            .collect();
        for place in forgotten {
            self.record_agent_event(now, place, |agent| event::Kind::AgentForgotten { agent });
            self.remove_agent(place);
        }
    }

    /// Whether an event with this source was recorded.
    pub(crate) fn is_announced(&self, place: u32) -> bool {
        let source = self.sources.get(place);
        source.is_some_and(|source| source.announced != Announced::Nothing)
    }

    fn find_silent_agents(&mut self, now: Timestamp, stale_after: &[Duration]) {
        let assumed = self
            .config
            .assumed_interval
            .saturating_mul(self.config.stale_after);
        let silent: Vec<u32> = self
            .agents
            .iter()
            .filter(|(place, agent)| {
                let slowest = stale_after.get(*place as usize).copied();
                let limit = slowest.filter(|slowest| !slowest.is_zero());
                !agent.status.silent && now - agent.status.last_seen > limit.unwrap_or(assumed)
            })
            .map(|(place, _)| place)
            .collect();
        for place in silent {
            if let Some(agent) = self.agents.get_mut(place) {
                agent.status.silent = true;
            }
            self.record_agent_event(now, place, |agent| event::Kind::AgentSilent { agent });
        }
    }
}
