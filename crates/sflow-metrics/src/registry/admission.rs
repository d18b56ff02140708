//! Admission of agents and data sources when the capacity is nearly used up.
//!
//! A sender can invent any number of agents and data sources. So an agent that has reported
//! something useful is **established** and keeps its place with all its sources. The others share
//! three quarters of the capacity and are displaced by newcomers: first those that have reported
//! nothing usable, then those that did not become useful in time. A sender, and a network of
//! senders, can use a share of the capacity only, and [reserved](Registry::reserve) senders have
//! capacity of their own.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::collections::{HashMap, HashSet};

use sflow_v5::{Address, Datagram, Sample};

use super::Registry;
use crate::agent::{Agent, AgentKey, AgentStatus, Line, Placed, Rival};
use crate::config::Config;
use crate::discipline::datagram::{Place, Stamp};
use crate::discipline::jump::Kept;
use crate::event::EventKind;
use crate::flow::has_length;
use crate::memory::{Account, Allowance};
use crate::source::{Numbers, Source};
use crate::timestamp::Timestamp;

/// Minimum time between two searches of all agents and sources for idle ones.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Agents that are examined for each newcomer, to find one that can be displaced.
const EXAMINED: u32 = 32;

/// All reserved senders together have this part of the bounds in addition.
const RESERVED_PART: usize = 4;

/// Bytes of an agent, with its places in tables.
const AGENT: usize = size_of::<Agent>() + 256;

/// Bytes of a sequence of datagrams.
const LINE: usize = 2 * size_of::<Line>();

/// Bytes of a data source, with its places in tables; without what it reports.
const SOURCE: usize = size_of::<Source>() + 128;

/// The state of admission.
#[derive(Debug, Default)]
pub(super) struct Admission {
    senders: HashMap<IpAddr, Sender>,
    /// By the first address of a network.
    networks: HashMap<IpAddr, Used>,
    reserved: HashSet<IpAddr>,
    /// Capacity of each reserved sender.
    own: Used,
    /// Use by all senders, without the capacity of reserved ones.
    used: Used,
    /// The sender that was first to use an agent address.
    claims: HashMap<(Address, u32), IpAddr>,
    swept_at: Option<Timestamp>,
    /// Place at which the next search for an agent to displace begins.
    cursor: u32,
}

/// Agents and data sources.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    agents: usize,
    sources: usize,
}

/// Use by one sender.
#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    used: Used,
    established: usize,
}

/// How useful an agent is. The least useful one is displaced first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// It has reported nothing that can become useful.
    None,
    /// It did not become useful in time, or is silent and has no sources any more.
    Past,
    /// It is established, or may become so.
    Kept,
}

/// The bound that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Sender,
    Network,
    Registry,
}

impl Used {
    /// The part beyond the capacity of a reserved sender.
    fn beyond(self, own: Self) -> Self {
        Self {
            agents: self.agents.saturating_sub(own.agents),
            sources: self.sources.saturating_sub(own.sources),
        }
    }

    /// Adds a change from one state to another.
    fn change(&mut self, from: Self, to: Self) {
        self.agents = (self.agents + to.agents).saturating_sub(from.agents);
        self.sources = (self.sources + to.sources).saturating_sub(from.sources);
    }
}

impl Admission {
    fn sender(&self, sender: IpAddr) -> Sender {
        self.senders.get(&sender).copied().unwrap_or_default()
    }

    /// Capacity of this sender alone.
    fn own(&self, sender: IpAddr) -> Used {
        if self.reserved.contains(&sender) {
            self.own
        } else {
            Used::default()
        }
    }

    pub(super) fn admit_agent(&mut self, sender: IpAddr) {
        self.change(sender, |used| used.agents += 1);
    }

    pub(super) fn count_source(&mut self, sender: IpAddr) {
        self.change(sender, |used| used.sources += 1);
    }

    pub(super) fn discount_source(&mut self, sender: IpAddr) {
        self.change(sender, |used| used.sources = used.sources.saturating_sub(1));
    }

    /// Changes the use by a sender.
    fn change(&mut self, address: IpAddr, change: impl FnOnce(&mut Used)) {
        let own = self.own(address);
        let sender = self.senders.entry(address).or_default();
        let before = sender.used.beyond(own);
        change(&mut sender.used);
        let after = sender.used.beyond(own);
        if sender.used.agents == 0 && sender.used.sources == 0 {
            self.senders.remove(&address);
        }
        self.used.change(before, after);
        let network = network_of(address);
        let used = self.networks.entry(network).or_default();
        used.change(before, after);
        if used.agents == 0 && used.sources == 0 {
            self.networks.remove(&network);
        }
    }

    /// Gives each of these senders an equal part of a capacity.
    fn reserve(&mut self, reserved: HashSet<IpAddr>, capacity: Used) {
        let part = |capacity: usize| match reserved.len() {
            0 => 0,
            senders => (capacity / senders).max(1),
        };
        self.own = Used {
            agents: part(capacity.agents),
            sources: part(capacity.sources),
        };
        self.reserved = reserved;
        self.used = Used::default();
        self.networks.clear();
        for (address, sender) in &self.senders {
            let used = sender.used.beyond(self.own(*address));
            self.used.change(Used::default(), used);
            let network = self.networks.entry(network_of(*address)).or_default();
            network.change(Used::default(), used);
        }
    }
}

impl Registry {
    /// Reserves capacity for the agents of these sender addresses, for example of all nodes of a
    /// cluster. Their agents are admitted even if other senders have used up the rest of the
    /// capacity. Replaces the set of an earlier call.
    ///
    /// The reserved senders together have a quarter of [`max_agents`](Config::max_agents) and
    /// [`max_sources`](Config::max_sources) in addition to these bounds, divided equally, and each
    /// at least one agent and one source. Only agents and sources beyond that count for the
    /// bounds of the registry, of a sender and of a network.
    ///
    /// Where a reserved sender and another one report an entity with the same UUID, the entity is
    /// that of the reserved sender. Flows may be restricted to reserved senders by the filter
    /// `sender.reserved=1`.
    pub fn reserve(&mut self, senders: impl IntoIterator<Item = IpAddr>) {
        let senders = senders.into_iter().map(|sender| sender.to_canonical());
        let reserved: HashSet<IpAddr> = senders.collect();
        if reserved == self.admission.reserved {
            return;
        }
        let capacity = Used {
            agents: self.config.max_agents / RESERVED_PART,
            sources: self.config.max_sources / RESERVED_PART,
        };
        self.admission.reserve(reserved, capacity);
        for agent in self.agents.values_mut() {
            agent.is_reserved = self.admission.reserved.contains(&agent.status.key.sender);
        }
    }

    /// Finds or admits the agent of a datagram, and finds the place of the datagram in its
    /// sequence. `None` if the capacity is used up.
    pub(super) fn admit(
        &mut self,
        key: AgentKey,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) -> Option<(u32, Placed)> {
        let at = stamp.received_at;
        if let Some(mut place) = self.agent_places.get(&key).copied() {
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
            if agent.lines_to_charge() != agent.charged_lines && !self.charge_lines(place) {
                let dropped: usize = found.kept.iter().map(Kept::bytes).sum();
                self.kept_bytes = self.kept_bytes.saturating_sub(dropped);
                return Some((place, Placed::at(Place::Jump, found.session)));
            }
            let agent = self.agents.get_mut(place)?;
            if found.place == Place::Jump {
                return Some((place, found));
            }
            if !agent.is_usable && !agent.status.established {
                agent.is_usable = is_usable(datagram, &mut self.numbers);
            }
            let was_silent = core::mem::take(&mut agent.status.silent);
            let is_contesting = agent.rival != Rival::None;
            if was_silent {
                self.tell_of_agent(at, place, |agent| EventKind::AgentReturned { agent });
            }
            if is_contesting {
                self.contest(place, at);
            }
            if found.place == Place::Restarted {
                self.tell_of_agent(at, place, |agent| EventKind::AgentRestarted { agent });
            }
            if found.is_beside {
                let agent = self.distinguish(place, &mut found, stamp, datagram);
                if agent == place {
                    self.tell_of_agent(at, place, |agent| EventKind::SequenceAdded { agent });
                }
                return Some((agent, found));
            }
            if found.is_distrusted {
                self.health.numberings_distrusted += 1;
                self.tell_of_agent(at, place, |agent| EventKind::NumberingDistrusted {
                    agent,
                    data_source: None,
                });
            }
            return Some((place, found));
        }
        let is_usable = is_usable(datagram, &mut self.numbers);
        if !self.admits_agent(key, is_usable, at) {
            return None;
        }
        let mut agent = Agent::new(key, stamp);
        agent.is_usable = is_usable;
        agent.is_reserved = self.admission.reserved.contains(&key.sender);
        if key.address != Address::Unknown {
            let claim = (key.address, key.sub_agent);
            let first = *self.admission.claims.entry(claim).or_insert(key.sender);
            if first != key.sender {
                agent.rival = Rival::Suspected(first);
            }
        }
        let place = self.agents.insert(agent)?;
        if !self.charge_agent(place) {
            self.agents.remove(place);
            let claim = (key.address, key.sub_agent);
            if self.admission.claims.get(&claim) == Some(&key.sender) {
                self.admission.claims.remove(&claim);
            }
            return None;
        }
        self.agent_places.insert(key, place);
        self.admission.admit_agent(key.sender);
        self.tell_of_agent(at, place, |agent| EventKind::AgentAppeared { agent });
        Some((place, Placed::at(Place::Next { missing: 0 }, 0)))
    }

    /// Charges an agent for its sequences of datagrams and possible ones, or gives back what those
    /// took that have ended. If one more is refused it is removed; possible ones first.
    #[cold]
    pub(super) fn charge_lines(&mut self, place: u32) -> bool {
        let Some(agent) = self.agents.get_mut(place) else {
            return false;
        };
        let mut allowance = Allowance {
            account: Account::of(agent, place, None),
            ledger: &mut self.ledger,
            config: &self.config,
        };
        while agent.charged_lines < agent.lines_to_charge() {
            if allowance.charge(LINE, &mut self.health) {
                agent.charged_lines += 1;
                continue;
            }
            if agent.lines_to_charge() == agent.other_lines() {
                agent.remove_newest_line();
                return false;
            }
            let kept_before = agent.kept_bytes();
            self.health.datagrams_rejected += agent.drop_charged_jumps();
            let dropped = kept_before - agent.kept_bytes();
            self.kept_bytes = self.kept_bytes.saturating_sub(dropped);
        }
        while agent.charged_lines > agent.lines_to_charge() {
            allowance.release(LINE);
            agent.charged_lines -= 1;
        }
        true
    }

    /// Marks an agent as established.
    pub(super) fn establish(&mut self, place: u32) {
        let Some(agent) = self.agents.get_mut(place) else {
            return;
        };
        if !agent.status.established {
            agent.status.established = true;
            let sender = agent.status.key.sender;
            if let Some(sender) = self.admission.senders.get_mut(&sender) {
                sender.established += 1;
            }
        }
    }

    /// Removes an agent and its data sources.
    pub(super) fn remove_agent(&mut self, place: u32) {
        let Some(agent) = self.agents.get(place) else {
            return;
        };
        let sources = agent.sources.values().chain(agent.named.values());
        let sources: Vec<u32> = sources.copied().collect();
        for source in sources {
            self.health.sources_evicted += 1;
            self.remove(source);
        }
        let Some(agent) = self.agents.remove(place) else {
            return;
        };
        let AgentStatus {
            key, established, ..
        } = agent.status;
        self.kept_bytes = self.kept_bytes.saturating_sub(agent.kept_bytes());
        self.flows.forget_agent(place);
        let account = Account::of(&agent, place, None);
        self.ledger.close_agent(account);
        self.unlist(place, &agent);
        if let Some(sender) = self.admission.senders.get_mut(&key.sender) {
            sender.established = sender.established.saturating_sub(usize::from(established));
        }
        self.admission.change(key.sender, |used| {
            used.agents = used.agents.saturating_sub(1);
        });
    }

    /// Removes the places of an agent that was removed. If it had the list of its peers, the first
    /// of them has it from now on and is found in its place.
    fn unlist(&mut self, place: u32, agent: &Agent) {
        let key = agent.status.key;
        let first_key = AgentKey { instance: 0, ..key };
        self.agent_places.remove(&key);
        if key != first_key && self.agent_places.get(&first_key) != Some(&place) {
            let first = self.agent_places.get(&first_key).copied();
            if let Some(first) = first.and_then(|first| self.agents.get_mut(first)) {
                first.peers.retain(|peer| *peer != place);
            }
            return;
        }
        if let Some((first, peers)) = agent.peers.split_first()
            && let Some(promoted) = self.agents.get_mut(*first)
        {
            promoted.peers = peers.to_vec();
            promoted.rival = agent.rival;
            self.agent_places.insert(first_key, *first);
            return;
        }
        self.agent_places.remove(&first_key);
        let claim = (key.address, key.sub_agent);
        if self.admission.claims.get(&claim) == Some(&key.sender) {
            self.admission.claims.remove(&claim);
        }
    }

    /// Whether the bytes of a new agent are within the bounds.
    pub(super) fn charge_agent(&mut self, place: u32) -> bool {
        let agent = self.agents.get(place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, place, None);
            self.ledger
                .charge(account, AGENT, &self.config, &mut self.health)
        })
    }

    /// Whether the bytes of a new data source are within the bounds.
    pub(super) fn charge_source(&mut self, agent_place: u32, place: u32) -> bool {
        let agent = self.agents.get(agent_place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, agent_place, Some(place));
            self.ledger
                .charge(account, SOURCE, &self.config, &mut self.health)
        })
    }

    /// Whether one more data source of an agent can be admitted, after displacing another agent if
    /// necessary.
    pub(super) fn admits_source(&mut self, agent: u32, now: Timestamp) -> bool {
        let Some(known) = self.agents.get(agent) else {
            return false;
        };
        if known.source_count() >= self.config.max_sources_per_agent {
            return self.sweep(now)
                && self
                    .agents
                    .get(agent)
                    .is_some_and(|known| known.source_count() < self.config.max_sources_per_agent);
        }
        let is_usable = known.is_usable || known.status.established;
        let sender = known.status.key.sender;
        let Some(bound) = self.bound_on_sources(sender) else {
            return true;
        };
        if self.sweep(now) && self.bound_on_sources(sender).is_none() {
            return true;
        }
        is_usable
            && self.displace(sender, bound, Some(agent), now)
            && self.bound_on_sources(sender).is_none()
    }

    pub(super) fn admits_agent(&mut self, key: AgentKey, is_usable: bool, now: Timestamp) -> bool {
        let Some(bound) = self.bound_on_agents(key.sender) else {
            return true;
        };
        if self.sweep(now) && self.bound_on_agents(key.sender).is_none() {
            return true;
        }
        is_usable
            && self.displace(key.sender, bound, None, now)
            && self.bound_on_agents(key.sender).is_none()
    }

    fn bound_on_agents(&self, sender: IpAddr) -> Option<Bound> {
        let limits = Limits {
            registry: self.config.max_agents,
            network: self.config.max_agents_per_network,
            sender: self.config.max_agents_per_sender,
        };
        self.admission.bound(sender, limits, |used| used.agents)
    }

    fn bound_on_sources(&self, sender: IpAddr) -> Option<Bound> {
        let limits = Limits {
            registry: self.config.max_sources,
            network: self.config.max_sources_per_network,
            sender: self.config.max_sources_per_sender,
        };
        self.admission.bound(sender, limits, |used| used.sources)
    }

    /// Removes the least useful agent of some, among those that count for the bound that is
    /// reached; returns whether one was found. For a new source of an agent, another agent that
    /// has sources.
    #[cold]
    fn displace(&mut self, sender: IpAddr, bound: Bound, of: Option<u32>, now: Timestamp) -> bool {
        let network = network_of(sender);
        let mut found: Option<(Use, Timestamp, u32)> = None;
        for _ in 0..EXAMINED.min(self.agents.end()) {
            let place = self.admission.cursor;
            self.admission.cursor = if place + 1 < self.agents.end() {
                place + 1
            } else {
                0
            };
            let Some(agent) = self.agents.get(place) else {
                continue;
            };
            let its = agent.status.key.sender;
            let is_there = match bound {
                Bound::Sender => its == sender,
                Bound::Network => network_of(its) == network,
                Bound::Registry => true,
            };
            if !is_there || of == Some(place) || of.is_some() && agent.source_count() == 0 {
                continue;
            }
            let candidate = (
                use_of(agent, now, &self.config),
                agent.status.last_seen,
                place,
            );
            if candidate.0 < Use::Kept && found.is_none_or(|found| candidate < found) {
                found = Some(candidate);
            }
        }
        let Some((_, _, place)) = found else {
            return false;
        };
        self.health.agents_evicted += 1;
        self.remove_agent(place);
        true
    }

    /// Removes idle agents and sources that never became useful; returns false if the last search
    /// was a moment ago.
    #[cold]
    fn sweep(&mut self, now: Timestamp) -> bool {
        let is_early = self.admission.swept_at.is_some_and(|swept_at| {
            now.checked_since(swept_at)
                .is_some_and(|elapsed| elapsed < SWEEP_EVERY)
        });
        if is_early {
            return false;
        }
        self.admission.swept_at = Some(now);
        let patience = probation(&self.config);
        let idle: Vec<u32> = self
            .sources
            .iter()
            .filter(|(_, source)| !source.was_live && now - source.last_seen > patience)
            .map(|(place, _)| place)
            .collect();
        for place in idle {
            self.health.sources_evicted += 1;
            self.remove(place);
        }
        let idle: Vec<u32> = self
            .agents
            .iter()
            .filter(|(_, agent)| {
                !agent.status.established
                    && agent.source_count() == 0
                    && now - agent.status.last_seen > patience
            })
            .map(|(place, _)| place)
            .collect();
        for place in idle {
            self.health.agents_evicted += 1;
            self.remove_agent(place);
        }
        true
    }

    /// Finds out whether two senders use one agent address at the same time, or one agent has
    /// got another address.
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
                let claim = (key.address, key.sub_agent);
                self.admission.claims.insert(claim, key.sender);
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
        let event = EventKind::AddressConflict {
            agent: key,
            first_sender,
        };
        self.tell_of_agent(at, place, |_| event);
    }
}

/// The bounds on one kind of thing.
#[derive(Clone, Copy, Debug)]
struct Limits {
    registry: usize,
    network: usize,
    sender: usize,
}

impl Admission {
    /// The bound that one more of a sender would exceed.
    fn bound(&self, address: IpAddr, limits: Limits, of: impl Fn(Used) -> usize) -> Option<Bound> {
        let sender = self.sender(address);
        let own = self.own(address);
        if of(sender.used) < of(own) {
            return None;
        }
        if of(sender.used.beyond(own)) >= limits.sender {
            return Some(Bound::Sender);
        }
        let network = self.networks.get(&network_of(address));
        if of(network.copied().unwrap_or_default()) >= limits.network {
            return Some(Bound::Network);
        }
        let is_full = of(self.used) >= share(limits.registry, sender.established > 0);
        is_full.then_some(Bound::Registry)
    }
}

/// How useful an agent is.
fn use_of(agent: &Agent, now: Timestamp, config: &Config) -> Use {
    let status = &agent.status;
    let is_past = if status.established {
        agent.source_count() == 0 && now - status.last_seen > config.gone_after
    } else {
        now - status.first_seen > probation(config)
    };
    match is_past {
        true => Use::Past,
        false if agent.is_usable || status.established => Use::Kept,
        false => Use::None,
    }
}

/// Whether a datagram contains something that can become useful: a counter that is known, the
/// length of a packet, or a metric of an application.
fn is_usable(datagram: &Datagram<'_>, numbers: &mut Numbers) -> bool {
    datagram.samples().any(|sample| match sample {
        Sample::Counters(sample) => sample.records().any(|record| numbers.has_counter(&record)),
        Sample::Flow(sample) => has_length(&sample),
        Sample::RtMetric(metrics) => metrics.metrics.into_iter().next().is_some(),
        _ => false,
    })
}

/// The first address of the network of a sender: the /24 of IPv4, the /64 of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The part of a bound that a sender can use.
const fn share(max: usize, is_established: bool) -> usize {
    if is_established { max } else { max - max / 4 }
}

/// Time from its first datagram in which an agent can become useful before newcomers displace it,
/// and in which a source can be idle.
pub(super) fn probation(config: &Config) -> Duration {
    config.assumed_interval.saturating_mul(3) / 2
}
