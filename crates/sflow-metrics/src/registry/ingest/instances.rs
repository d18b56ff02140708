//! Several agents with one address behind one sender, as behind NAT or a relay.
//!
//! They number their datagrams independently of each other. A second sequence of datagrams is of
//! another agent if it reports another host, by UUID, or comes from another UDP port. Otherwise it
//! is of the same agent: its line cards have different data sources, and where two sequences report
//! the same data source, the values of this are unknown.

use core::net::IpAddr;

use sflow_v5::counter::HostDescr;
use sflow_v5::enums::DataSourceKind;
use sflow_v5::types::Uuid;
use sflow_v5::{DataSource, Datagram, Sample};

use super::Registry;
use crate::agent::AgentKey;
use crate::event;
use crate::ingest::agent::{Agent, Placed};
use crate::ingest::sequencing::datagram::Stamp;
use crate::timestamp::Timestamp;

/// Agents with one sender, address and sub-agent at most, beside the first.
const MOST_PEERS: usize = 64;

impl Registry {
    /// The place of the agent that a datagram is of, of those with one sender, address and
    /// sub-agent: by UDP port, or sequence, or host.
    #[cold]
    pub(crate) fn find_peer(&self, first: u32, stamp: Stamp, datagram: &Datagram<'_>) -> u32 {
        let Some(agent) = self.agents.get(first) else {
            return first;
        };
        let all = || core::iter::once(first).chain(agent.peers.iter().copied());
        let agent = |place: &u32| self.agents.get(*place);
        let has_port = |place: &u32| agent(place).is_some_and(|agent| agent.has_port(stamp.port));
        let expects = |place: &u32| agent(place).is_some_and(|agent| agent.expects(stamp));
        let mut of_port = all().filter(has_port);
        if let (Some(place), None) = (of_port.next(), of_port.next()) {
            return place;
        }
        if let Some(host) = host_of(datagram)
            && let Some(place) = all().find(|place| self.host_uuid(*place) == Some(host))
        {
            return place;
        }
        let by_number = all().filter(has_port).find(expects);
        by_number.or_else(|| all().find(expects)).unwrap_or(first)
    }

    /// Makes a sequence that goes on beside others an agent of its own if it is one. Returns the
    /// place of the agent that it is of.
    #[cold]
    pub(crate) fn distinguish(
        &mut self,
        place: u32,
        placed: &mut Placed,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) -> u32 {
        let Some(key) = self.agents.get(place).map(|agent| agent.status.key) else {
            return place;
        };
        let kept = || {
            placed
                .kept
                .iter()
                .map(crate::ingest::sequencing::jump::Kept::datagram)
        };
        let host = kept().find_map(|kept| host_of(&kept)).or(host_of(datagram));
        let known = self.host_uuid(place);
        if host.is_some() && host == known {
            return place;
        }
        let first_key = AgentKey { instance: 0, ..key };
        let Some(first) = self.agent_places.get(&first_key).copied() else {
            return place;
        };
        let peers = self.agents.get(first).map(|agent| agent.peers.clone());
        let all = core::iter::once(first).chain(peers.unwrap_or_default());
        let is_of_host =
            |peer: &u32| *peer != place && host.is_some() && self.host_uuid(*peer) == host;
        if let Some(peer) = all.clone().find(is_of_host) {
            return self.adopt(place, peer, placed, stamp.received_at);
        }
        let is_of_other_port = self
            .agents
            .get(place)
            .is_some_and(|agent| agent.is_of_other_port(stamp));
        let is_direct = key.address.ip().is_some_and(|ip| is_same(ip, key.sender));
        let is_other = match (known, host) {
            (Some(_), Some(_)) => true,
            // A host has one agent at an address, which reports its UUID.
            _ if is_direct && (known.is_some() || host.is_some()) => false,
            _ => {
                is_of_other_port
                    && (!is_direct
                        || kept().any(|kept| self.shares_source(place, &kept))
                        || self.shares_source(place, datagram))
            }
        };
        if !is_other || all.count() > MOST_PEERS {
            return place;
        }
        self.split(place, placed, stamp).unwrap_or(place)
    }

    /// Makes the newest sequence of an agent an agent of its own.
    fn split(&mut self, place: u32, placed: &Placed, stamp: Stamp) -> Option<u32> {
        let key = self.agents.get(place)?.status.key;
        let is_free = |instance: &u32| {
            let key = AgentKey {
                instance: *instance,
                ..key
            };
            !self.agent_places.contains_key(&key)
        };
        let instance = (1..=u32::MAX).find(is_free)?;
        let first_key = AgentKey { instance: 0, ..key };
        let key = AgentKey { instance, ..key };
        if !self.admits_agent(key, true, stamp.received_at) {
            return None;
        }
        let began = placed.kept.first().map_or(stamp, |kept| kept.stamp);
        let agent = self.agents.get_mut(place)?;
        let line = agent.take_newest_line()?;
        let agent = agent.split(line, key, began);
        let new = self.agents.insert(agent)?;
        if !self.charge_agent(new) {
            self.agents.remove(new);
            self.agents.get_mut(place)?.put_back(line);
            return None;
        }
        self.charge_lines(place);
        self.agent_places.insert(key, new);
        self.admission.admit_agent(key.sender);
        // Not an earlier place: that agent may have been displaced for this one.
        let first = self.agent_places.get(&first_key).copied();
        if let Some(first) = first.and_then(|first| self.agents.get_mut(first)) {
            first.peers.push(new);
        }
        self.record_agent_event(stamp.received_at, new, |agent| event::Kind::AgentAppeared {
            agent,
        });
        Some(new)
    }

    /// Gives the newest sequence of an agent to another one, whose host it reports.
    fn adopt(&mut self, from: u32, to: u32, placed: &mut Placed, at: Timestamp) -> u32 {
        let Some(line) = self.agents.get_mut(from).and_then(Agent::take_newest_line) else {
            return from;
        };
        let session = self.agents.get_mut(to).map(|agent| agent.adopt(line, at));
        match session {
            Some(session) if self.charge_lines(to) => {
                self.charge_lines(from);
                placed.session = session;
                to
            }
            _ => {
                if let Some(agent) = self.agents.get_mut(to) {
                    agent.status.received = agent.status.received.saturating_sub(1);
                }
                if let Some(agent) = self.agents.get_mut(from) {
                    agent.put_back(line);
                }
                from
            }
        }
    }

    /// The UUID of the host that an agent reports.
    fn host_uuid(&self, place: u32) -> Option<Uuid> {
        let agent = self.agents.get(place)?;
        let place = agent.sources.get(&agent.host?.data_source)?;
        self.sources.get(*place)?.known_uuid()
    }

    /// Whether a datagram reports another host than its agent does, both by UUID.
    #[cold]
    pub(crate) fn is_of_other_host(&self, place: u32, datagram: &Datagram<'_>) -> bool {
        let known = self.host_uuid(place);
        known.is_some() && host_of(datagram).is_some_and(|host| known != Some(host))
    }

    /// Whether a datagram has a sample of a data source that an agent has.
    fn shares_source(&self, place: u32, datagram: &Datagram<'_>) -> bool {
        let Some(agent) = self.agents.get(place) else {
            return false;
        };
        datagram.samples().any(|sample| match sample {
            Sample::Counters(sample) => agent.sources.contains_key(&sample.source_id),
            Sample::Flow(sample) => self.flows.has_sampler(place, sample.source_id),
            _ => false,
        })
    }
}

/// The UUID of the host that a datagram reports.
fn host_of(datagram: &Datagram<'_>) -> Option<Uuid> {
    datagram.samples().find_map(|sample| {
        let Sample::Counters(sample) = sample else {
            return None;
        };
        let DataSource { kind, .. } = sample.source_id;
        let descr = sample.find::<HostDescr<'_>>();
        let descr = descr.filter(|_| kind == DataSourceKind::PHYSICAL);
        descr.and_then(|descr| descr.uuid.known()).map(Uuid)
    })
}

fn is_same(address: IpAddr, sender: IpAddr) -> bool {
    address.to_canonical() == sender
}
