//! Memory of agents and data sources, charged to their senders.

use super::Registry;
use crate::ingest::agent::{Agent, SessionStream};
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::source::Source;

/// Memory of an agent and its table entries in bytes.
const AGENT: usize = size_of::<Agent>() + 256;

/// Memory of a sequence of datagrams in bytes.
const STREAM: usize = 2 * size_of::<SessionStream>();

/// Memory of a data source and its table entries in bytes, without readings.
const SOURCE: usize = size_of::<Source>() + 128;

impl Registry {
    /// Charges an agent for its parallel and possible sequences, and releases the memory of ended ones.
    /// If a limit is exceeded, possible sequences are removed first, then the newest sequence; returns
    /// false in the latter case.
    #[cold]
    pub(crate) fn charge_streams(&mut self, place: u32) -> bool {
        let Some(agent) = self.agents.get_mut(place) else {
            return false;
        };
        let mut allowance = Allowance {
            account: Account::of(agent, place, None),
            ledger: &mut self.ledger,
            config: &self.config,
        };
        while agent.charged_streams < agent.streams_to_charge() {
            if allowance.charge(STREAM, &mut self.health) {
                agent.charged_streams += 1;
                continue;
            }
            if agent.streams_to_charge() == agent.other_streams() {
                agent.drop_newest();
                return false;
            }
            let kept_before = agent.kept_bytes();
            self.health.datagrams_rejected += agent.drop_charged_jumps();
            let dropped = kept_before - agent.kept_bytes();
            self.kept_bytes = self.kept_bytes.saturating_sub(dropped);
        }
        while agent.charged_streams > agent.streams_to_charge() {
            allowance.release(STREAM);
            agent.charged_streams -= 1;
        }
        true
    }

    /// Charges a new agent; returns false if a limit is exceeded.
    pub(crate) fn charge_agent(&mut self, place: u32) -> bool {
        let agent = self.agents.get(place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, place, None);
            self.ledger
                .charge(account, AGENT, &self.config, &mut self.health)
        })
    }

    /// Charges a new data source; returns false if a limit is exceeded.
    pub(crate) fn charge_source(&mut self, agent_place: u32, place: u32) -> bool {
        let agent = self.agents.get(agent_place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, agent_place, Some(place));
            self.ledger
                .charge(account, SOURCE, &self.config, &mut self.health)
        })
    }
}
