//! Who is let in when there is little room.
//!
//! Nobody can be kept from inventing agents and data sources, but what is invented is seldom
//! heard twice. So whoever was heard over some time is **established** and keeps its place, and
//! so does what it reports; strangers share what a quarter of the room is kept back from; and
//! when that is used up, those of them go first that were heard once and not in time again.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::Address;

use super::Registry;
use crate::agent::{Agent, AgentKey, AgentStatus, Rival};
use crate::config::Config;
use crate::discipline::datagram::{Place, Stamp};
use crate::event::EventKind;
use crate::memory::Account;
use crate::timestamp::Timestamp;

/// Room is looked for at most so often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What has to be known to let somebody in.
#[derive(Debug, Default)]
pub(super) struct Admission {
    senders: HashMap<IpAddr, Sender>,
    /// The sender that was first to use an agent address.
    claims: HashMap<(Address, u32), IpAddr>,
    swept_at: Option<Timestamp>,
}

/// What one sender takes up.
#[derive(Debug, Default)]
struct Sender {
    agents: usize,
    sources: usize,
    established: usize,
}

impl Admission {
    fn sender(&self, sender: IpAddr) -> Sender {
        self.senders
            .get(&sender)
            .map_or_else(Sender::default, |known| Sender { ..*known })
    }

    pub(super) fn count_source(&mut self, sender: IpAddr) {
        if let Some(sender) = self.senders.get_mut(&sender) {
            sender.sources += 1;
        }
    }

    pub(super) fn discount_source(&mut self, sender: IpAddr) {
        if let Some(sender) = self.senders.get_mut(&sender) {
            sender.sources = sender.sources.saturating_sub(1);
        }
    }
}

impl Registry {
    /// Finds the agent, or makes room for it; and the place of its datagram.
    pub(super) fn admit(&mut self, key: AgentKey, stamp: Stamp) -> Option<(u32, Place)> {
        if let Some(place) = self.agent_places.get(&key).copied() {
            let agent = self.agents.get_mut(place)?;
            let was_silent = core::mem::take(&mut agent.status.silent);
            let found = agent.place(stamp);
            let is_grown = !agent.status.established
                && agent.status.last_seen - agent.status.first_seen > self.config.assumed_interval;
            let is_contesting = agent.rival != Rival::None;
            let at = stamp.received_at;
            if is_grown {
                self.establish(place);
            }
            if was_silent {
                self.tell_of_agent(at, place, |agent| EventKind::AgentReturned { agent });
            }
            if is_contesting {
                self.contest(place, at);
            }
            if found == Place::Restarted {
                self.tell_of_agent(at, place, |agent| EventKind::AgentRestarted { agent });
            }
            return Some((place, found));
        }
        if !self.makes_room_for_agent(key, stamp.received_at) {
            return None;
        }
        let mut agent = Agent::new(key, stamp);
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
        self.admission.senders.entry(key.sender).or_default().agents += 1;
        self.tell_of_agent(stamp.received_at, place, |agent| EventKind::AgentAppeared {
            agent,
        });
        Some((place, Place::Next { missing: 0 }))
    }

    /// Whether there is room for one more data source of an agent, if need be after making some.
    pub(super) fn makes_room_for_source(&mut self, agent: u32, now: Timestamp) -> bool {
        self.has_room_for_source(agent) || self.sweep(now) && self.has_room_for_source(agent)
    }

    /// From now on an agent is one of those that keep their place.
    pub(super) fn establish(&mut self, place: u32) {
        let Some(agent) = self.agents.get_mut(place) else {
            return;
        };
        if !agent.status.established {
            agent.status.established = true;
            let sender = agent.status.key.sender;
            self.admission
                .senders
                .entry(sender)
                .or_default()
                .established += 1;
        }
    }

    /// Takes an agent without data sources away.
    pub(super) fn remove_agent(&mut self, place: u32) {
        let Some(agent) = self.agents.remove(place) else {
            return;
        };
        let AgentStatus {
            key, established, ..
        } = agent.status;
        self.flows.forget_agent(place);
        let account = Account::of(&agent, place, None);
        self.ledger.close_agent(account);
        self.agent_places.remove(&key);
        if let Some(sender) = self.admission.senders.get_mut(&key.sender) {
            sender.agents = sender.agents.saturating_sub(1);
            sender.established = sender.established.saturating_sub(usize::from(established));
            if sender.agents == 0 {
                self.admission.senders.remove(&key.sender);
            }
        }
        let claim = (key.address, key.sub_agent);
        if self.admission.claims.get(&claim) == Some(&key.sender) {
            self.admission.claims.remove(&claim);
        }
    }

    /// Whether the bytes of a new agent are within the bounds.
    fn charge_agent(&mut self, place: u32) -> bool {
        let agent = self.agents.get(place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, place, None);
            self.ledger
                .open_agent(account, &self.config, &mut self.health)
        })
    }

    /// Whether the bytes of a new data source are within the bounds.
    pub(super) fn charge_source(&mut self, agent_place: u32, place: u32) -> bool {
        let agent = self.agents.get(agent_place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, agent_place, Some(place));
            self.ledger
                .open_source(account, &self.config, &mut self.health)
        })
    }

    fn makes_room_for_agent(&mut self, key: AgentKey, now: Timestamp) -> bool {
        self.has_room_for_agent(key) || self.sweep(now) && self.has_room_for_agent(key)
    }

    fn has_room_for_agent(&self, key: AgentKey) -> bool {
        let sender = self.admission.sender(key.sender);
        self.agents.len() < share(self.config.max_agents, sender.established > 0)
            && sender.agents < self.config.max_agents_per_sender
    }

    fn has_room_for_source(&self, agent: u32) -> bool {
        let Some(agent) = self.agents.get(agent) else {
            return false;
        };
        let sender = self.admission.sender(agent.status.key.sender);
        self.sources.len() < share(self.config.max_sources, sender.established > 0)
            && sender.sources < self.config.max_sources_per_sender
            && agent.source_count() < self.config.max_sources_per_agent
    }

    /// Lets those go that were heard once and not in time again; tells whether it looked.
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

/// What of a bound somebody may use up.
const fn share(max: usize, is_established: bool) -> usize {
    if is_established { max } else { max - max / 4 }
}

/// How long after its first word somebody may be silent and still keep its place when there is
/// no room.
pub(super) fn probation(config: &Config) -> Duration {
    config.assumed_interval.saturating_mul(3) / 2
}
