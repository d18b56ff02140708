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
#[cfg(feature = "flows")]
use crate::flow::Origin;
use crate::ingest::agent::Agent;
use crate::ingest::outcome::{Disposition, Ingested, Refusal};
use crate::ingest::sequencing::interval::Moment;
use crate::ingest::sequencing::stamp::Stamp;
use crate::ingest::sequencing::stream::Place;
use crate::ingest::source::{Arrival, Measure};
use crate::timestamp::Timestamp;
pub(super) use identity::GlobalIdentity;
pub(super) use quota::Admission;

impl Registry {
    /// Ingests a datagram that was received from `sender` at `received_at`.
    ///
    /// Content that cannot be used never causes an error: it is skipped and counted in
    /// [`health`](Self::health). The result describes how the datagram was used, and may be ignored.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    /// use sflow_metrics::{Disposition, Registry, Timestamp};
    /// use sflow_v5::{Datagram, Encoder, Header};
    ///
    /// let mut buffer = [0; 1400];
    /// let header = Header { sequence_number: 1, ..Header::default() };
    /// let bytes = Encoder::new(&mut buffer, &header)?.finish().to_vec();
    ///
    /// let mut registry = Registry::default();
    /// let sender = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// let first = registry.ingest(now, sender, &Datagram::parse(&bytes)?);
    /// assert_eq!(first.disposition, Disposition::Accepted);
    /// let again = registry.ingest(now, sender, &Datagram::parse(&bytes)?);
    /// assert_eq!(again.disposition, Disposition::Duplicate);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ingest(
        &mut self,
        received_at: Timestamp,
        sender: IpAddr,
        datagram: &Datagram<'_>,
    ) -> Ingested {
        self.ingest_from_port(received_at, sender, 0, datagram)
    }

    /// Ingests a datagram that was received from the address and UDP port `sender`.
    ///
    /// Like [`ingest`](Self::ingest), but ports also distinguish agents that share one address
    /// behind one sender, for example behind NAT.
    pub fn ingest_from(
        &mut self,
        received_at: Timestamp,
        sender: SocketAddr,
        datagram: &Datagram<'_>,
    ) -> Ingested {
        self.ingest_from_port(received_at, sender.ip(), sender.port(), datagram)
    }

    /// Parses and ingests the payload of a UDP packet, like [`ingest_from`](Self::ingest_from).
    ///
    /// # Errors
    ///
    /// If the header is not that of an sFlow version 5 datagram. The registry is unchanged then.
    pub fn ingest_bytes(
        &mut self,
        received_at: Timestamp,
        sender: SocketAddr,
        bytes: &[u8],
    ) -> Result<Ingested, sflow_v5::Error> {
        Ok(self.ingest_from(received_at, sender, &Datagram::parse(bytes)?))
    }

    fn ingest_from_port(
        &mut self,
        received_at: Timestamp,
        sender: IpAddr,
        port: u16,
        datagram: &Datagram<'_>,
    ) -> Ingested {
        self.health.datagrams += 1;
        self.latest = self.latest.max(received_at);
        #[cfg(feature = "flows")]
        self.flows.set_time(received_at);
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
            return Ingested::new(Disposition::Refused(Refusal::Capacity));
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
            Place::Jump => {
                self.keep(agent, stamp, datagram);
                Ingested::new(Disposition::Pending)
            }
            _ if !placed.kept.is_empty() || !placed.is_placed => {
                self.replay(agent, &placed, stamp, datagram)
            }
            place => self.process(agent, place, placed.session, stamp, datagram),
        }
    }

    /// Processes the samples of a datagram with this place in the sequence of its agent.
    fn process(
        &mut self,
        agent: u32,
        place: Place,
        session: u32,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) -> Ingested {
        let disposition = self.count_datagram(agent, place, stamp.received_at);
        let mut ingested = Ingested::new(disposition);
        if !disposition.is_used() {
            return ingested;
        }
        let in_order = disposition == Disposition::Accepted;
        let received_at = stamp.received_at;
        let moment = Moment {
            uptime: stamp.uptime,
            received_at,
        };
        if self.is_parallel_to_host(agent, session) {
            self.doubt_shared(agent, session, received_at, datagram);
            return Ingested::new(Disposition::Refused(Refusal::Doubtful));
        }
        let known = self.agents.get(agent);
        let lost = known.and_then(Agent::lost);
        #[cfg(feature = "flows")]
        let origin = Origin {
            at: received_at,
            agent,
            session,
            lost,
            in_order,
        };
        let ceilings = self.config.ceilings.clone();
        let mut measure = Measure::new(moment, &ceilings);
        for sample in datagram.samples() {
            let is_used = match sample {
                Sample::Counters(sample) => {
                    self.health.counter_samples += 1;
                    let arrival = Arrival {
                        sample: &sample,
                        moment,
                        session,
                        lost,
                        in_order,
                    };
                    self.ingest_counters(agent, &arrival, &mut measure)
                }
                Sample::RtMetric(metrics) => {
                    self.health.custom_samples += 1;
                    self.ingest_custom_metrics(agent, &metrics, moment, session, in_order)
                }
                #[cfg(feature = "flows")]
                Sample::Flow(sample) => {
                    self.health.flow_samples += 1;
                    let unused = self.health.flow_samples_unused();
                    self.flow_sample(origin, &sample);
                    self.health.flow_samples_unused() == unused
                }
                #[cfg(feature = "flows")]
                Sample::Discarded(packet) => {
                    self.health.discarded_packets += 1;
                    let unused = self.health.flow_samples_unused();
                    self.discarded_packet(origin, &packet);
                    self.health.flow_samples_unused() == unused
                }
                #[cfg(not(feature = "flows"))]
                Sample::Flow(_) => {
                    self.health.flow_samples += 1;
                    false
                }
                #[cfg(not(feature = "flows"))]
                Sample::Discarded(_) => {
                    self.health.discarded_packets += 1;
                    false
                }
                Sample::Malformed(..) => {
                    self.health.malformed_samples += 1;
                    false
                }
                Sample::Unknown(_) => {
                    self.health.unknown_samples += 1;
                    false
                }
                _ => false,
            };
            ingested.samples_used += u32::from(is_used);
        }
        ingested
    }

    /// Counts a datagram by its place in the sequence of its agent.
    fn count_datagram(&mut self, agent: u32, place: Place, at: Timestamp) -> Disposition {
        match place {
            Place::Next { missing } => {
                self.health.datagrams_lost += u64::from(missing);
                Disposition::Accepted
            }
            Place::Strided { found } => {
                self.health.datagrams_lost = self.health.datagrams_lost.saturating_sub(found);
                self.health.numberings_distrusted += 1;
                self.record_agent_event(at, agent, |agent| event::Kind::NumberingDistrusted {
                    agent,
                    data_source: None,
                });
                Disposition::Accepted
            }
            Place::Restarted => {
                self.health.agent_restarts += 1;
                Disposition::Accepted
            }
            Place::Reordered { was_missing } => {
                self.health.datagrams_reordered += 1;
                let found = u64::from(was_missing);
                self.health.datagrams_lost = self.health.datagrams_lost.saturating_sub(found);
                Disposition::Reordered
            }
            Place::Repeated => {
                self.health.datagrams_repeated += 1;
                Disposition::Duplicate
            }
            Place::Late => {
                self.health.datagrams_late += 1;
                Disposition::Late
            }
            Place::Jump | Place::Misnumbered => Disposition::Pending,
        }
    }
}
