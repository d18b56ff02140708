//! Removal of agents and data sources.

use super::Registry;
use crate::agent::{AgentKey, AgentStatus};
use crate::ingest::agent::Agent;
use crate::ingest::ledger::Account;
use crate::ingest::source::Source;

impl Registry {
    pub(crate) fn remove(&mut self, place: u32) -> Option<Source> {
        let source = self.sources.remove(place)?;
        self.remove_identity(place, &source);
        let agent = self.agents.get_mut(source.agent)?;
        let account = Account::of(agent, source.agent, Some(place));
        self.ledger.close_source(account);
        self.admission.discount_source(agent.status.key.sender);
        match source.data_source {
            Some(data_source) => agent.sources.remove(&data_source),
            None => agent.named.remove(source.name.wire()),
        };
        if agent
            .host
            .is_some_and(|host| Some(host.data_source) == source.data_source)
        {
            agent.host = None;
        }
        Some(source)
    }

    /// Removes an agent and its data sources.
    pub(crate) fn remove_agent(&mut self, place: u32) {
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
        #[cfg(feature = "flows")]
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

    /// Removes the table entries of a removed agent. If it had the list of its peers, the first peer
    /// receives the list and is found by the key with instance 0.
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
        let address = (key.address, key.sub_agent);
        if self.admission.first_senders.get(&address) == Some(&key.sender) {
            self.admission.first_senders.remove(&address);
        }
    }
}
