//! Flows of a registry.

use sflow_v5::{CountersSample, DataSource, DiscardedPacket, FlowSample};

use super::Registry;
use crate::entity::EntityId;
use crate::flow::{self, Context, Flows, NetworkAddress, Origin, SamplerStatus, ServiceOf};
use crate::ingest::source::Source;
use crate::timestamp::Timestamp;

impl Registry {
    /// Starts to measure flows.
    ///
    /// Samples are counted from now on. A definition uses memory for each flow, about 200 bytes
    /// and twice its keys, for up to [`max_flow_keys`](crate::Config::max_flow_keys) flows. A
    /// count of distinct values uses up to 2 KiB for each flow, for an eighth as many flows. A
    /// definition with a window uses three times as much. Without definitions flow samples need no
    /// memory.
    ///
    /// # Names
    ///
    /// The containers and hosts at both ends of a packet (`container.src` and others) are those
    /// that the agent reports with the sample (`extended_entities`). Otherwise they are found by
    /// the MAC addresses that agents report for containers and hosts (`host_adapters`), by IP
    /// addresses observed together with the MAC address of a container (unless it has more than
    /// fifteen of these, which makes it a router), and by the addresses of agents. Addresses are
    /// learned while a definition with such a key is watched, so names may be absent for the first
    /// polling interval.
    ///
    /// Some agents report containers without adapters. Names for their packets require an agent
    /// that adds entities to samples (Host sFlow with `docker { markTraffic = on }`), or
    /// [`assign_address`](Self::assign_address). Addresses are never assigned by elimination.
    ///
    /// # Errors
    ///
    /// If the limit [`max_flow_definitions`](crate::Config::max_flow_definitions) is reached.
    pub fn watch_flows(
        &mut self,
        definition: flow::Definition,
    ) -> Result<flow::Id, flow::TooManyDefinitions> {
        self.flows.watch(definition, &self.config)
    }

    /// Removes a flow definition; returns whether it was watched.
    pub fn unwatch_flows(&mut self, id: flow::Id) -> bool {
        self.flows.unwatch(id)
    }

    /// The heaviest flows of a definition at this time; `None` if it is not watched.
    pub fn flows(&self, now: Timestamp, id: flow::Id) -> Option<flow::Answer> {
        self.flows.answer(id, now)
    }

    /// The contribution of this registry to an answer over several registries that ingest the
    /// datagrams of different agents; `None` if the definition is not watched.
    pub fn flow_partial(&self, now: Timestamp, id: flow::Id) -> Option<flow::Partial> {
        self.flows.partial(id, now)
    }

    /// The watched flow definitions in the order in which they were added.
    pub fn flow_definitions(&self) -> impl Iterator<Item = (flow::Id, &flow::Definition)> {
        self.flows.definitions()
    }

    /// The data sources that sample packets, with their rates and counts of missing samples, in no
    /// particular order.
    pub fn samplers(&self) -> impl Iterator<Item = SamplerStatus> {
        self.flows.samplers.statuses(&self.agents)
    }

    /// Assigns an address to a host or container, in addition to those that its agent reports,
    /// until the entity is removed. Returns whether there is such a host or container.
    pub fn assign_address(&mut self, entity: EntityId, address: impl Into<NetworkAddress>) -> bool {
        let is_entity = |(index, source): (u32, &Source)| (source.id == entity).then_some(index);
        let Some(index) = self.sources.iter().find_map(is_entity) else {
            return false;
        };
        let (flows, mut context) = self.flows_with_context();
        flows.assign_address(index, address.into(), &mut context)
    }

    /// Sets the function that returns the service of a container, given the container's name: the
    /// value of the flow keys `service.src` and `service.dst`. If it returns `None`, and without
    /// such a function, the service of a container is its name.
    ///
    /// ```
    /// # use sflow_metrics::{Config, Registry};
    /// # let mut registry = Registry::new(Config::default());
    /// // `web-1` and `web-2` belong to the service `web`.
    /// registry.group_containers_by(|name| name.rsplit_once('-').map(|(service, _)| service));
    /// ```
    pub fn group_containers_by(
        &mut self,
        service_of: impl for<'n> Fn(&'n str) -> Option<&'n str> + Send + Sync + 'static,
    ) {
        self.flows
            .group_containers_by(ServiceOf(Box::new(service_of)));
    }

    pub(super) fn flow_sample(&mut self, origin: Origin, sample: &FlowSample<'_>) {
        let (flows, mut context) = self.flows_with_context();
        let effect = flows.sample(origin, sample, &mut context);
        if effect.is_distrusted {
            self.report_distrusted(origin.agent, sample.source_id, origin.at);
        }
        if effect.is_doubtful {
            self.doubt(origin.agent, origin.at);
        }
        if effect.is_useful {
            self.establish(origin.agent);
        }
    }

    /// Records that a sequence of datagrams contains a sample of a data source, which becomes
    /// doubtful if its other samples belong to another sequence.
    pub(super) fn doubt_sampler(
        &mut self,
        agent: u32,
        session: u32,
        source: DataSource,
        at: Timestamp,
    ) {
        self.health.flow_samples_doubted += 1;
        if self.flows.samplers.set_rival(agent, session, source, at) {
            self.doubt(agent, at);
        }
    }

    pub(super) fn discarded_packet(&mut self, origin: Origin, packet: &DiscardedPacket<'_>) {
        let (flows, mut context) = self.flows_with_context();
        flows.dropped(origin, packet, &mut context);
    }

    #[inline]
    pub(super) fn learn_addresses(&mut self, source: u32, sample: &CountersSample<'_>) {
        if self.flows.needs_addresses() {
            let (flows, mut context) = self.flows_with_context();
            flows.learn(source, sample, &mut context);
        }
    }

    fn flows_with_context(&mut self) -> (&mut Flows, Context<'_>) {
        let context = Context {
            agents: &self.agents,
            sources: &self.sources,
            config: &self.config,
            health: &mut self.health,
            ledger: &mut self.ledger,
        };
        (&mut self.flows, context)
    }
}
