//! Datagrams that do not continue the sequence of their agent.

use sflow_v5::{DataSource, Datagram, Sample};

use super::Registry;
use crate::event;
use crate::ingest::agent::Placed;
use crate::ingest::outcome::{Disposition, Ingested};
use crate::ingest::sequencing::datagram::{Place, Stamp};
use crate::ingest::source::Name;
use crate::timestamp::Timestamp;

/// Bytes of kept datagrams for each agent that there may be.
const KEPT_FOR_AN_AGENT: usize = 1_500;

impl Registry {
    /// Keeps a datagram that may be the first of a new sequence. If it looks like the restart of
    /// its agent, what it reports on is unknown until the next datagram.
    #[cold]
    pub(crate) fn keep(&mut self, place: u32, stamp: Stamp, datagram: &Datagram<'_>) {
        let most = self.config.max_agents.saturating_mul(KEPT_FOR_AN_AGENT);
        let Some(agent) = self.agents.get_mut(place) else {
            return;
        };
        let free = most.saturating_sub(self.kept_bytes);
        self.kept_bytes += agent.keep(stamp, datagram, free);
        if !agent.resembles_restart(stamp) {
            return;
        }
        for sample in datagram.samples() {
            let source = match sample {
                Sample::Counters(sample) => agent.sources.get(&sample.source_id),
                Sample::RtMetric(metrics) => metrics.datasource.known().and_then(|name| {
                    let name = Name::cut(name, self.config.max_name_bytes);
                    agent.named.get(name)
                }),
                _ => None,
            };
            if let Some(source) = source.and_then(|source| self.sources.get_mut(*source)) {
                source.is_unconfirmed = true;
            }
        }
    }

    /// Processes the datagrams that were kept of a sequence, then the one that confirmed it.
    #[cold]
    pub(crate) fn replay(
        &mut self,
        agent: u32,
        placed: &Placed,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) -> Ingested {
        let session = placed.session;
        let mut first = placed.is_placed.then_some(placed.place);
        let mut samples_used = 0;
        for kept in &placed.kept {
            self.kept_bytes = self.kept_bytes.saturating_sub(kept.bytes());
            let place = first.take();
            let place = place.or_else(|| self.place_again(agent, session, kept.stamp));
            if let Some(place) = place {
                let kept = self.process(agent, place, session, kept.stamp, &kept.datagram());
                samples_used += kept.samples_used;
            }
        }
        let Some(place) = self.place_again(agent, session, stamp) else {
            return Ingested::new(Disposition::Pending);
        };
        let mut ingested = self.process(agent, place, session, stamp, datagram);
        ingested.samples_used += samples_used;
        ingested
    }

    /// Whether a datagram that seems to be a copy is a new one of an agent whose numbers and
    /// uptimes stand still.
    #[cold]
    pub(crate) fn is_unnumbered(
        &mut self,
        place: u32,
        session: u32,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) -> bool {
        let Some(agent) = self.agents.get_mut(place) else {
            return false;
        };
        let (samples, _) = datagram.encoded_samples();
        let content = samples
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let is_new = agent.is_unnumbered(session, stamp, content);
        if is_new {
            self.health.numberings_distrusted += 1;
            self.record_agent_event(stamp.received_at, place, |agent| {
                event::Kind::NumberingDistrusted {
                    agent,
                    data_source: None,
                }
            });
        }
        is_new
    }

    /// Reports that the numbers of a data source's samples are not used any more.
    #[cold]
    pub(crate) fn report_distrusted(&mut self, place: u32, source: DataSource, at: Timestamp) {
        if let Some(agent) = self.agents.get_mut(place) {
            agent.status.odd_sources += 1;
        }
        self.record_agent_event(at, place, |agent| event::Kind::NumberingDistrusted {
            agent,
            data_source: Some(source),
        });
    }

    /// Makes the sources of an agent known again that did not restart.
    #[cold]
    pub(crate) fn deny_restart(&mut self, agent: u32) {
        let Some(agent) = self.agents.get(agent) else {
            return;
        };
        for place in agent.sources.values().chain(agent.named.values()) {
            if let Some(source) = self.sources.get_mut(*place) {
                source.is_unconfirmed = source.has_jump();
            }
        }
    }

    /// Reports datagrams that were not used.
    #[cold]
    pub(crate) fn report_rejected(&mut self, agent: u32, placed: &Placed, at: Timestamp) {
        self.health.datagrams_rejected += placed.rejected;
        let is_reported = placed
            .rejected_before
            .is_some_and(|before| at - before <= self.config.gone_after);
        if !is_reported {
            self.record_agent_event(at, agent, |agent| event::Kind::DatagramsRejected { agent });
        }
    }

    /// Gives up kept datagrams that nothing has confirmed.
    pub(crate) fn expire_jumps(&mut self, now: Timestamp) {
        let since = now - self.config.gone_after;
        let places = self.agents.iter();
        let old: Vec<u32> = places
            .filter(|(_, agent)| agent.has_old_jumps(since))
            .map(|(place, _)| place)
            .collect();
        for place in old {
            let Some(agent) = self.agents.get_mut(place) else {
                continue;
            };
            let mut placed = Placed::at(Place::Jump, agent.session);
            self.kept_bytes = self.kept_bytes.saturating_sub(agent.kept_bytes());
            agent.reject_jumps(now, &mut placed);
            self.report_rejected(place, &placed, now);
            self.deny_restart(place);
        }
    }

    fn place_again(&mut self, agent: u32, session: u32, stamp: Stamp) -> Option<Place> {
        let agent = self.agents.get_mut(agent);
        agent.map(|agent| agent.replay(session, stamp))
    }
}
