//! Several sequences of datagrams that report the same data sources.

use sflow_v5::{Datagram, Sample};

use super::Registry;
use crate::event;
use crate::ingest::agent::ANY_SESSION;
use crate::ingest::source::Rivalry;
use crate::timestamp::Timestamp;

impl Registry {
    /// Whether another current sequence of its agent reports the data source at this index as well.
    /// Its values are unknown then.
    #[inline]
    pub(crate) fn has_rival(
        &mut self,
        agent: u32,
        place: u32,
        session: u32,
        at: Timestamp,
    ) -> bool {
        let Some(source) = self.sources.get(place) else {
            return false;
        };
        let reported_in = source.session();
        if reported_in == session {
            return false;
        }
        let is_doubtful = source.is_doubtful;
        if !self.is_rival(agent, session, reported_in, at) {
            // One of two sequences has ended. This one may be its continuation.
            if is_doubtful && let Some(source) = self.sources.get_mut(place) {
                source.rival = Some(Rivalry {
                    session: ANY_SESSION,
                    at,
                });
            }
            return false;
        }
        if let Some(source) = self.sources.get_mut(place) {
            source.is_doubtful = true;
            source.rival = Some(Rivalry { session, at });
        }
        self.health.counter_samples_doubted += 1;
        true
    }

    /// Whether the sequence with session `other` reports the same data source. The agent is doubtful
    /// then.
    #[inline]
    pub(crate) fn is_rival(&mut self, place: u32, session: u32, other: u32, at: Timestamp) -> bool {
        let is_rival = self
            .agents
            .get(place)
            .is_some_and(|agent| agent.are_rivals(session, other));
        if is_rival {
            self.doubt(place, at);
        }
        is_rival
    }

    /// Marks an agent as doubtful.
    #[cold]
    pub(crate) fn doubt(&mut self, place: u32, at: Timestamp) {
        let Some(agent) = self.agents.get_mut(place) else {
            return;
        };
        if !core::mem::replace(&mut agent.status.doubtful, true) {
            self.health.agents_doubted += 1;
            self.record_agent_event(at, place, |agent| event::Kind::AgentDoubtful { agent });
        }
    }

    /// Removes sequences that have ended, and makes values known again that only they doubted.
    pub(crate) fn expire_rivals(&mut self, now: Timestamp) {
        let agents = self.agents.iter();
        let ended: Vec<u32> = agents
            .filter(|(_, agent)| agent.other_streams() > 0 || agent.charged_streams > 0)
            .map(|(place, _)| place)
            .collect();
        for place in ended {
            if let Some(agent) = self.agents.get_mut(place) {
                agent.end_streams(now);
            }
            self.charge_streams(place);
        }
        for (_, source) in self.sources.iter_mut() {
            if source.is_doubtful
                && let Some(agent) = self.agents.get(source.agent)
            {
                source.reconsider_rival(agent, now, &self.config);
            }
        }
    }

    /// Whether a sequence continues in parallel to the one that reports the UUID of the host. Its
    /// samples are not used.
    #[inline]
    pub(crate) fn is_parallel_to_host(&self, place: u32, session: u32) -> bool {
        let agent = self.agents.get(place);
        agent.is_some_and(|agent| agent.other_streams() > 0)
            && self.host_is_reported_in_parallel(place, session)
    }

    #[cold]
    fn host_is_reported_in_parallel(&self, place: u32, session: u32) -> bool {
        let Some(agent) = self.agents.get(place) else {
            return false;
        };
        let host = agent
            .host
            .and_then(|host| agent.sources.get(&host.data_source));
        let host = host.and_then(|place| self.sources.get(*place));
        host.is_some_and(|host| {
            host.known_uuid().is_some() && agent.are_rivals(session, host.session())
        })
    }

    /// Makes the data sources doubtful that a parallel sequence reports.
    #[cold]
    pub(crate) fn doubt_shared(
        &mut self,
        place: u32,
        session: u32,
        at: Timestamp,
        datagram: &Datagram<'_>,
    ) {
        for sample in datagram.samples() {
            match sample {
                Sample::Counters(sample) => {
                    let Some(agent) = self.agents.get(place) else {
                        return;
                    };
                    if let Some(source) = agent.sources.get(&sample.source_id).copied() {
                        self.has_rival(place, source, session, at);
                    } else {
                        self.health.counter_samples_doubted += 1;
                    }
                }
                #[cfg(feature = "flows")]
                Sample::Flow(sample) => self.doubt_sampler(place, session, sample.source_id, at),
                _ => {}
            }
        }
    }
}
