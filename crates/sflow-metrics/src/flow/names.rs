//! Whose an address is.
//!
//! Containers and hosts say which MAC addresses they have. An IP address is whose MAC address it
//! is seen behind, if that is a container's: containers seldom route, hosts do. Both hold at the
//! device (agents of one address and sender) that said or saw it. They hold elsewhere, too, if
//! only one device knows the address, as in a network that spans devices; but not at a device
//! that does not tell all its addresses, since that one may be its own.

use core::hash::{BuildHasher, Hash, Hasher};
use core::net::IpAddr;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::RandomState;

use sflow_v5::Mac;
use sflow_v5::counter::HostAdapters;

use crate::agent::AgentKey;
use crate::config::Config;
use crate::entity::{EntityId, EntityKind};
use crate::flow::packet::Level;
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::{Account, Allowance, Ledger};
use crate::ingest::source::Source;
use crate::slab::Slab;

/// Who is seen with more addresses than this routes for others.
const MOST_LEARNED: u8 = 16;

/// Containers of a device without reported addresses that are kept; one is enough to know that the
/// device does not report all its addresses.
const MOST_UNADDRESSED: usize = 64;

/// By what an end of a packet is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum NetworkAddress {
    /// On the link.
    Mac(Mac),
    /// On the network.
    Ip(IpAddr),
}

impl Hash for NetworkAddress {
    /// In few steps: every sample waits for it.
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

/// Agents of one address and sender, whatever their streams: a random number that stands for
/// both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Device(u64);

/// A source as long as it is the same entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) place: u32,
    pub(super) id: EntityId,
    is_container: bool,
}

/// Addresses and whose they are.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Randomly keyed: addresses come from strangers.
    key: RandomState,
    /// At a device.
    local: HashMap<(Device, NetworkAddress), Known>,
    /// Anywhere: the owner, or nobody if there are several.
    anywhere: HashMap<NetworkAddress, (Device, Option<Known>)>,
    /// Containers that their agent reports without an address. Which packets are theirs is not
    /// concluded from what is left.
    unaddressed: HashMap<Device, Vec<Owner>>,
    /// Addresses that are refused before the next search for owners that have gone.
    refusals_before_search: usize,
    /// Whose addresses somebody knows better than their agents.
    told: HashSet<Owner>,
    /// How many addresses of containers were seen behind those that they say.
    learned: HashMap<Owner, u8>,
}

/// What there is to know from, and room for it.
#[derive(Debug)]
pub(super) struct World<'w> {
    pub(super) sources: &'w Slab<Source>,
    /// Addresses at most.
    pub(super) limit: usize,
    pub(super) health: &'w mut Health,
    pub(super) agents: &'w Slab<Agent>,
    pub(super) ledger: &'w mut Ledger,
    pub(super) config: &'w Config,
}

impl World<'_> {
    /// Charges an owner for one more address, until its source is removed.
    fn charge(&mut self, owner: Owner) -> bool {
        /// With its places in tables.
        const ADDRESS: usize = 256;

        let source = self.sources.get(owner.place);
        let agent = source.and_then(|source| Some((source.agent, self.agents.get(source.agent)?)));
        agent.is_some_and(|(place, agent)| {
            let mut allowance = Allowance {
                account: Account::of(agent, place, Some(owner.place)),
                ledger: self.ledger,
                config: self.config,
            };
            allowance.charge(ADDRESS, self.health)
        })
    }
}

/// How it is known whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    owner: Owner,
    /// Whether it was only seen behind another one.
    is_learned: bool,
}

impl Names {
    /// What stands for the device of an agent.
    pub(super) fn device(&self, agent: &AgentKey) -> Device {
        Device(self.key.hash_one((agent.sender, agent.address)))
    }

    /// Takes over which adapters an entity says it has.
    pub(super) fn learn(
        &mut self,
        device: Device,
        owner: Owner,
        adapters: &HostAdapters<'_>,
        world: &mut World<'_>,
    ) {
        let mut is_unaddressed = owner.is_container && !self.told.contains(&owner);
        for adapter in adapters.adapters.iter() {
            for mac in adapter.mac_address.iter().filter(|mac| is_of_one(*mac)) {
                is_unaddressed = false;
                self.assign(device, mac.into(), Known::said(owner), world);
            }
        }
        self.note_unaddressed(device, owner, is_unaddressed, world);
    }

    /// Takes over what somebody knows better than the agent.
    pub(super) fn tell(
        &mut self,
        device: Device,
        owner: Owner,
        address: NetworkAddress,
        world: &mut World<'_>,
    ) {
        if self.told.len() >= world.limit {
            self.told.retain(|owner| owner.is_valid(world.sources));
        }
        if self.told.len() < world.limit {
            self.told.insert(owner);
        }
        self.note_unaddressed(device, owner, false, world);
        self.assign(device, address, Known::said(owner), world);
    }

    /// Whose this address is, as seen from a device, perhaps inside a tunnel.
    pub(super) fn owner(
        &self,
        device: Device,
        address: NetworkAddress,
        is_inner: bool,
        sources: &Slab<Source>,
    ) -> Option<Owner> {
        let stands = |known: &&Known| self.stands(known, sources);
        if let Some(known) = self.local.get(&(device, address)).filter(stands) {
            return Some(known.owner);
        }
        if !is_inner && self.unaddressed.contains_key(&device) {
            return None;
        }
        let (_, known) = self.anywhere.get(&address)?;
        known.as_ref().filter(stands).map(|known| known.owner)
    }

    /// Sees who is behind which address.
    pub(super) fn observe(&mut self, device: Device, level: &Level, world: &mut World<'_>) {
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
            self.assign(device, address, now, world);
        }
    }

    /// Lets addresses go whose owners have gone.
    pub(super) fn forget_gone(&mut self, sources: &Slab<Source>) {
        let before = self.local.len();
        self.local.retain(|_, known| known.owner.is_valid(sources));
        self.told.retain(|owner| owner.is_valid(sources));
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

    /// From now on this address at this device is that of an entity.
    fn assign(
        &mut self,
        device: Device,
        address: NetworkAddress,
        now: Known,
        world: &mut World<'_>,
    ) {
        let known = self.local.get(&(device, address)).copied();
        if known == Some(now) {
            return;
        }
        let standing = known.filter(|known| self.stands(known, world.sources));
        match standing {
            // A host may call the address of one of its containers its own, not the reverse.
            Some(known) if known.owner.is_container && !now.owner.is_container => return,
            Some(known) if known.owner != now.owner => {
                let is_conflict = known.owner.is_container == now.owner.is_container;
                let is_mac = matches!(address, NetworkAddress::Mac(_));
                world.health.flow_address_conflicts += u64::from(is_conflict && is_mac);
            }
            Some(_) => {}
            None if known.is_none()
                && !(self.has_room(now.owner, world) && world.charge(now.owner)) =>
            {
                world.health.flow_addresses_refused += 1;
                return;
            }
            None => {}
        }
        self.local.insert((device, address), now);
        announce(self.anywhere.entry(address), device, now, world.sources);
    }

    /// Whether one more address of this owner can be kept. A reserved sender may use a quarter
    /// beyond the limit.
    fn has_room(&mut self, owner: Owner, world: &World<'_>) -> bool {
        let source = world.sources.get(owner.place);
        let agent = source.and_then(|source| world.agents.get(source.agent));
        let limit = match agent.is_some_and(|agent| agent.is_reserved) {
            true => world.limit.saturating_add(world.limit / 4),
            false => world.limit,
        };
        if self.local.len() >= limit {
            // A search of all addresses costs some steps of each refusal.
            if self.refusals_before_search > 0 {
                self.refusals_before_search -= 1;
                return false;
            }
            self.refusals_before_search = world.limit / 8;
            self.forget_gone(world.sources);
        }
        self.local.len() < limit
    }

    /// Records whether a container is reported without an address.
    fn note_unaddressed(
        &mut self,
        device: Device,
        owner: Owner,
        is_unaddressed: bool,
        world: &World<'_>,
    ) {
        let is_full = self.unaddressed.len() >= world.limit;
        let containers = match self.unaddressed.entry(device) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if !is_unaddressed || is_full => return,
            Entry::Vacant(new) => new.insert(Vec::new()),
        };
        containers.retain(|known| *known != owner && known.is_valid(world.sources));
        if is_unaddressed && containers.len() < MOST_UNADDRESSED {
            containers.push(owner);
        }
        if containers.is_empty() {
            self.unaddressed.remove(&device);
        }
    }

    /// Whether it can still be believed.
    fn stands(&self, known: &Known, sources: &Slab<Source>) -> bool {
        let is_router = || self.learned.get(&known.owner) == Some(&MOST_LEARNED);
        known.owner.is_valid(sources) && !(known.is_learned && is_router())
    }
}

impl Known {
    fn said(owner: Owner) -> Self {
        Self {
            owner,
            is_learned: false,
        }
    }
}

impl Owner {
    /// Somebody whose packets can be told by their addresses.
    pub(super) fn of(source: &Source, place: u32) -> Option<Self> {
        let is_container = match source.kind {
            EntityKind::Container => true,
            EntityKind::Host => false,
            _ => return None,
        };
        Some(Self {
            place,
            id: source.id,
            is_container,
        })
    }

    pub(super) fn is_container(&self) -> bool {
        self.is_container
    }

    fn is_valid(&self, sources: &Slab<Source>) -> bool {
        let source = sources.get(self.place);
        source.is_some_and(|source| source.id == self.id)
    }
}

/// An address of one device is known everywhere, unless another one knows it as somebody else's.
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

/// Whether it can be the address of one adapter.
fn is_of_one(Mac(octets): Mac) -> bool {
    octets != [0; 6] && octets[0] & 1 == 0
}
