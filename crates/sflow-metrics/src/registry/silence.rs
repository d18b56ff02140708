//! What happens because nothing happens.

use core::time::Duration;

use super::Registry;
use crate::event::EventKind;
use crate::kind::Lifecycle;
use crate::source::Told;
use crate::timestamp::Timestamp;

impl Registry {
    /// Tells who has rates, whose heartbeat is lost, and which agents are silent.
    pub(super) fn notice_silence(&mut self, now: Timestamp) {
        let mut changed = Vec::new();
        let mut patience: Vec<Duration> = Vec::new();
        for (place, source) in self.sources.iter() {
            let agent = source.agent as usize;
            if patience.len() <= agent {
                patience.resize(agent + 1, Duration::ZERO);
            }
            // What has not been heard often enough says nothing of how often the agent speaks:
            // where containers come and go there is always something that is new, or was short.
            if source.has_pace() {
                patience[agent] = patience[agent].max(source.stale_after(&self.config));
            }
            if source.told == Told::Nothing {
                continue;
            }
            let told = match source.lifecycle(now, &self.config) {
                Lifecycle::Live => Told::Live,
                Lifecycle::Stale => Told::Stale,
                // A source that started again is as it was, and one that was stale has come
                // back; one that is gone is told of when it is removed.
                Lifecycle::Warming if source.told == Told::Stale => Told::Appeared,
                Lifecycle::Warming | Lifecycle::Gone => source.told,
            };
            if told != source.told {
                changed.push((place, told));
            }
        }
        for (place, told) in changed {
            if let Some(source) = self.sources.get_mut(place) {
                source.told = told;
            }
            match told {
                Told::Live => {
                    self.tell_of_source(now, place, |entity| EventKind::EntityLive { entity });
                }
                Told::Stale => {
                    self.tell_of_source(now, place, |entity| EventKind::EntityStale { entity });
                }
                Told::Nothing | Told::Appeared => {}
            }
        }
        self.notice_silent_agents(now, &patience);
    }

    /// The clock was set back: nothing was received later than now.
    pub(super) fn set_clock_back(&mut self, now: Timestamp) {
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
    pub(super) fn remove_gone(&mut self, now: Timestamp) {
        let gone: Vec<u32> = self
            .sources
            .iter()
            .filter(|(_, source)| source.lifecycle(now, &self.config) == Lifecycle::Gone)
            .map(|(place, _)| place)
            .collect();
        for place in gone {
            if self.is_told(place) {
                self.tell_of_source(now, place, |entity| EventKind::EntityGone { entity });
            }
            self.remove(place);
            self.health.gone += 1;
        }
    }

    /// Removes the agents that have fallen silent for good: strangers as soon as a data source
    /// would be gone.
    pub(super) fn forget_agents(&mut self, now: Timestamp) {
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
            self.tell_of_agent(now, place, |agent| EventKind::AgentForgotten { agent });
            self.remove_agent(place);
        }
    }

    /// Whether readers of events have heard of a source.
    pub(super) fn is_told(&self, place: u32) -> bool {
        let source = self.sources.get(place);
        source.is_some_and(|source| source.told != Told::Nothing)
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
            self.tell_of_agent(now, place, |agent| EventKind::AgentSilent { agent });
        }
    }
}
