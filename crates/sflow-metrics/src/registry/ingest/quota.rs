//! Use of the capacity by senders and networks of senders.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::{HashMap, HashSet};

use sflow_v5::Address;

use crate::timestamp::Timestamp;

/// The state of admission.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    pub(super) senders: HashMap<IpAddr, Sender>,
    /// By the first address of a network.
    networks: HashMap<IpAddr, Used>,
    pub(super) reserved: HashSet<IpAddr>,
    /// Capacity of each reserved sender.
    own: Used,
    /// Use by all senders, without the capacity of reserved ones.
    used: Used,
    /// The sender that was first to use an agent address.
    pub(super) claims: HashMap<(Address, u32), IpAddr>,
    pub(super) swept_at: Option<Timestamp>,
    /// Place at which the next search for an agent to displace begins.
    pub(super) cursor: u32,
}

/// Agents and data sources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) agents: usize,
    pub(super) sources: usize,
}

/// Use by one sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sender {
    used: Used,
    pub(super) established: usize,
}

/// The bound that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Sender,
    Network,
    Registry,
}

/// The bounds on one kind of thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) registry: usize,
    pub(super) network: usize,
    pub(super) sender: usize,
}

impl Used {
    /// The part beyond the capacity of a reserved sender.
    fn beyond(self, own: Self) -> Self {
        Self {
            agents: self.agents.saturating_sub(own.agents),
            sources: self.sources.saturating_sub(own.sources),
        }
    }

    /// Adds a change from one state to another.
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

    /// Changes the use by a sender.
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
    /// The bound that one more of a sender would exceed.
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

/// The part of a bound that a sender can use.
const fn share(max: usize, is_established: bool) -> usize {
    if is_established { max } else { max - max / 4 }
}
