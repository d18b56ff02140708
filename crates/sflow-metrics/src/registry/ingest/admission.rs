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

/// Reserved senders share one part of this many of the limits, in addition.
const RESERVED_PART: usize = 4;

/// How useful an agent is. The least useful one is displaced first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// It has reported nothing usable.
    None,
    /// It did not become established in time, or is silent without sources.
    Expired,
    /// It is established, or may become so.
    Kept,
}

impl Registry {
    /// Reserves capacity for the agents of these sender addresses, for example of all nodes of a
    /// cluster. Their agents are admitted even if other senders have used up the rest of the
    /// capacity. Replaces the set of an earlier call.
    ///
    /// The reserved senders together have a quarter of [`max_agents`](Config::max_agents) and
    /// [`max_sources`](Config::max_sources) in addition to these limits, divided equally, and each
    /// at least one agent and one source. Only agents and sources beyond that count for the limits of
    /// the registry, of a sender and of a network.
    ///
    /// If a reserved sender and another one report an entity with the same UUID, the UUID belongs to
    /// the reserved sender. The filter `sender.reserved=1` restricts flows to reserved senders.
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
        for (_, agent) in self.agents.iter_mut() {
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

    /// Whether another data source of an agent can be admitted. Displaces another agent if
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

    /// Removes the least useful of [`EXAMINED`] agents that count for the limit `bound`; returns
    /// whether there was one. For a new source of an agent, only other agents with sources are
    /// removed.
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
            let agent_sender = agent.status.key.sender;
            let is_counted = match bound {
                Bound::Sender => agent_sender == sender,
                Bound::Network => network_of(agent_sender) == network,
                Bound::Registry => true,
            };
            if !is_counted || of == Some(place) || of.is_some() && agent.source_count() == 0 {
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

    /// Removes idle agents and sources that never had rates; returns false if the last call was less
    /// than [`SWEEP_EVERY`] ago.
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
        let limit = probation(&self.config);
        let idle: Vec<u32> = self
            .sources
            .iter()
            .filter(|(_, source)| !source.was_live && now - source.last_seen > limit)
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
                    && now - agent.status.last_seen > limit
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
    let is_expired = if status.established {
        agent.source_count() == 0 && now - status.last_seen > config.gone_after
    } else {
        now - status.first_seen > probation(config)
    };
    match is_expired {
        true => Use::Expired,
        false if agent.is_usable || status.established => Use::Kept,
        false => Use::None,
    }
}

/// Time after its first datagram in which an agent is not displaced, and in which a source can be
/// idle.
pub(crate) fn probation(config: &Config) -> Duration {
    config.assumed_interval.saturating_mul(3) / 2
}
