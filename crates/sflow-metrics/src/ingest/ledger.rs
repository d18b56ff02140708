//! Memory that senders cause, by source, agent, sender and in total.

use core::net::IpAddr;
use std::collections::HashMap;

use crate::config::Config;
use crate::health::Health;
use crate::ingest::agent::Agent;

/// Memory in bytes by data source, agent and sender.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    total: usize,
    /// Randomly keyed, since senders can be forged.
    senders: HashMap<IpAddr, usize>,
    /// By index in the registry, including their sources.
    agents: Vec<usize>,
    /// By index in the registry.
    sources: Vec<usize>,
}

/// The account to which memory is charged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) sender: IpAddr,
    /// Index in the registry.
    pub(crate) agent: u32,
    /// Index in the registry; `None` for memory of the agent itself.
    pub(crate) source: Option<u32>,
    /// Whether the quarter for established agents may be used.
    pub(crate) is_established: bool,
    /// Whether the sender is reserved: it may use a quarter in addition to the total.
    pub(crate) is_reserved: bool,
}

/// The account of an agent or source, with the ledger and limits.
#[derive(Debug)]
pub(crate) struct Allowance<'l> {
    pub(crate) ledger: &'l mut Ledger,
    pub(crate) account: Account,
    pub(crate) config: &'l Config,
}

impl Account {
    pub(crate) fn of(agent: &Agent, place: u32, source: Option<u32>) -> Self {
        Self {
            sender: agent.status.key.sender,
            agent: place,
            source,
            is_established: agent.status.established,
            is_reserved: agent.is_reserved,
        }
    }
}

impl Allowance<'_> {
    /// Charges bytes if no limit is exceeded; otherwise counts the limit in `health` and returns false.
    pub(crate) fn charge(&mut self, bytes: usize, health: &mut Health) -> bool {
        self.ledger.charge(self.account, bytes, self.config, health)
    }

    /// Releases bytes.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.ledger.release(self.account, bytes);
    }
}

impl Ledger {
    /// Bytes in total.
    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    /// Releases all bytes of a source.
    pub(crate) fn close_source(&mut self, account: Account) {
        let place = account.source.unwrap_or(u32::MAX);
        let bytes = self.sources.get(place as usize).copied().unwrap_or(0);
        self.release(account, bytes);
    }

    /// Releases all bytes of an agent without sources.
    pub(crate) fn close_agent(&mut self, account: Account) {
        let bytes = self.agents.get(account.agent as usize).copied();
        self.release(account, bytes.unwrap_or(0));
    }

    /// Charges bytes if no limit is exceeded; otherwise counts the limit in `health` and returns false.
    pub(crate) fn charge(
        &mut self,
        account: Account,
        bytes: usize,
        config: &Config,
        health: &mut Health,
    ) -> bool {
        let source = account.source.map(|place| place as usize);
        let agent = account.agent as usize;
        let kept = |list: &[usize], place: usize| list.get(place).copied().unwrap_or(0);
        let of_source = source.map_or(0, |place| kept(&self.sources, place));
        let of_agent = kept(&self.agents, agent);
        let of_sender = self.senders.get(&account.sender).copied().unwrap_or(0);
        let quarter = config.max_bytes / 4;
        let total = match (account.is_reserved, account.is_established) {
            (true, _) => config.max_bytes.saturating_add(quarter),
            (false, true) => config.max_bytes,
            (false, false) => config.max_bytes - quarter,
        };
        let bounds = [
            (
                of_source,
                config.max_bytes_per_source,
                &mut health.source_bytes_refused,
            ),
            (
                of_agent,
                config.max_bytes_per_agent,
                &mut health.agent_bytes_refused,
            ),
            (
                of_sender,
                config.max_bytes_per_sender,
                &mut health.sender_bytes_refused,
            ),
            (self.total, total, &mut health.total_bytes_refused),
        ];
        for (kept, most, refused) in bounds {
            if kept.saturating_add(bytes) > most {
                *refused += 1;
                return false;
            }
        }
        if let Some(place) = source {
            *at(&mut self.sources, place) += bytes;
        }
        *at(&mut self.agents, agent) += bytes;
        *self.senders.entry(account.sender).or_default() += bytes;
        self.total += bytes;
        true
    }

    fn release(&mut self, account: Account, bytes: usize) {
        if let Some(place) = account.source {
            let kept = at(&mut self.sources, place as usize);
            *kept = kept.saturating_sub(bytes);
        }
        let kept = at(&mut self.agents, account.agent as usize);
        *kept = kept.saturating_sub(bytes);
        if let Some(kept) = self.senders.get_mut(&account.sender) {
            *kept = kept.saturating_sub(bytes);
            if *kept == 0 {
                self.senders.remove(&account.sender);
            }
        }
        self.total = self.total.saturating_sub(bytes);
    }
}

/// The number at an index; the list is extended if necessary. Indices are dense.
fn at(list: &mut Vec<usize>, place: usize) -> &mut usize {
    if list.len() <= place {
        list.resize(place + 1, 0);
    }
    &mut list[place]
}
