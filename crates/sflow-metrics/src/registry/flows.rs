//! Flows at work.

use sflow_v5::{CountersSample, DataSource, DiscardedPacket, FlowSample};

use super::Registry;
use crate::entity::EntityId;
use crate::flow::{self, Around, Flows, NetworkAddress, Origin, SamplerStatus};
use crate::ingest::source::Source;
use crate::timestamp::Timestamp;

impl Registry {
    /// Begins to measure flows.
    ///
    /// Samples count from now on. A definition costs memory for each flow, some 200 bytes and its
    /// keys twice, up to [`max_flow_keys`](crate::Config::max_flow_keys) flows (of a count of
    /// distinct values two kibibytes, and an eighth as many); without any definition flow samples
    /// cost next to nothing.
    ///
    /// # Names
    ///
    /// Definitions that ask who is at the ends of packets (`container.src` and the like) know it
    /// from the agent, if it says so with the sample (`extended_entities`); or from the MAC
    /// addresses that containers and hosts say they have (`host_adapters`), the IP addresses
    /// that are seen behind those of containers (of one with more than fifteen none: it routes),
    /// and the addresses of agents. These are learned as long as such a definition is watched,
    /// so names may be absent for a polling interval.
    ///
    /// Some agents report their containers without adapters. Their packets are named only if the
    /// agent names the ends of each sample (Host sFlow with `docker { markTraffic = on }`), or if
    /// their addresses are given by [`assign_address`](Self::assign_address). Addresses are never
    /// assigned by elimination.
    ///
    /// # Errors
    ///
    /// If as many are watched as [`max_flow_definitions`](crate::Config::max_flow_definitions)
    /// allows.
    pub fn watch_flows(
        &mut self,
        definition: flow::Definition,
    ) -> Result<flow::Id, flow::TooManyDefinitions> {
        self.flows.watch(definition, &self.config)
    }

    /// Measures these flows no longer; tells whether it did.
    pub fn unwatch_flows(&mut self, id: flow::Id) -> bool {
        self.flows.unwatch(id)
    }

    /// The flows of a definition at this moment; `None` if it is not watched.
    pub fn flows(&self, now: Timestamp, id: flow::Id) -> Option<flow::Answer> {
        self.flows.answer(id, now)
    }

    /// The flow definitions that are watched, in the order in which they were given.
    pub fn flow_definitions(&self) -> impl Iterator<Item = (flow::Id, &flow::Definition)> {
        self.flows.definitions()
    }

    /// The data sources that sample packets, in no particular order: at which rate, and how many
    /// of their samples are missing.
    pub fn samplers(&self) -> impl Iterator<Item = SamplerStatus> {
        self.flows.samplers(&self.agents)
    }

    /// Tells that a host or container has an address at its agent, where the agent itself does
    /// not say so; as long as the entity is heard. Tells whether it is known.
    pub fn assign_address(&mut self, entity: EntityId, address: impl Into<NetworkAddress>) -> bool {
        let is_it = |(place, source): (u32, &Source)| (source.id == entity).then_some(place);
        let Some(place) = self.sources.iter().find_map(is_it) else {
            return false;
        };
        let (flows, mut around) = self.flows_around();
        flows.tell(place, address.into(), &mut around)
    }

    pub(super) fn flow_sample(&mut self, origin: Origin, sample: &FlowSample<'_>) {
        let (flows, mut around) = self.flows_around();
        let is_useful = flows.sample(origin, sample, &mut around);
        let is_doubtful = flows.take_doubted();
        if let Some(source) = flows.take_distrusted() {
            self.report_distrusted(origin.agent, source, origin.at);
        }
        if is_doubtful {
            self.doubt(origin.agent, origin.at);
        }
        if is_useful {
            self.establish(origin.agent);
        }
    }

    /// Makes a data source that samples packets doubtful, unless this is the sequence of its samples.
    pub(super) fn doubt_sampler(
        &mut self,
        agent: u32,
        session: u32,
        source: DataSource,
        at: Timestamp,
    ) {
        self.health.flow_samples_doubted += 1;
        if self.flows.set_rival(agent, session, source, at) {
            self.doubt(agent, at);
        }
    }

    pub(super) fn discarded_packet(&mut self, origin: Origin, packet: &DiscardedPacket<'_>) {
        let (flows, mut around) = self.flows_around();
        flows.dropped(origin, packet, &mut around);
    }

    pub(super) fn learn_addresses(&mut self, place: u32, sample: &CountersSample<'_>) {
        let (flows, mut around) = self.flows_around();
        flows.learn(place, sample, &mut around);
    }

    fn flows_around(&mut self) -> (&mut Flows, Around<'_>) {
        let around = Around {
            agents: &self.agents,
            sources: &self.sources,
            config: &self.config,
            health: &mut self.health,
            ledger: &mut self.ledger,
        };
        (&mut self.flows, around)
    }
}
