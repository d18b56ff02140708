//! Use of the capacity by senders and networks of senders.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::{HashMap, HashSet};

use sflow_v5::Address;

use crate::timestamp::Timestamp;

/// The state of admission.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    pub(super) senders: HashMap<IpAddr, Sender>,
    /// By the first address of the network.
    networks: HashMap<IpAddr, Used>,
    pub(super) reserved: HashSet<IpAddr>,
    /// Capacity of each reserved sender.
    own: Used,
    /// Agents and sources of all senders beyond reserved capacity.
    used: Used,
    /// The first sender of each agent address and sub-agent.
    pub(super) first_senders: HashMap<(Address, u32), IpAddr>,
    pub(super) swept_at: Option<Timestamp>,
    /// Index at which the next search for an agent to displace begins.
    pub(super) cursor: u32,
}

/// Numbers of agents and data sources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) agents: usize,
    pub(super) sources: usize,
}

/// Numbers of one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sender {
    used: Used,
    pub(super) established: usize,
}

/// The limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Sender,
    Network,
    Registry,
}

/// The limits on agents or on data sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) registry: usize,
    pub(super) network: usize,
    pub(super) sender: usize,
}

impl Used {
    /// The numbers beyond the capacity of a reserved sender.
    fn beyond(self, own: Self) -> Self {
        Self {
            agents: self.agents.saturating_sub(own.agents),
            sources: self.sources.saturating_sub(own.sources),
        }
    }

    /// Adds the difference between two numbers.
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

    pub(crate) fn admit_agent(&mut self, sender: IpAddr) {
        self.change(sender, |used| used.agents += 1);
    }

    pub(crate) fn count_source(&mut self, sender: IpAddr) {
        self.change(sender, |used| used.sources += 1);
    }

    pub(crate) fn discount_source(&mut self, sender: IpAddr) {
        self.change(sender, |used| used.sources = used.sources.saturating_sub(1));
    }

    /// Changes the numbers of a sender.
    pub(super) fn change(&mut self, address: IpAddr, change: impl FnOnce(&mut Used)) {
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
    pub(super) fn reserve(&mut self, reserved: HashSet<IpAddr>, capacity: Used) {
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

impl Admission {
    /// The limit that another agent or source of a sender would exceed.
    pub(super) fn bound(
        &self,
        address: IpAddr,
        limits: Limits,
        of: impl Fn(Used) -> usize,
    ) -> Option<Bound> {
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

/// The first address of the network of a sender: the /24 of IPv4, the /64 of IPv6.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The part of a limit that a sender can use.
const fn share(max: usize, is_established: bool) -> usize {
    if is_established { max } else { max - max / 4 }
}
