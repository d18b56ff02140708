//! The table of watched definitions.

use sflow_v5::counter::HostAdapters;
use sflow_v5::{CountersSample, DataSource, DiscardedPacket, FlowSample};

use crate::config::Config;
use crate::flow::addresses::{Addresses, Device, NetworkAddress, Owner};
use crate::flow::answer::{Answer, Id, TooManyDefinitions};
use crate::flow::context::{Context, Origin, most_within};
use crate::flow::definition::Definition;
use crate::flow::ends::{ServiceOf, Site};
use crate::flow::headers::Headers;
use crate::flow::key::Key;
use crate::flow::length::Length;
use crate::flow::partial::Partial;
use crate::flow::rate::{Outcome, Taken};
use crate::flow::sample::{Observation, Packet};
use crate::flow::samplers::Samplers;
use crate::flow::watched::{PacketCount, Scratch, Watched, Weighed};
use crate::hash_key::HashKey;
use crate::ingest::agent::Agent;
use crate::ingest::source::Source;
use crate::slab::Slab;
use crate::timestamp::Timestamp;

/// Line rates below this one in bytes per second are not trusted, see [`Source::line_rate`], so
/// samples of fewer bytes need no check.
const LEAST_LINE_RATE: f64 = 125e6;

/// The watched definitions and the state that they share.
#[derive(Debug)]
pub(crate) struct Flows {
    hash_key: HashKey,
    pub(crate) samplers: Samplers,
    watched: Vec<Watched>,
    needs: Needs,
    addresses: Addresses,
    next_id: u64,
    scratch: Scratch,
    expired_at: Timestamp,
    /// The time of the current datagram, which may cause kept earlier ones to be ingested.
    now: Timestamp,
    service_of: Option<ServiceOf>,
}

/// What the watched definitions require together.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    samples: bool,
    drops: bool,
    headers: bool,
    names: bool,
    length: bool,
}

/// The effect of a packet sample on the status of its agent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Effect {
    /// The sample continues those of its source and the length of the packet is known.
    pub(crate) is_useful: bool,
    /// Several sequences of datagrams contain samples of its source.
    pub(crate) is_doubtful: bool,
    /// From this sample on the sequence numbers of its source are not used.
    pub(crate) is_distrusted: bool,
}

impl Flows {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            hash_key: config.hash_key.unwrap_or_else(HashKey::random),
            samplers: Samplers::default(),
            watched: Vec::new(),
            needs: Needs::default(),
            addresses: Addresses::default(),
            next_id: 0,
            scratch: Scratch::default(),
            expired_at: Timestamp::ZERO,
            now: Timestamp::ZERO,
            service_of: None,
        }
    }

    pub(crate) fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(crate) fn watch(
        &mut self,
        definition: Definition,
        config: &Config,
    ) -> Result<Id, TooManyDefinitions> {
        let limit = config.max_flow_definitions;
        if self.watched.len() >= limit {
            return Err(TooManyDefinitions { limit });
        }
        let id = Id(self.next_id);
        self.next_id += 1;
        let committed: usize = self.watched.iter().map(|watched| watched.bytes).sum();
        let available = config.max_flow_bytes.saturating_sub(committed);
        self.watched
            .push(Watched::new(id, definition, config, available));
        self.needs = Needs::of(&self.watched);
        Ok(id)
    }

    pub(crate) fn unwatch(&mut self, id: Id) -> bool {
        let before = self.watched.len();
        self.watched.retain(|watched| watched.id != id);
        self.needs = Needs::of(&self.watched);
        self.watched.len() < before
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = (Id, &Definition)> {
        let watched = self.watched.iter();
        watched.map(|watched| (watched.id, &watched.definition))
    }

    pub(crate) fn answer(&self, id: Id, now: Timestamp) -> Option<Answer> {
        let watched = self.watched.iter().find(|watched| watched.id == id)?;
        Some(watched.answer(now))
    }

    pub(crate) fn partial(&self, id: Id, now: Timestamp) -> Option<Partial> {
        let watched = self.watched.iter().find(|watched| watched.id == id)?;
        Some(watched.partial(now, &self.hash_key))
    }

    /// Adds a packet sample.
    pub(crate) fn sample(
        &mut self,
        origin: Origin,
        sample: &FlowSample<'_>,
        context: &mut Context<'_>,
    ) -> Effect {
        let length = Length::of(sample);
        if length.is_some_and(|length| !length.is_possible()) {
            context.health.flow_samples_bad_length += 1;
            return Effect::default();
        }
        if length.is_some_and(|length| length.is_corrected) {
            context.health.flow_samples_corrected += 1;
        }
        let taken = Taken {
            sequence: sample.sequence_number,
            rate: sample.sampling_rate,
            pool: sample.sample_pool,
            drops: sample.drops,
            lost: origin.lost,
            session: origin.session,
            in_order: origin.in_order,
            at: origin.at,
        };
        let accepted = self
            .samplers
            .add(origin.agent, sample.source_id, taken, context);
        let Some(accepted) = accepted else {
            return Effect::default();
        };
        let effect = Effect {
            is_useful: false,
            is_doubtful: accepted.is_doubtful,
            is_distrusted: accepted.is_distrusted,
        };
        let (packets, stated) = match accepted.outcome {
            Outcome::Packets {
                packets, stated, ..
            }
            | Outcome::Late { packets, stated } => (packets, stated),
            Outcome::Duplicate | Outcome::Jump | Outcome::Doubtful | Outcome::Unknown => {
                return effect;
            }
        };
        let bytes = packets * length.map_or(0.0, |length| length.frame.into());
        if bytes > LEAST_LINE_RATE {
            let line_rate = context.line_rate(origin.agent, sample.source_id);
            if bytes > most_within(line_rate, accepted.elapsed) {
                context.health.flow_samples_above_line_rate += 1;
                return effect;
            }
        }
        if self.needs.samples {
            let count = PacketCount {
                packets,
                stated,
                unreported: 0.0,
            };
            self.observe(origin, Packet::sampled(sample), count, context);
        }
        let is_counted = matches!(accepted.outcome, Outcome::Packets { .. });
        Effect {
            is_useful: length.is_some() && is_counted && accepted.continues,
            ..effect
        }
    }

    /// Whether a data source of an agent samples packets.
    pub(crate) fn has_sampler(&self, agent: u32, source: DataSource) -> bool {
        self.samplers.get(agent, source).is_some()
    }

    /// Adds a dropped packet notification.
    pub(crate) fn dropped(
        &mut self,
        origin: Origin,
        packet: &DiscardedPacket<'_>,
        context: &mut Context<'_>,
    ) {
        let dropped = Packet::dropped(packet);
        if Length::of(&dropped.sample).is_some_and(|length| !length.is_possible()) {
            context.health.flow_samples_bad_length += 1;
            return;
        }
        let Some(unreported) = self.samplers.add_drop(origin, packet, context) else {
            return;
        };
        if !self.needs.drops {
            return;
        }
        let count = PacketCount {
            packets: 1.0,
            stated: 1.0,
            unreported: unreported.into(),
        };
        self.observe(origin, dropped, count, context);
    }

    /// Whether addresses of entities have to be [learned](Self::learn).
    #[inline]
    pub(crate) fn needs_addresses(&self) -> bool {
        self.needs.names
    }

    /// Reads the addresses of an entity from its counter sample.
    pub(crate) fn learn(
        &mut self,
        entity: u32,
        sample: &CountersSample<'_>,
        context: &mut Context<'_>,
    ) {
        let Some(adapters) = sample.find::<HostAdapters<'_>>() else {
            return;
        };
        let Some((agent, owner)) = owner_of(entity, context) else {
            return;
        };
        let device = self.addresses.device(&agent.status.key);
        let host = agent.status.key.address.known();
        self.addresses.learn(device, owner, &adapters, context);
        if let Some(address) = host.filter(|_| !owner.is_container()) {
            let address = address.into();
            self.addresses.set(device, owner, address, context);
        }
    }

    /// Assigns an address to an entity; returns whether entities of its kind have addresses.
    pub(crate) fn assign_address(
        &mut self,
        entity: u32,
        address: NetworkAddress,
        context: &mut Context<'_>,
    ) -> bool {
        let Some((agent, owner)) = owner_of(entity, context) else {
            return false;
        };
        let device = self.addresses.device(&agent.status.key);
        self.addresses.set(device, owner, address, context);
        true
    }

    /// Sets the function that returns the service of a container.
    pub(crate) fn group_containers_by(&mut self, service_of: ServiceOf) {
        self.service_of = Some(service_of);
    }

    pub(crate) fn forget_agent(&mut self, agent: u32) {
        self.samplers.forget_agent(agent);
    }

    /// Removes addresses whose owners were removed, once per assumed polling interval.
    pub(crate) fn expire(&mut self, now: Timestamp, sources: &Slab<Source>, config: &Config) {
        if now < self.expired_at || now - self.expired_at >= config.assumed_interval {
            self.expired_at = now;
            self.addresses.forget_removed(sources);
        }
    }

    fn observe(
        &mut self,
        origin: Origin,
        packet: Packet<'_>,
        count: PacketCount,
        context: &mut Context<'_>,
    ) {
        let Some(agent) = context.agents.get(origin.agent) else {
            return;
        };
        let headers = if self.needs.headers {
            Headers::of(&packet.sample)
        } else {
            Headers::default()
        };
        let mut device = Device::default();
        if self.needs.names {
            device = self.addresses.device(&agent.status.key);
            self.addresses.observe(device, &headers.outer, context);
            if headers.depth > 0 {
                self.addresses.observe(device, &headers.inner, context);
            }
        }
        let site = Site {
            agents: context.agents,
            sources: context.sources,
            agent,
            device,
            service_of: self.service_of.as_ref(),
        };
        let addresses = self.needs.names.then_some(&self.addresses);
        let observation = Observation::new(packet, headers, site, addresses);
        let length = if self.needs.length {
            Length::of(&observation.packet.sample)
        } else {
            None
        };
        let weighed = Weighed {
            count,
            length,
            at: origin.at,
            age: self.now - origin.at,
        };
        let longest = context.config.max_name_bytes;
        let is_drop = packet.is_drop();
        for watched in &mut self.watched {
            if watched.definition.value().is_of_drops() == is_drop {
                let scratch = &mut self.scratch;
                let key = &self.hash_key;
                watched.add(&observation, weighed, scratch, key, longest, context.health);
            }
        }
    }
}

impl Needs {
    fn of(watched: &[Watched]) -> Self {
        let mut needs = Self::default();
        for Watched { definition, .. } in watched {
            let is_of_drops = definition.value().is_of_drops();
            needs.drops |= is_of_drops;
            needs.samples |= !is_of_drops;
            needs.headers |= definition.all_keys().any(Key::is_of_packet);
            needs.names |= definition.all_keys().any(Key::is_name);
            needs.length |= definition.value().unit() == "bytes";
        }
        needs
    }
}

/// The agent of an entity, and the entity as an owner of addresses.
fn owner_of<'r>(entity: u32, context: &Context<'r>) -> Option<(&'r Agent, Owner)> {
    let source = context.sources.get(entity)?;
    Some((
        context.agents.get(source.agent)?,
        Owner::of(source, entity)?,
    ))
}
