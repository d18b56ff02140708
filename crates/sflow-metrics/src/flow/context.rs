//! What flows need of the registry.

use core::time::Duration;

use sflow_v5::DataSource;

use crate::config::Config;
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::{Account, Allowance, Ledger};
use crate::ingest::source::Source;
use crate::slab::Slab;
use crate::timestamp::Timestamp;

/// The datagram that contains a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) at: Timestamp,
    /// Index of the agent in the registry.
    pub(crate) agent: u32,
    /// The sequence of datagrams that it belongs to.
    pub(crate) session: u32,
    /// Number of the agent's datagrams lost so far, if known.
    pub(crate) lost: Option<u64>,
    /// Whether no later datagram was received before it.
    pub(crate) in_order: bool,
}

/// The parts of the registry that flows read and update.
#[derive(Debug)]
pub(crate) struct Context<'r> {
    pub(crate) agents: &'r Slab<Agent>,
    pub(crate) sources: &'r Slab<Source>,
    pub(crate) config: &'r Config,
    pub(crate) health: &'r mut Health,
    pub(crate) ledger: &'r mut Ledger,
}

impl Context<'_> {
    /// A limit as it applies to an agent: reserved senders may exceed it by a quarter.
    pub(super) fn limit_for(&self, agent: u32, limit: usize) -> usize {
        let agent = self.agents.get(agent);
        match agent.is_some_and(|agent| agent.is_reserved) {
            true => limit.saturating_add(limit / 4),
            false => limit,
        }
    }

    /// Whether these are two concurrent sequences of datagrams of an agent.
    pub(super) fn are_rivals(&self, agent: u32, session: u32, other: u32) -> bool {
        let agent = self.agents.get(agent);
        session != other && agent.is_some_and(|agent| agent.are_rivals(session, other))
    }

    /// A sequence of datagrams without samples of a source for this long does not report it.
    pub(super) fn longest_interval(&self) -> Duration {
        let Config {
            assumed_interval,
            stale_after,
            ..
        } = *self.config;
        assumed_interval.saturating_mul(stale_after)
    }

    /// Charges memory to an agent until it is forgotten, or to one of its sources until that is
    /// removed. Returns whether the allowance was sufficient.
    pub(super) fn charge(&mut self, agent: u32, source: Option<u32>, bytes: usize) -> bool {
        self.agents.get(agent).is_some_and(|known| {
            let mut allowance = Allowance {
                account: Account::of(known, agent, source),
                ledger: self.ledger,
                config: self.config,
            };
            allowance.charge(bytes, self.health)
        })
    }

    /// Line rate of a data source in bytes per second, or the configured ceiling if unknown.
    pub(super) fn line_rate(&self, agent: u32, source: DataSource) -> f64 {
        let agent = self.agents.get(agent);
        let index = agent.and_then(|agent| agent.sources.get(&source));
        let source = index.and_then(|index| self.sources.get(*index));
        let line_rate = source.and_then(Source::line_rate);
        line_rate.unwrap_or(self.config.ceilings.bytes_per_second)
    }
}

/// Maximum of a quantity after some time, given its maximum rate: allows for one second of delay
/// in the agent, and 10 %.
pub(super) fn most_within(per_second: f64, elapsed: Duration) -> f64 {
    per_second * (elapsed.as_secs_f64() + 1.0) * 1.1
}
