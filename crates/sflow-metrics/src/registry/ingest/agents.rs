//! The agent of a datagram.

use sflow_v5::{Address, Datagram, Sample};

use super::Registry;
use crate::agent::{AgentKey, AgentStatus};
use crate::event;
#[cfg(feature = "flows")]
use crate::flow::has_length;
use crate::ingest::agent::{Agent, Placed, Rival};
use crate::ingest::sequencing::jump::Kept;
use crate::ingest::sequencing::stamp::Stamp;
use crate::ingest::sequencing::stream::Place;
use crate::ingest::source::has_counter;
use crate::timestamp::Timestamp;

impl Registry {
    /// Finds or admits the agent of a datagram, and finds the place of the datagram in its sequence.
    /// `None` if a limit is reached.
    pub(crate) fn admit(
        &mut self,
        key: AgentKey,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) -> Option<(u32, Placed)> {
        let at = stamp.received_at;
        if let Some(mut place) = self.agent_place(&key) {
            self.last_agent = place;
            if !self.agents.get(place)?.peers.is_empty() {
                place = self.find_peer(place, stamp, datagram);
            }
            let agent = self.agents.get_mut(place)?;
            let kept_before = agent.kept_bytes();
            let mut found = agent.place(stamp);
            if matches!(found.place, Place::Repeated | Place::Jump)
                && self.is_of_other_host(place, datagram)
            {
                let agent = self.agents.get_mut(place)?;
                agent.place_of_other_host(stamp, &mut found);
            }
            let agent = self.agents.get_mut(place)?;
            if kept_before > 0 && agent.kept_bytes() != kept_before {
                let replayed: usize = found.kept.iter().map(Kept::bytes).sum();
                let freed = kept_before.saturating_sub(agent.kept_bytes() + replayed);
                self.kept_bytes = self.kept_bytes.saturating_sub(freed);
            }
            if agent.streams_to_charge() != agent.charged_streams && !self.charge_streams(place) {
                let dropped: usize = found.kept.iter().map(Kept::bytes).sum();
                self.kept_bytes = self.kept_bytes.saturating_sub(dropped);
                return Some((place, Placed::at(Place::Jump, found.session)));
            }
            let agent = self.agents.get_mut(place)?;
            if found.place == Place::Jump {
                return Some((place, found));
            }
            if !agent.is_usable && !agent.status.established {
                agent.is_usable = is_usable(datagram);
            }
            let was_silent = core::mem::take(&mut agent.status.silent);
            let is_contesting = agent.rival != Rival::None;
            if was_silent {
                self.record_agent_event(at, place, |agent| event::Kind::AgentReturned { agent });
            }
            if is_contesting {
                self.contest(place, at);
            }
            if found.place == Place::Restarted {
                self.record_agent_event(at, place, |agent| event::Kind::AgentRestarted { agent });
            }
            if found.is_parallel {
                let agent = self.distinguish(place, &mut found, stamp, datagram);
                if agent == place {
                    self.record_agent_event(at, place, |agent| event::Kind::SequenceAdded {
                        agent,
                    });
                }
                return Some((agent, found));
            }
            if found.is_distrusted {
                self.health.numberings_distrusted += 1;
                self.record_agent_event(at, place, |agent| event::Kind::NumberingDistrusted {
                    agent,
                    data_source: None,
                });
            }
            return Some((place, found));
        }
        let is_usable = is_usable(datagram);
        if !self.admits_agent(key, is_usable, at) {
            return None;
        }
        let mut agent = Agent::new(key, stamp);
        agent.is_usable = is_usable;
        agent.is_reserved = self.admission.reserved.contains(&key.sender);
        if key.address != Address::Unknown {
            let address = (key.address, key.sub_agent);
            let first = *self
                .admission
                .first_senders
                .entry(address)
                .or_insert(key.sender);
            if first != key.sender {
                agent.rival = Rival::Suspected(first);
            }
        }
        let place = self.agents.insert(agent)?;
        if !self.charge_agent(place) {
            self.agents.remove(place);
            let address = (key.address, key.sub_agent);
            if self.admission.first_senders.get(&address) == Some(&key.sender) {
                self.admission.first_senders.remove(&address);
            }
            return None;
        }
        self.agent_places.insert(key, place);
        self.admission.admit_agent(key.sender);
        self.record_agent_event(at, place, |agent| event::Kind::AgentAppeared { agent });
        Some((place, Placed::at(Place::Next { missing: 0 }, 0)))
    }

    /// The index of the agent with this key, whose instance is 0.
    fn agent_place(&self, key: &AgentKey) -> Option<u32> {
        match self.agents.get(self.last_agent) {
            Some(last) if last.status.key == *key => Some(self.last_agent),
            _ => self.agent_places.get(key).copied(),
        }
    }

    /// Determines whether two senders use one agent address at the same time, or the address of one
    /// sender has changed.
    fn contest(&mut self, place: u32, at: Timestamp) {
        let Some(agent) = self.agents.get_mut(place) else {
            return;
        };
        let Rival::Suspected(first_sender) = agent.rival else {
            return;
        };
        let AgentStatus {
            key, first_seen, ..
        } = agent.status;
        let first = AgentKey {
            sender: first_sender,
            instance: 0,
            ..key
        };
        let rival = self.agent_places.get(&first).copied();
        match rival.and_then(|rival| self.agents.get_mut(rival)) {
            Some(rival) if rival.status.last_seen > first_seen => rival.status.contested = true,
            Some(_) => return,
            None => {
                let address = (key.address, key.sub_agent);
                self.admission.first_senders.insert(address, key.sender);
                if let Some(agent) = self.agents.get_mut(place) {
                    agent.rival = Rival::None;
                }
                return;
            }
        }
        if let Some(agent) = self.agents.get_mut(place) {
            agent.rival = Rival::None;
            agent.status.contested = true;
        }
        self.health.address_conflicts += 1;
        let event = event::Kind::AddressConflict {
            agent: key,
            first_sender,
        };
        self.record_agent_event(at, place, |_| event);
    }
}

/// Whether a datagram contains usable data: a known counter, the length of a packet, or a custom
/// metric.
fn is_usable(datagram: &Datagram<'_>) -> bool {
    datagram.samples().any(|sample| match sample {
        Sample::Counters(sample) => sample.records().any(|record| has_counter(&record)),
        #[cfg(feature = "flows")]
        Sample::Flow(sample) => has_length(&sample),
        Sample::RtMetric(metrics) => metrics.metrics.into_iter().next().is_some(),
        _ => false,
    })
}
