//! Flows: who sends how much to whom, from samples of packets and notices of dropped ones.

mod answer;
mod decay;
mod definition;
mod distinct;
mod dns;
mod filter;
mod heavy;
mod key;
mod literal;
mod names;
mod packet;
mod parse;
mod rate;
mod record;
mod sample;
mod samplers;
mod table;
mod value;

use core::time::Duration;

use sflow_v5::counter::HostAdapters;
use sflow_v5::{CountersSample, DataSource, DiscardedPacket, FlowSample};

use crate::config::Config;
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::{Account, Allowance, Ledger};
use crate::ingest::source::Source;
use crate::slab::Slab;
use crate::timestamp::Timestamp;
use names::{Device, Names, Owner, World};
use packet::{Headers, Length};
use rate::{Taken, Worth};
use sample::{Packet, Seen, Site};
use samplers::{Accepted, Samplers};
use table::{Scratch, StandsFor, Watched, Weighed};

pub use answer::{Answer, Id, Row, TooManyDefinitions};
pub use definition::{Definition, Measure};
pub use filter::{Filter, Test};
pub use key::{Key, Kind};
pub use names::NetworkAddress;
pub use parse::{Error, ErrorKind};
pub use samplers::SamplerStatus;
pub use value::Value;

/// Every line carries so many bytes in a second: no lower speed is believed, see
/// [`Source::line_rate`].
const SURELY_CARRIED: f64 = 125e6;

/// The definitions that are watched, and what it takes to serve them.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    samplers: Samplers,
    watched: Vec<Watched>,
    needs: Needs,
    names: Names,
    next_id: u64,
    scratch: Scratch,
    forgot_at: Timestamp,
}

/// What the definitions that are watched ask for.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    samples: bool,
    drops: bool,
    headers: bool,
    names: bool,
    length: bool,
}

/// Which datagram a sample comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) at: Timestamp,
    /// The agent's place in the registry.
    pub(crate) agent: u32,
    /// The sequence of datagrams.
    pub(crate) session: u32,
    /// Datagrams of the agent that were lost so far, if that is known.
    pub(crate) lost: Option<u64>,
    /// Whether no newer datagram came before.
    pub(crate) in_order: bool,
}

/// What else the registry knows.
#[derive(Debug)]
pub(crate) struct Around<'r> {
    pub(crate) agents: &'r Slab<Agent>,
    pub(crate) sources: &'r Slab<Source>,
    pub(crate) config: &'r Config,
    pub(crate) health: &'r mut Health,
    pub(crate) ledger: &'r mut Ledger,
}

impl Flows {
    pub(crate) fn watch(
        &mut self,
        definition: Definition,
        config: &Config,
    ) -> Result<Id, TooManyDefinitions> {
        let watched = self.watched.len();
        if watched >= config.max_flow_definitions {
            return Err(TooManyDefinitions { watched });
        }
        let id = Id(self.next_id);
        self.next_id += 1;
        let set_aside: usize = self.watched.iter().map(|watched| watched.bytes).sum();
        let left = config.max_flow_bytes.saturating_sub(set_aside);
        self.watched
            .push(Watched::new(id, definition, config, left));
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

    pub(crate) fn samplers<'f>(
        &'f self,
        agents: &'f Slab<Agent>,
    ) -> impl Iterator<Item = SamplerStatus> + 'f {
        self.samplers.statuses(agents)
    }

    /// Takes a packet sample in. Returns whether it is useful: it continues those of its source,
    /// and the length of the packet is known.
    pub(crate) fn sample(
        &mut self,
        origin: Origin,
        sample: &FlowSample<'_>,
        around: &mut Around<'_>,
    ) -> bool {
        let length = Length::of(sample);
        if length.is_some_and(|length| !length.is_possible()) {
            around.health.flow_samples_bad_length += 1;
            return false;
        }
        if length.is_some_and(|length| length.is_corrected) {
            around.health.flow_samples_corrected += 1;
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
        let taken = self
            .samplers
            .take(origin.agent, sample.source_id, taken, around);
        let Some(Accepted {
            worth,
            elapsed,
            continues,
        }) = taken
        else {
            return false;
        };
        let (packets, stated) = match worth {
            Worth::Packets {
                packets, stated, ..
            }
            | Worth::Late { packets, stated } => (packets, stated),
            Worth::Old | Worth::Jump | Worth::Doubtful | Worth::Unknown => return false,
        };
        let bytes = packets * length.map_or(0.0, |length| length.frame.into());
        if bytes > SURELY_CARRIED {
            let line_rate = line_rate_of(origin.agent, sample.source_id, around);
            if bytes > most_within(line_rate, elapsed) {
                around.health.flow_samples_above_line_rate += 1;
                return false;
            }
        }
        let is_useful = length.is_some() && matches!(worth, Worth::Packets { .. }) && continues;
        if self.needs.samples {
            let stands_for = StandsFor {
                packets,
                stated,
                unreported: 0.0,
            };
            self.observe(origin, Packet::sampled(sample), stands_for, around);
        }
        is_useful
    }

    /// Whether a data source of an agent samples packets.
    pub(crate) fn has_sampler(&self, agent: u32, source: DataSource) -> bool {
        self.samplers.get(agent, source).is_some()
    }

    /// Makes a data source that samples packets doubtful, if this sequence of datagrams is not that
    /// of its samples; returns whether it is.
    pub(crate) fn set_rival(
        &mut self,
        agent: u32,
        session: u32,
        source: DataSource,
        at: Timestamp,
    ) -> bool {
        self.samplers.set_rival(agent, session, source, at)
    }

    /// Whether the source of the last packet sample became doubtful.
    pub(crate) fn take_doubted(&mut self) -> bool {
        self.samplers.take_doubted()
    }

    /// The data source of the last packet sample, if the numbers of its samples are not used any
    /// more since then.
    pub(crate) fn take_distrusted(&mut self) -> Option<DataSource> {
        self.samplers.take_distrusted()
    }

    /// Takes a notification of a dropped packet in.
    pub(crate) fn dropped(
        &mut self,
        origin: Origin,
        packet: &DiscardedPacket<'_>,
        around: &mut Around<'_>,
    ) {
        let dropped = Packet::dropped(packet);
        if Length::of(&dropped.sample).is_some_and(|length| !length.is_possible()) {
            around.health.flow_samples_bad_length += 1;
            return;
        }
        let Some(unreported) = self.samplers.take_drop(origin, packet, around) else {
            return;
        };
        if !self.needs.drops {
            return;
        }
        let stands_for = StandsFor {
            packets: 1.0,
            stated: 1.0,
            unreported: unreported.into(),
        };
        self.observe(origin, dropped, stands_for, around);
    }

    /// Learns which addresses the entity at this place has.
    pub(crate) fn learn(
        &mut self,
        place: u32,
        sample: &CountersSample<'_>,
        around: &mut Around<'_>,
    ) {
        if !self.needs.names {
            return;
        }
        let Some(adapters) = sample.find::<HostAdapters<'_>>() else {
            return;
        };
        let Some((agent, owner)) = owner_at(place, around) else {
            return;
        };
        let device = self.names.device(&agent.status.key);
        let host = agent.status.key.address.known();
        let mut world = around.world();
        self.names.learn(device, owner, &adapters, &mut world);
        if let Some(address) = host.filter(|_| !owner.is_container()) {
            self.names.tell(device, owner, address.into(), &mut world);
        }
    }

    /// Learns from somebody else which address the entity at this place has.
    ///
    /// Tells whether that is one that has addresses.
    pub(crate) fn tell(
        &mut self,
        place: u32,
        address: NetworkAddress,
        around: &mut Around<'_>,
    ) -> bool {
        let Some((agent, owner)) = owner_at(place, around) else {
            return false;
        };
        let device = self.names.device(&agent.status.key);
        self.names.tell(device, owner, address, &mut around.world());
        true
    }

    /// Forgets what was known of an agent that is forgotten.
    pub(crate) fn forget_agent(&mut self, place: u32) {
        self.samplers.forget_agent(place);
    }

    /// Forgets addresses whose owners have gone, now and then.
    pub(crate) fn expire(&mut self, now: Timestamp, sources: &Slab<Source>, config: &Config) {
        if now < self.forgot_at || now - self.forgot_at >= config.assumed_interval {
            self.forgot_at = now;
            self.names.forget_gone(sources);
        }
    }

    fn observe(
        &mut self,
        origin: Origin,
        packet: Packet<'_>,
        stands_for: StandsFor,
        around: &mut Around<'_>,
    ) {
        let Some(agent) = around.agents.get(origin.agent) else {
            return;
        };
        let headers = if self.needs.headers {
            Headers::of(&packet.sample)
        } else {
            Headers::default()
        };
        let mut device = Device::default();
        if self.needs.names {
            device = self.names.device(&agent.status.key);
            let mut world = around.world();
            self.names.observe(device, &headers.outer, &mut world);
            if headers.depth > 0 {
                self.names.observe(device, &headers.inner, &mut world);
            }
        }
        let site = Site {
            agents: around.agents,
            sources: around.sources,
            agent,
            device,
        };
        let names = self.needs.names.then_some(&self.names);
        let seen = Seen::new(packet, headers, site, names);
        let length = if self.needs.length {
            Length::of(&seen.packet.sample)
        } else {
            None
        };
        let weighed = Weighed {
            stands_for,
            length,
            at: origin.at,
        };
        let longest = around.config.max_name_bytes;
        let is_drop = packet.is_drop();
        for watched in &mut self.watched {
            if watched.definition.value().is_of_drops() == is_drop {
                watched.add(&seen, weighed, &mut self.scratch, longest, around.health);
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

impl Around<'_> {
    /// Sources of packet samples at most, as far as this agent may use them up. A reserved sender
    /// may use a quarter beyond the bound.
    fn flow_sources(&self, agent: u32) -> usize {
        let most = self.config.max_flow_sources;
        match self
            .agents
            .get(agent)
            .is_some_and(|agent| agent.is_reserved)
        {
            true => most.saturating_add(most / 4),
            false => most,
        }
    }

    /// Whether these are two sequences of datagrams of an agent, and the other one goes on.
    fn are_rivals(&self, agent: u32, session: u32, other: u32) -> bool {
        session != other
            && self
                .agents
                .get(agent)
                .is_some_and(|agent| agent.are_rivals(session, other))
    }

    /// A sequence without samples of a source for so long does not report it any more.
    fn longest_interval(&self) -> Duration {
        self.config
            .assumed_interval
            .saturating_mul(self.config.stale_after)
    }

    /// Charges an agent for one more source of packet samples, until it is forgotten.
    fn charge_sampler(&mut self, agent: u32) -> bool {
        /// With its place in a table.
        const SAMPLER: usize = 416;

        self.agents.get(agent).is_some_and(|known| {
            let mut allowance = Allowance {
                account: Account::of(known, agent, None),
                ledger: self.ledger,
                config: self.config,
            };
            allowance.charge(SAMPLER, self.health)
        })
    }

    fn world(&mut self) -> World<'_> {
        World {
            sources: self.sources,
            limit: self.config.max_flow_addresses,
            health: self.health,
            agents: self.agents,
            ledger: self.ledger,
            config: self.config,
        }
    }
}

/// Whether the length of the sampled packet is known and possible.
pub(crate) fn has_length(sample: &FlowSample<'_>) -> bool {
    Length::of(sample).is_some_and(Length::is_possible)
}

/// How much of something there can be at most since so long ago, at so much per second: a second
/// of delay in the agent, and a tenth, are allowed on top.
fn most_within(per_second: f64, elapsed: Duration) -> f64 {
    per_second * (elapsed.as_secs_f64() + 1.0) * 1.1
}

/// Bytes per second of the line that a data source is, or what is assumed of any line.
fn line_rate_of(agent: u32, source: DataSource, around: &Around<'_>) -> f64 {
    let agent = around.agents.get(agent);
    let place = agent.and_then(|agent| agent.sources.get(&source));
    let source = place.and_then(|place| around.sources.get(*place));
    let line_rate = source.and_then(Source::line_rate);
    line_rate.unwrap_or(around.config.ceilings.bytes_per_second)
}

/// The agent and the identity of what is at a place.
fn owner_at<'r>(place: u32, around: &Around<'r>) -> Option<(&'r Agent, Owner)> {
    let source = around.sources.get(place)?;
    Some((around.agents.get(source.agent)?, Owner::of(source, place)?))
}
