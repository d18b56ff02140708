//! Which agent reports for which node.
//!
//! sFlow datagrams carry no proof of origin. A reading of a node, or of a task that runs on it,
//! counts only if it comes from the agent of that node. [`Trust`] decides this once for counters,
//! packet samples, host load, saturation, outliers and node pools:
//!
//! 1. **The addresses of the node are known**, from the orchestrator or from the configuration
//!    ([`NodeSenders`]): only senders with one of these addresses report for it. If several of
//!    them do, the agent whose agent address is an address of the node counts; where this does
//!    not decide, the node is *contested*.
//! 2. **No address is known**: the node is bound to the first agent (agent address, sender and
//!    UUID of the host) that reports a host of its name and is the only one for 30 s. A second
//!    claimant within an hour makes the node contested, even if the first one is silent.
//!
//! Readings of a contested node are unknown. They count as missing data, which keeps the size.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use sflow_metrics::{
    AgentKey, Registry, Timestamp,
    entity::{Entity, Id as EntityId, Kind as EntityKind, Lifecycle},
};
use sflow_v5::Address;
use sflow_v5::types::Uuid;

use crate::orchestrator::NodeAddresses;

/// How long an agent must be the only claimant before it reports for a node without a known
/// address. Agents that poll at the usual intervals have reported by then.
const PROBATION: Duration = Duration::from_secs(30);
/// How long a claimant of a node without a known address is remembered after its last report.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Claimants of one node that are remembered and shown.
const MOST_CLAIMANTS: usize = 8;
/// The name in [`NodeSenders`] that stands for every node.
pub const EVERY_NODE: &str = "*";

/// Senders that report for a node beside the addresses that the orchestrator has for it: networks
/// by the name of the node, or by [`EVERY_NODE`].
pub type NodeSenders = BTreeMap<String, Vec<IpNet>>;

/// An agent that reports a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The address that its datagrams come from.
    pub sender: IpAddr,
    /// The agent address in its datagrams.
    pub address: Address,
    /// The number of its stream of datagrams.
    pub sub_agent: u32,
    /// The number of the agent among those with this sender, address and sub-agent.
    pub instance: u32,
    /// The UUID of the host.
    pub uuid: Option<Uuid>,
}

impl Claimant {
    fn of(host: &Entity<'_>) -> Self {
        let AgentKey {
            sender,
            address,
            sub_agent,
            instance,
        } = host.agent();
        Self {
            sender,
            address,
            sub_agent,
            instance,
            uuid: host.uuid(),
        }
    }

    /// Whether both are the same agent on the same host: another stream of the agent must have the
    /// UUID of the host, which an agent may report late in the same stream.
    fn is(&self, other: &Self) -> bool {
        let is_same_host = match (self.uuid, other.uuid) {
            (Some(a), Some(b)) => a == b,
            _ => (self.sub_agent, self.instance) == (other.sub_agent, other.instance),
        };
        is_same_host && (self.sender, self.address) == (other.sender, other.address)
    }

    fn key(&self) -> AgentKey {
        AgentKey {
            sender: self.sender,
            address: self.address,
            sub_agent: self.sub_agent,
            instance: self.instance,
        }
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sender)?;
        if self.address.ip() != Some(self.sender) {
            write!(f, " (agent address {})", self.address)?;
        }
        Ok(())
    }
}

/// The agent that reports for a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reporter {
    /// No agent reports for it.
    #[default]
    None,
    /// The only claimant of a node without a known address, since less than 30 s.
    Probation(Claimant),
    /// This agent reports for it.
    Agent(Claimant),
    /// Several agents report for it, and nothing decides between them.
    Contested(Vec<Claimant>),
}

/// A node of the cluster and the agent that reports for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeReport {
    /// The name of the node.
    pub name: String,
    /// The addresses that the orchestrator has for it.
    pub addresses: Vec<IpAddr>,
    /// The agent.
    pub reporter: Reporter,
    /// Senders that report a host of its name and may not, at most eight.
    pub foreign: Vec<Claimant>,
    networks: Vec<IpNet>,
}

impl NodeReport {
    /// Whether the addresses of its agent are known.
    pub fn has_known_senders(&self) -> bool {
        !self.addresses.is_empty() || !self.networks.is_empty()
    }

    fn allows(&self, sender: IpAddr) -> bool {
        self.addresses.contains(&sender)
            || self
                .networks
                .iter()
                .any(|network| network.contains(&sender))
    }
}

/// Which agent reports for which node, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    nodes: Vec<NodeReport>,
    /// Places in `nodes` by name in lower case.
    by_name: HashMap<String, Vec<usize>>,
    /// The same by the name up to its first dot.
    by_short_name: HashMap<String, Vec<usize>>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    /// Places of nodes that have networks.
    with_networks: Vec<usize>,
    /// Hosts that count, with the place of their node.
    hosts: HashMap<EntityId, usize>,
    /// Agents that report for nodes.
    agents: HashMap<AgentKey, Vec<usize>>,
}

/// The claimants of nodes without a known address.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<String, Vec<Remembered>>);

#[derive(Clone, Copy, Debug)]
struct Remembered {
    claimant: Claimant,
    first: Timestamp,
    last: Timestamp,
}

/// A host entity that claims to be a node.
#[derive(Clone, Copy)]
struct Claim {
    host: EntityId,
    claimant: Claimant,
    is_stale: bool,
}

impl Trust {
    /// Decides who reports for these nodes.
    pub(super) fn new(
        now: Timestamp,
        registry: &Registry,
        nodes: Vec<NodeAddresses>,
        senders: &NodeSenders,
        remembered: &mut Claims,
    ) -> Self {
        let mut trust = Self::with_nodes(nodes, senders);
        let mut claims: Vec<Vec<Claim>> = vec![Vec::new(); trust.nodes.len()];
        for host in registry.entities(now) {
            let lifecycle = host.lifecycle();
            if host.kind() == EntityKind::Host && lifecycle != Lifecycle::Gone {
                let claim = Claim {
                    host: host.id(),
                    claimant: Claimant::of(&host),
                    is_stale: lifecycle == Lifecycle::Stale,
                };
                for place in trust.claimed(&host) {
                    if let Some(claims) = claims.get_mut(place) {
                        claims.push(claim);
                    }
                }
            }
        }
        remembered.forget(now, &trust.nodes);
        for (place, claims) in claims.into_iter().enumerate() {
            trust.decide(now, place, claims, remembered);
        }
        trust
    }

    fn with_nodes(nodes: Vec<NodeAddresses>, senders: &NodeSenders) -> Self {
        let mut trust = Self::default();
        let networks_of = |name: &str| senders.get(name).into_iter().flatten().copied();
        for (place, node) in nodes.into_iter().enumerate() {
            let networks: Vec<IpNet> = networks_of(&node.name)
                .chain(networks_of(EVERY_NODE))
                .collect();
            let name = node.name.to_lowercase();
            let short = trust.by_short_name.entry(short(&name).to_owned());
            short.or_default().push(place);
            trust.by_name.entry(name).or_default().push(place);
            for address in &node.addresses {
                trust.by_address.entry(*address).or_default().push(place);
            }
            if !networks.is_empty() {
                trust.with_networks.push(place);
            }
            trust.nodes.push(NodeReport {
                name: node.name,
                addresses: node.addresses,
                networks,
                ..NodeReport::default()
            });
        }
        trust
    }

    /// The nodes and who reports for them.
    pub fn nodes(&self) -> &[NodeReport] {
        &self.nodes
    }

    /// Whether this is an address of a node.
    pub(super) fn is_node(&self, address: IpAddr) -> bool {
        self.by_address.contains_key(&address)
    }

    /// Whether the nodes are unknown, as with a recording: then every reading counts.
    pub(super) fn is_open(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes of this name, in upper or lower case and with or without their domain: more than
    /// one only if several have the same name, none if it is cut and several begin so.
    pub fn named(&self, name: &str) -> &[usize] {
        let name = name.to_lowercase();
        if let Some(places) = self.by_name.get(&name) {
            return places;
        }
        match self.by_short_name.get(short(&name)) {
            Some(places) if places.len() == 1 => places,
            _ => &[],
        }
    }

    /// Whether the node at this index is one of those that [`named`](Self::named) returns.
    pub(super) fn is_named(&self, node: usize, name: &str) -> bool {
        let report = self.nodes.get(node);
        report.is_some_and(|report| report.name == name) || self.named(name).contains(&node)
    }

    /// The node that this entity is or is on, if its agent reports for that node.
    pub fn node_of(&self, entity: &Entity<'_>) -> Option<usize> {
        let host = match entity.kind() {
            EntityKind::Host => Some(*entity),
            _ => entity.parent(),
        };
        match host {
            Some(host) => self.hosts.get(&host.id()).copied(),
            None => {
                let agent = entity.agent();
                let place = self.only_node_at(agent.sender)?;
                match &self.nodes.get(place)?.reporter {
                    Reporter::None => Some(place),
                    Reporter::Agent(_) => {
                        let places = self.agents.get(&agent)?;
                        places.contains(&place).then_some(place)
                    }
                    Reporter::Probation(_) | Reporter::Contested(_) => None,
                }
            }
        }
    }

    /// Whether an agent samples the packets of one of these nodes: of those that it reports for, or
    /// of the node at its address if no agent reports for it.
    pub(super) fn samples_any(&self, agent: &AgentKey, nodes: &BTreeSet<usize>) -> bool {
        if let Some(places) = self.agents.get(agent) {
            return places.iter().any(|place| nodes.contains(place));
        }
        let place = self.only_node_at(agent.sender);
        place.is_some_and(|place| {
            let node = self.nodes.get(place);
            let has_no_reporter = node.is_some_and(|node| node.reporter == Reporter::None);
            has_no_reporter && nodes.contains(&place)
        })
    }

    /// The senders that report for nodes.
    pub fn senders(&self) -> impl Iterator<Item = IpAddr> {
        let known = self.nodes.iter().flat_map(|node| node.addresses.iter());
        let networks = self.nodes.iter().flat_map(|node| node.networks.iter());
        let single = networks.filter(|network| network.prefix_len() == network.max_prefix_len());
        let reporting = self.agents.keys().map(|agent| agent.sender);
        let single = single.map(IpNet::addr);
        known.copied().chain(single).chain(reporting)
    }

    /// The nodes that a host claims to be, as far as its sender may; where it may not, it is
    /// recorded as foreign.
    fn claimed(&mut self, host: &Entity<'_>) -> Vec<usize> {
        let sender = host.agent().sender;
        let name = host.name().to_lowercase();
        let (named, is_exact) = match self.by_name.get(&name) {
            Some(places) => (places.clone(), true),
            None => {
                let places = self.by_short_name.get(short(&name)).cloned();
                let places = places.unwrap_or_default();
                let is_exact = places.len() == 1;
                (places, is_exact)
            }
        };
        if named.is_empty() {
            // The host has a name of its own: the address alone decides.
            return self.only_node_at(sender).into_iter().collect();
        }
        let may = |place: &usize| {
            let node = self.nodes.get(*place);
            node.is_some_and(|node| match node.has_known_senders() {
                true => node.allows(sender),
                false => is_exact,
            })
        };
        let allowed: Vec<usize> = named.iter().copied().filter(may).collect();
        if allowed.is_empty()
            && let [place] = named[..]
            && let Some(node) = self.nodes.get_mut(place)
            && node.foreign.len() < MOST_CLAIMANTS
        {
            let claimant = Claimant::of(host);
            if !node.foreign.iter().any(|known| known.is(&claimant)) {
                node.foreign.push(claimant);
            }
        }
        allowed
    }

    /// The node that this address is of, if there is exactly one.
    fn only_node_at(&self, sender: IpAddr) -> Option<usize> {
        let by_address = self.by_address.get(&sender).into_iter().flatten();
        let by_network = self.with_networks.iter().filter(|place| {
            let node = self.nodes.get(**place);
            node.is_some_and(|node| node.allows(sender))
        });
        let mut found = None;
        for place in by_address.chain(by_network).copied() {
            if found.is_some_and(|found| found != place) {
                return None;
            }
            found = Some(place);
        }
        found
    }

    fn decide(
        &mut self,
        now: Timestamp,
        place: usize,
        mut claims: Vec<Claim>,
        remembered: &mut Claims,
    ) {
        let Some(node) = self.nodes.get_mut(place) else {
            return;
        };
        if claims.iter().any(|claim| !claim.is_stale) {
            claims.retain(|claim| !claim.is_stale);
        }
        let mut claimants: Vec<Claimant> = Vec::new();
        for claim in &claims {
            let is_known = claimants.iter().any(|known| known.is(&claim.claimant));
            if !is_known && claimants.len() < MOST_CLAIMANTS {
                claimants.push(claim.claimant);
            }
        }
        node.reporter = if !node.has_known_senders() {
            remembered.decide(now, &node.name, &claimants)
        } else {
            let is_own = |claimant: &&Claimant| {
                let address = claimant.address.ip();
                address.is_some_and(|address| node.addresses.contains(&address.to_canonical()))
            };
            let own: Vec<Claimant> = claimants.iter().filter(is_own).copied().collect();
            match (&claimants[..], &own[..]) {
                ([], _) => Reporter::None,
                ([only], _) | (_, [only]) => Reporter::Agent(*only),
                _ => Reporter::Contested(claimants),
            }
        };
        let Reporter::Agent(reporter) = &node.reporter else {
            return;
        };
        for claim in claims {
            if claim.claimant.is(reporter) {
                self.hosts.insert(claim.host, place);
                let places = self.agents.entry(claim.claimant.key()).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
}

impl Claims {
    /// Decides by what has been claimed for longer.
    fn decide(&mut self, now: Timestamp, node: &str, claimants: &[Claimant]) -> Reporter {
        if claimants.is_empty() && !self.0.contains_key(node) {
            return Reporter::None;
        }
        let known = self.0.entry(node.to_owned()).or_default();
        for claimant in claimants {
            if let Some(known) = known.iter_mut().find(|known| known.claimant.is(claimant)) {
                known.last = now;
                known.claimant.uuid = known.claimant.uuid.or(claimant.uuid);
            } else if known.len() < MOST_CLAIMANTS {
                known.push(Remembered {
                    claimant: *claimant,
                    first: now,
                    last: now,
                });
            }
        }
        match &known[..] {
            [] => Reporter::None,
            [_] if claimants.is_empty() => Reporter::None,
            [only] if now - only.first < PROBATION => Reporter::Probation(only.claimant),
            [only] => Reporter::Agent(only.claimant),
            several => Reporter::Contested(several.iter().map(|known| known.claimant).collect()),
        }
    }

    fn forget(&mut self, now: Timestamp, nodes: &[NodeReport]) {
        self.0.retain(|name, known| {
            known.retain(|known| now - known.last < REMEMBERED);
            let is_needed = |node: &NodeReport| node.name == *name && !node.has_known_senders();
            !known.is_empty() && nodes.iter().any(is_needed)
        });
    }
}

/// A name up to its first dot.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}
