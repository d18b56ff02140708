//! Several sequences of datagrams that report the same data sources.

use sflow_v5::{Datagram, Sample};

use super::Registry;
use crate::event;
use crate::ingest::agent::ANY_SESSION;
use crate::ingest::source::Rivalry;
use crate::timestamp::Timestamp;

impl Registry {
    /// Whether the data source at this place is reported in another sequence of its agent, too,
    /// which goes on: then its values are unknown.
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
            // Of two sequences that reported it, one has ended. Another one may be its continuation.
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

    /// Whether a sample comes in one of several sequences that all report the same data source,
    /// `other` being the session of another one; then the agent is doubtful.
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

    /// Reports that several sequences of an agent report the same.
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

    /// Ends sequences that did not go on, and the doubt about what they reported.
    pub(crate) fn expire_rivals(&mut self, now: Timestamp) {
        let agents = self.agents.iter();
        let ended: Vec<u32> = agents
            .filter(|(_, agent)| agent.other_lines() > 0 || agent.charged_lines > 0)
            .map(|(place, _)| place)
            .collect();
        for place in ended {
            if let Some(agent) = self.agents.get_mut(place) {
                agent.end_lines(now);
            }
            self.charge_lines(place);
        }
        for (_, source) in self.sources.iter_mut() {
            if source.is_doubtful
                && let Some(agent) = self.agents.get(source.agent)
            {
                source.reconsider_rival(agent, now, &self.config);
            }
        }
    }

    /// Whether a sequence goes on beside the one that reports the host of its agent, by UUID. What
    /// it reports does not count.
    #[inline]
    pub(crate) fn is_beside_host(&self, place: u32, session: u32) -> bool {
        let agent = self.agents.get(place);
        agent.is_some_and(|agent| agent.other_lines() > 0)
            && self.reports_host_beside(place, session)
    }

    #[cold]
    fn reports_host_beside(&self, place: u32, session: u32) -> bool {
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

    /// Makes the data sources doubtful that a sequence reports beside another one.
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
                Sample::Flow(sample) => self.doubt_sampler(place, session, sample.source_id, at),
                _ => {}
            }
        }
    }
}
