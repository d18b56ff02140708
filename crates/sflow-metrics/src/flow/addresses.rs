//! Which container or host owns an address.
//!
//! Agents report the MAC addresses of containers and hosts. An IP address belongs to the container
//! whose MAC address is observed together with it (containers rarely route, hosts do). Both apply
//! at the device (agents with one address and sender) that reported or observed the address.
//! They also apply elsewhere if only one device knows the address, as in a network that spans
//! devices; but not at a device that does not report the addresses of all its containers, since
//! the address may belong to one of these.

use core::hash::{BuildHasher, Hash, Hasher};
use core::net::IpAddr;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::RandomState;

use sflow_v5::Mac;
use sflow_v5::counter::HostAdapters;

use crate::agent::AgentKey;
use crate::entity::{EntityId, EntityKind};
use crate::flow::context::Context;
use crate::flow::headers::Level;
use crate::ingest::source::Source;
use crate::slab::Slab;

/// A container with this many observed addresses is a router: the addresses are not its own.
const MOST_LEARNED: u8 = 16;

/// Maximum number of containers without reported addresses that are stored for a device; one of
/// them suffices to know that the device does not report all addresses.
const MOST_UNADDRESSED: usize = 64;

/// The address of one end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NetworkAddress {
    /// A MAC address.
    Mac(Mac),
    /// An IP address.
    Ip(IpAddr),
}

impl Hash for NetworkAddress {
    /// Cheaper than the derived implementation: it runs for each sample.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self {
            Self::Mac(Mac([a, b, c, d, e, f])) => {
                hasher.write_u64(u64::from_be_bytes([1, 0, *a, *b, *c, *d, *e, *f]));
            }
            Self::Ip(IpAddr::V4(address)) => hasher.write_u64(address.to_bits().into()),
            Self::Ip(IpAddr::V6(address)) => hasher.write_u128(address.to_bits()),
        }
    }
}

impl From<Mac> for NetworkAddress {
    fn from(address: Mac) -> Self {
        Self::Mac(address)
    }
}

impl From<IpAddr> for NetworkAddress {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

/// Agents with the same address and sender, as a randomly keyed hash of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Device(u64);

/// A source that may own addresses, while it represents the same entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) index: u32,
    pub(super) id: EntityId,
    is_container: bool,
}

/// Addresses and their owners.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Randomly keyed, since foreign senders choose the addresses.
    key: RandomState,
    /// Owners at a device.
    local: HashMap<(Device, NetworkAddress), Known>,
    /// The owner at any device; `None` if several entities have the address.
    anywhere: HashMap<NetworkAddress, (Device, Option<Known>)>,
    /// Containers that their agent reports without an address. Addresses are not assigned to
    /// them by elimination.
    unaddressed: HashMap<Device, Vec<Owner>>,
    /// Number of addresses to refuse before searching again for removed owners.
    refusals_before_search: usize,
    /// Owners with addresses that the agent does not report, but the caller or the datagram.
    assigned: HashSet<Owner>,
    /// Number of observed addresses of containers.
    learned: HashMap<Owner, u8>,
}

/// The owner of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    owner: Owner,
    /// Whether it was only observed together with a reported address.
    is_learned: bool,
}

impl Addresses {
    /// The device of an agent.
    pub(super) fn device(&self, agent: &AgentKey) -> Device {
        Device(self.key.hash_one((agent.sender, agent.address)))
    }

    /// Adds the reported adapters of an entity.
    pub(super) fn learn(
        &mut self,
        device: Device,
        owner: Owner,
        adapters: &HostAdapters<'_>,
        context: &mut Context<'_>,
    ) {
        let mut is_unaddressed = owner.is_container && !self.assigned.contains(&owner);
        for adapter in adapters.adapters.iter() {
            for mac in adapter.mac_address.iter().filter(|mac| is_unicast(*mac)) {
                is_unaddressed = false;
                self.assign(device, mac.into(), Known::reported(owner), context);
            }
        }
        self.record_unaddressed(device, owner, is_unaddressed, context);
    }

    /// Adds an address that the adapters of an entity do not include.
    pub(super) fn set(
        &mut self,
        device: Device,
        owner: Owner,
        address: NetworkAddress,
        context: &mut Context<'_>,
    ) {
        if self.assigned.len() >= context.config.max_flow_addresses {
            self.assigned
                .retain(|owner| owner.is_valid(context.sources));
        }
        if self.assigned.len() < context.config.max_flow_addresses {
            self.assigned.insert(owner);
        }
        self.record_unaddressed(device, owner, false, context);
        self.assign(device, address, Known::reported(owner), context);
    }

    /// The owner of an address in a packet that a device sampled, perhaps inside a tunnel.
    pub(super) fn owner(
        &self,
        device: Device,
        address: NetworkAddress,
        is_inner: bool,
        sources: &Slab<Source>,
    ) -> Option<Owner> {
        let is_valid = |known: &&Known| self.is_valid(known, sources);
        if let Some(known) = self.local.get(&(device, address)).filter(is_valid) {
            return Some(known.owner);
        }
        if !is_inner && self.unaddressed.contains_key(&device) {
            return None;
        }
        let (_, known) = self.anywhere.get(&address)?;
        known.as_ref().filter(is_valid).map(|known| known.owner)
    }

    /// Learns the IP address that occurs together with the MAC address of a container.
    pub(super) fn observe(&mut self, device: Device, level: &Level, context: &mut Context<'_>) {
        let Some((source, _)) = level.mac else {
            return;
        };
        let Some(ip) = &level.ip else { return };
        if ip.source.is_unspecified() || ip.source.is_multicast() {
            return;
        }
        let now = match self.local.get(&(device, source.into())) {
            Some(known) if known.owner.is_container => Known {
                is_learned: true,
                ..*known
            },
            _ => return,
        };
        let address = ip.source.into();
        let known = self.local.get(&(device, address));
        if known.is_some_and(|known| *known == now || known.owner == now.owner && !known.is_learned)
        {
            return;
        }
        let learned = self.learned.entry(now.owner).or_default();
        if *learned < MOST_LEARNED {
            *learned += 1;
            self.assign(device, address, now, context);
        }
    }

    /// Removes addresses whose owners were removed.
    pub(super) fn forget_removed(&mut self, sources: &Slab<Source>) {
        let before = self.local.len();
        self.local.retain(|_, known| known.owner.is_valid(sources));
        self.assigned.retain(|owner| owner.is_valid(sources));
        self.unaddressed.retain(|_, containers| {
            containers.retain(|owner| owner.is_valid(sources));
            !containers.is_empty()
        });
        self.learned.retain(|owner, _| owner.is_valid(sources));
        if self.local.len() == before {
            return;
        }
        self.anywhere.clear();
        for ((device, address), known) in &self.local {
            announce(self.anywhere.entry(*address), *device, *known, sources);
        }
    }

    /// Sets the owner of an address at a device.
    fn assign(
        &mut self,
        device: Device,
        address: NetworkAddress,
        now: Known,
        context: &mut Context<'_>,
    ) {
        let known = self.local.get(&(device, address)).copied();
        if known == Some(now) {
            return;
        }
        let valid = known.filter(|known| self.is_valid(known, context.sources));
        match valid {
            // Hosts may report addresses of their containers as their own; not the reverse.
            Some(known) if known.owner.is_container && !now.owner.is_container => return,
            Some(known) if known.owner != now.owner => {
                let is_conflict = known.owner.is_container == now.owner.is_container;
                let is_mac = matches!(address, NetworkAddress::Mac(_));
                context.health.flow_address_conflicts += u64::from(is_conflict && is_mac);
            }
            Some(_) => {}
            None if known.is_none() && !self.has_capacity(now.owner, context) => {
                context.health.flow_addresses_refused += 1;
                return;
            }
            None => {}
        }
        self.local.insert((device, address), now);
        announce(self.anywhere.entry(address), device, now, context.sources);
    }

    /// Whether one more address of this owner is within the limit and its memory allowance.
    fn has_capacity(&mut self, owner: Owner, context: &mut Context<'_>) -> bool {
        /// Bytes with the entries in all tables.
        const ADDRESS: usize = 256;

        let Some(agent) = context.sources.get(owner.index).map(|source| source.agent) else {
            return false;
        };
        let limit = context.limit_for(agent, context.config.max_flow_addresses);
        if self.local.len() >= limit {
            // Searching for each refused address would be too expensive.
            if self.refusals_before_search > 0 {
                self.refusals_before_search -= 1;
                return false;
            }
            self.refusals_before_search = context.config.max_flow_addresses / 8;
            self.forget_removed(context.sources);
        }
        self.local.len() < limit && context.charge(agent, Some(owner.index), ADDRESS)
    }

    /// Records whether a container is reported without an address.
    fn record_unaddressed(
        &mut self,
        device: Device,
        owner: Owner,
        is_unaddressed: bool,
        context: &Context<'_>,
    ) {
        let is_full = self.unaddressed.len() >= context.config.max_flow_addresses;
        let containers = match self.unaddressed.entry(device) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if !is_unaddressed || is_full => return,
            Entry::Vacant(new) => new.insert(Vec::new()),
        };
        containers.retain(|known| *known != owner && known.is_valid(context.sources));
        if is_unaddressed && containers.len() < MOST_UNADDRESSED {
            containers.push(owner);
        }
        if containers.is_empty() {
            self.unaddressed.remove(&device);
        }
    }

    /// Whether an owner exists and is not a router with observed addresses.
    fn is_valid(&self, known: &Known, sources: &Slab<Source>) -> bool {
        let is_router = || self.learned.get(&known.owner) == Some(&MOST_LEARNED);
        known.owner.is_valid(sources) && !(known.is_learned && is_router())
    }
}

impl Known {
    fn reported(owner: Owner) -> Self {
        Self {
            owner,
            is_learned: false,
        }
    }
}

impl Owner {
    /// Containers and hosts own addresses; other entities do not.
    pub(super) fn of(source: &Source, index: u32) -> Option<Self> {
        let is_container = match source.kind {
            EntityKind::Container => true,
            EntityKind::Host => false,
            _ => return None,
        };
        Some(Self {
            index,
            id: source.id,
            is_container,
        })
    }

    pub(super) fn is_container(&self) -> bool {
        self.is_container
    }

    fn is_valid(&self, sources: &Slab<Source>) -> bool {
        let source = sources.get(self.index);
        source.is_some_and(|source| source.id == self.id)
    }
}

/// Makes an address known at all devices, unless another device reports a different owner.
fn announce(
    anywhere: Entry<'_, NetworkAddress, (Device, Option<Known>)>,
    device: Device,
    now: Known,
    sources: &Slab<Source>,
) {
    let (first, known) = anywhere.or_insert((device, Some(now)));
    match known {
        Some(other) if !other.owner.is_valid(sources) => (*first, *known) = (device, Some(now)),
        Some(_) if *first == device => *known = Some(now),
        Some(other) if other.owner.id != now.owner.id => *known = None,
        _ => {}
    }
}

/// Whether it is a unicast address.
fn is_unicast(Mac(octets): Mac) -> bool {
    octets != [0; 6] && octets[0] & 1 == 0
}
