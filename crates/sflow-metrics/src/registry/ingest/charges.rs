//! Memory of agents and data sources, charged to their senders.

use super::Registry;
use crate::ingest::agent::{Agent, SessionStream};
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::source::Source;

/// Bytes of an agent, with its places in tables.
const AGENT: usize = size_of::<Agent>() + 256;

/// Bytes of a sequence of datagrams.
const STREAM: usize = 2 * size_of::<SessionStream>();

/// Bytes of a data source, with its places in tables; without what it reports.
const SOURCE: usize = size_of::<Source>() + 128;

impl Registry {
    /// Charges an agent for its sequences of datagrams and possible ones, or gives back what those
    /// took that have ended. If one more is refused it is removed; possible ones first.
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
                agent.remove_newest_stream();
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

    /// Whether the bytes of a new agent are within the bounds.
    pub(crate) fn charge_agent(&mut self, place: u32) -> bool {
        let agent = self.agents.get(place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, place, None);
            self.ledger
                .charge(account, AGENT, &self.config, &mut self.health)
        })
    }

    /// Whether the bytes of a new data source are within the bounds.
    pub(crate) fn charge_source(&mut self, agent_place: u32, place: u32) -> bool {
        let agent = self.agents.get(agent_place);
        agent.is_some_and(|agent| {
            let account = Account::of(agent, agent_place, Some(place));
            self.ledger
                .charge(account, SOURCE, &self.config, &mut self.health)
        })
    }
}
