//! Datagrams on their way to the agents and data sources of a registry.

mod admission;
mod agents;
mod charges;
mod counters;
mod custom_metrics;
mod identity;
mod instances;
mod quota;
mod removal;
mod rivals;
mod sequence;

use core::net::{IpAddr, SocketAddr};

use sflow_v5::{Datagram, Sample};

use super::Registry;
use crate::agent::AgentKey;
use crate::event;
use crate::flow::Origin;
use crate::ingest::agent::Agent;
use crate::ingest::sequencing::datagram::{Place, Stamp};
use crate::ingest::sequencing::interval::Moment;
use crate::ingest::source::{Arrival, Measure};
use crate::timestamp::Timestamp;
pub(super) use identity::Claim;
pub(super) use quota::Admission;

impl Registry {
    /// Takes in a datagram that came from `sender` at `received_at`.
    ///
    /// Nothing that a datagram holds makes it fail: what cannot be used is left out and counted
    /// in [`health`](Self::health).
    pub fn ingest(&mut self, received_at: Timestamp, sender: IpAddr, datagram: &Datagram<'_>) {
        self.ingest_from_port(received_at, sender, 0, datagram);
    }

    /// Takes in a datagram that came from the address and UDP port `sender` at `received_at`.
    ///
    /// Like [`ingest`](Self::ingest), but agents with one address behind one sender, as behind
    /// NAT, are distinguished by their ports, too.
    pub fn ingest_from(
        &mut self,
        received_at: Timestamp,
        sender: SocketAddr,
        datagram: &Datagram<'_>,
    ) {
        self.ingest_from_port(received_at, sender.ip(), sender.port(), datagram);
    }

    fn ingest_from_port(
        &mut self,
        received_at: Timestamp,
        sender: IpAddr,
        port: u16,
        datagram: &Datagram<'_>,
    ) {
        self.health.datagrams += 1;
        self.latest = self.latest.max(received_at);
        let header = datagram.header;
        let sender = sender.to_canonical();
        let key = AgentKey {
            sender,
            address: header.agent_address,
            sub_agent: header.sub_agent_id,
            instance: 0,
        };
        if header
            .agent_address
            .ip()
            .is_some_and(|ip| ip.to_canonical() != sender)
        {
            self.health.foreign_senders += 1;
        }
        let stamp = Stamp {
            sequence: header.sequence_number,
            uptime: header.uptime,
            port,
            received_at,
        };
        let Some((agent, mut placed)) = self.admit(key, stamp, datagram) else {
            self.health.datagrams_refused += 1;
            return;
        };
        if placed.place == Place::Repeated
            && self.is_unnumbered(agent, placed.session, stamp, datagram)
        {
            placed.place = Place::Next { missing: 0 };
        }
        if placed.rejected > 0 {
            self.report_rejected(agent, &placed, received_at);
            if !matches!(placed.place, Place::Jump | Place::Restarted) {
                self.deny_restart(agent);
            }
        }
        match placed.place {
            Place::Jump => self.keep(agent, stamp, datagram),
            _ if !placed.kept.is_empty() || !placed.is_placed => {
                self.replay(agent, &placed, stamp, datagram);
            }
            place => self.process(agent, place, placed.session, stamp, datagram),
        }
    }

    /// Processes the samples of a datagram that has this place in the sequence of its agent.
    fn process(
        &mut self,
        agent: u32,
        place: Place,
        session: u32,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) {
        let in_order = match place {
            Place::Next { missing } => {
                self.health.datagrams_lost += u64::from(missing);
                true
            }
            Place::Strided { found } => {
                self.health.datagrams_lost = self.health.datagrams_lost.saturating_sub(found);
                self.health.numberings_distrusted += 1;
                self.tell_of_agent(stamp.received_at, agent, |agent| {
                    event::Kind::NumberingDistrusted {
                        agent,
                        data_source: None,
                    }
                });
                true
            }
            Place::Restarted => {
                self.health.agent_restarts += 1;
                true
            }
            Place::Reordered { was_missing } => {
                self.health.datagrams_reordered += 1;
                let found = u64::from(was_missing);
                self.health.datagrams_lost = self.health.datagrams_lost.saturating_sub(found);
                false
            }
            Place::Repeated => {
                self.health.datagrams_repeated += 1;
                return;
            }
            Place::Late => {
                self.health.datagrams_late += 1;
                return;
            }
            Place::Jump | Place::Odd => return,
        };
        let received_at = stamp.received_at;
        let moment = Moment {
            uptime: stamp.uptime,
            received_at,
        };
        if self.is_beside_host(agent, session) {
            self.doubt_shared(agent, session, received_at, datagram);
            return;
        }
        let known = self.agents.get(agent);
        let lost = known.and_then(Agent::lost);
        let origin = Origin {
            at: received_at,
            agent,
            session,
            lost,
            in_order,
        };
        let ceilings = self.config.ceilings.clone();
        let mut measure = Measure::new(moment, &ceilings);
        let mut samples = datagram.samples();
        while let Some(sample) = &samples.next() {
            match sample {
                Sample::Counters(sample) => {
                    self.health.counter_samples += 1;
                    self.counters(
                        agent,
                        &Arrival {
                            sample,
                            moment,
                            session,
                            lost,
                            in_order,
                        },
                        &mut measure,
                    );
                }
                Sample::RtMetric(said) => {
                    self.health.custom_samples += 1;
                    self.custom_metrics(agent, said, moment, session, in_order);
                }
                Sample::Flow(sample) => {
                    self.health.flow_samples += 1;
                    self.flow_sample(origin, sample);
                }
                Sample::Discarded(packet) => {
                    self.health.discarded_packets += 1;
                    self.discarded_packet(origin, packet);
                }
                Sample::Malformed(..) => self.health.malformed_samples += 1,
                Sample::Unknown(_) => self.health.unknown_samples += 1,
                _ => {}
            }
        }
    }
}
