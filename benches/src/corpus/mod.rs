//! Five corpora of datagrams, generated from a seed, with the same bytes on every machine.
//!
//! Their content is plausible for a network, and written by the encoder of `sflow-v5`. `cargo run -p
//! sflow-benches --bin corpus` writes them to files for other decoders.

mod agent;
mod counters;
mod packet;
mod random;
mod reading;

use std::collections::VecDeque;
use std::iter::FusedIterator;
use std::net::Ipv4Addr;

use sflow_v5::sample::Encoding;

use agent::{Agent, Role};
use packet::Traffic;
use random::Random;

/// The number of agents.
const AGENTS: u16 = 100;

/// A mix of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// Packets through switches and routers: six flow samples per datagram, with two or more
    /// records.
    Flows,
    /// Ports: seven counters samples with two records.
    Counters,
    /// Hosts: one counters sample with eleven records.
    Host,
    /// Containers: four counters samples with seven short records.
    Containers,
    /// A mix: of ten agents, seven are switches (one with expanded samples, one with an IPv6
    /// address), and one each sends counters of ports, of its host, and of its containers.
    Mixed,
}

impl Corpus {
    /// All corpora.
    pub const ALL: [Self; 5] = [
        Self::Flows,
        Self::Counters,
        Self::Host,
        Self::Containers,
        Self::Mixed,
    ];

    /// The name in tables and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Counters => "counters",
            Self::Host => "host",
            Self::Containers => "containers",
            Self::Mixed => "mixed",
        }
    }

    /// An infinite iterator over the datagrams.
    ///
    /// ```
    /// use sflow_benches::Corpus;
    ///
    /// let datagram = Corpus::Flows.datagrams(1).next().ok_or("an infinite iterator")?;
    /// assert_eq!(datagram.bytes[..4], [0, 0, 0, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn datagrams(self, seed: u64) -> Datagrams {
        let mut random = Random::new(seed, self.name());
        let traffic = Traffic::new(&mut random);
        let seed = random.next();
        Datagrams {
            traffic,
            agents: (1..=AGENTS)
                .map(|number| self.agent(seed, number))
                .collect(),
            turn: 0,
            ready: VecDeque::new(),
        }
    }

    fn agent(self, seed: u64, number: u16) -> Agent {
        let role = match (self, number % 10) {
            (Self::Flows, _) => Role::Router,
            (Self::Counters, _) => Role::Ports(8),
            (Self::Host, _) => Role::Host,
            (Self::Containers, _) | (Self::Mixed, 9) => Role::Containers,
            (Self::Mixed, 8) => Role::BusyHost,
            (Self::Mixed, 7) => Role::Ports(4),
            (Self::Mixed, _) => Role::Switch,
        };
        let is_ipv6 = self == Self::Mixed && number % 10 == 5;
        let encoding = if self == Self::Mixed && number % 10 == 6 {
            Encoding::Expanded
        } else {
            Encoding::Compact
        };
        Agent::new(seed, number, role, is_ipv6, encoding)
    }
}

/// An iterator over the datagrams of a [`Corpus`].
#[derive(Debug)]
pub struct Datagrams {
    traffic: Traffic,
    agents: Vec<Agent>,
    turn: usize,
    ready: VecDeque<Sent>,
}

/// A datagram and its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The datagram.
    pub bytes: Vec<u8>,
}

impl Iterator for Datagrams {
    type Item = Sent;

    fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(sent) = self.ready.pop_front() {
                return Some(sent);
            }
            let place = self.turn % self.agents.len();
            self.turn += 1;
            let agent = &mut self.agents[place];
            let source = agent.address;
            let datagrams = agent.turn(&self.traffic);
            self.ready
                .extend(datagrams.into_iter().map(|bytes| Sent { source, bytes }));
        }
    }
}

impl FusedIterator for Datagrams {}

#[cfg(test)]
mod tests;
