//! Admission of agents and data sources when the capacity is nearly used up.
//!
//! A sender can invent any number of agents and data sources. So an agent that has reported
//! something useful is **established** and keeps its place with all its sources. The others share
//! three quarters of the capacity and are displaced by newcomers: first those that have reported
//! nothing usable, then those that did not become useful in time. A sender, and a network of
//! senders, can use a share of the capacity only, and [reserved](Registry::reserve) senders have
//! capacity of their own.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashSet;

use super::Registry;
use super::quota::{Bound, Limits, Used, network_of};
use crate::agent::AgentKey;
use crate::config::Config;
use crate::ingest::agent::Agent;
use crate::timestamp::Timestamp;

/// Minimum time between two searches of all agents and sources for idle ones.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Agents that are examined for each newcomer, to find one that can be displaced.
const EXAMINED: u32 = 32;

/// All reserved senders together have this part of the bounds in addition.
const RESERVED_PART: usize = 4;

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

    /// Marks an agent as established.
    pub(crate) fn establish(&mut self, place: u32) {
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

    /// Whether one more data source of an agent can be admitted, after displacing another agent if
    /// necessary.
    pub(crate) fn admits_source(&mut self, agent: u32, now: Timestamp) -> bool {
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

    pub(crate) fn admits_agent(&mut self, key: AgentKey, is_usable: bool, now: Timestamp) -> bool {
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

/// Time from its first datagram in which an agent can become useful before newcomers displace it,
/// and in which a source can be idle.
pub(crate) fn probation(config: &Config) -> Duration {
    config.assumed_interval.saturating_mul(3) / 2
}
