//! What happens because nothing happens.

use core::time::Duration;

use super::Registry;
use crate::entity::Lifecycle;
use crate::event;
use crate::ingest::source::Announced;
use crate::timestamp::Timestamp;

impl Registry {
    /// Lets time pass: notices silence, removes what has been silent for good, and looks at the
    /// thresholds. Call it every second or so; answers do not depend on it, but memory and
    /// [`events`](Self::events) do.
    ///
    /// What was received later than `now` by more than the assumed interval was received under a
    /// clock that has been set back since: it ages from now on.
    pub fn expire(&mut self, now: Timestamp) {
        if self.latest > now + self.config.assumed_interval {
            self.set_clock_back(now);
        }
        self.notice_silence(now);
        self.remove_gone(now);
        self.forget_agents(now);
        self.expire_jumps(now);
        self.expire_rivals(now);
        self.check_thresholds(now);
        self.flows.expire(now, &self.sources, &self.config);
    }

    /// Tells who has rates, whose heartbeat is lost, and which agents are silent.
    pub(crate) fn notice_silence(&mut self, now: Timestamp) {
        let mut changed = Vec::new();
        let mut patience: Vec<Duration> = Vec::new();
        for (place, source) in self.sources.iter() {
            let agent = source.agent as usize;
            if patience.len() <= agent {
                patience.resize(agent + 1, Duration::ZERO);
            }
            // What has not been heard often enough says nothing of how often the agent speaks:
            // where containers come and go there is always something that is new, or was short.
            if source.has_learned_interval() {
                patience[agent] = patience[agent].max(source.stale_after(&self.config));
            }
            if source.announced == Announced::Nothing {
                continue;
            }
            let told = match source.lifecycle(now, &self.config) {
                Lifecycle::Live => Announced::Live,
                Lifecycle::Stale => Announced::Stale,
                // A source that started again is as it was, and one that was stale has come
                // back; one that is gone is told of when it is removed.
                Lifecycle::Warming if source.announced == Announced::Stale => Announced::Appeared,
                Lifecycle::Warming | Lifecycle::Gone => source.announced,
            };
            if told != source.announced {
                changed.push((place, told));
            }
        }
        for (place, told) in changed {
            if let Some(source) = self.sources.get_mut(place) {
                source.announced = told;
            }
            match told {
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
        self.notice_silent_agents(now, &patience);
    }

    /// The clock was set back: nothing was received later than now.
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

    /// Removes the data sources that have fallen silent for good.
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

    /// Removes the agents that have fallen silent for good: strangers as soon as a data source
    /// would be gone.
    pub(crate) fn forget_agents(&mut self, now: Timestamp) {
        let (known, stranger) = (self.config.forget_agent_after, self.config.gone_after);
        let forgotten: Vec<u32> = self
            .agents
            .iter()
            .filter(|(_, agent)| {
                let patience = if agent.status.established {
                    known
                } else {
                    known.min(stranger)
                };
                agent.source_count() == 0 && now - agent.status.last_seen > patience
            })
            .map(|(place, _)| place)
            .collect();
        for place in forgotten {
            self.record_agent_event(now, place, |agent| event::Kind::AgentForgotten { agent });
            self.remove_agent(place);
        }
    }

    /// Whether readers of events have heard of a source.
    pub(crate) fn is_announced(&self, place: u32) -> bool {
        let source = self.sources.get(place);
        source.is_some_and(|source| source.announced != Announced::Nothing)
    }

    fn notice_silent_agents(&mut self, now: Timestamp, patience: &[Duration]) {
        let assumed = self
            .config
            .assumed_interval
            .saturating_mul(self.config.stale_after);
        let silent: Vec<u32> = self
            .agents
            .iter()
            .filter(|(place, agent)| {
                let slowest = patience.get(*place as usize).copied();
                let patience = slowest.filter(|slowest| !slowest.is_zero());
                !agent.status.silent && now - agent.status.last_seen > patience.unwrap_or(assumed)
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
