//! The containers and hosts at both ends of a packet.

use core::fmt;

use sflow_v5::flow::ExtendedEntities;
use sflow_v5::{DataSource, FlowSample};

use crate::entity::EntityKind;
use crate::flow::addresses::{Addresses, Device, Owner};
use crate::flow::headers::{End, Headers};
use crate::flow::value::Raw;
use crate::ingest::agent::Agent;
use crate::ingest::source::Source;
use crate::slab::Slab;

/// Returns the service of the container with this name, if it belongs to one.
type ServiceFn = dyn for<'n> Fn(&'n str) -> Option<&'n str> + Send + Sync;

pub(crate) struct ServiceOf(pub(crate) Box<ServiceFn>);

impl fmt::Debug for ServiceOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceOf")
    }
}

/// The agent that sampled a packet, and the entities that may be at its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'w> {
    pub(super) agents: &'w Slab<Agent>,
    pub(super) sources: &'w Slab<Source>,
    pub(super) agent: &'w Agent,
    pub(super) device: Device,
    pub(super) service_of: Option<&'w ServiceOf>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) source: Party,
    pub(super) destination: Party,
}

/// The container and host at one end of a packet, as far as known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Party {
    pub(super) container: Option<Owner>,
    pub(super) host: Option<Owner>,
}

impl Ends {
    pub(super) fn at(&self, end: End) -> Party {
        end.of((self.source, self.destination))
    }
}

impl Site<'_> {
    /// Finds the containers and hosts at both ends of a packet.
    pub(super) fn ends(
        &self,
        sample: &FlowSample<'_>,
        headers: &Headers,
        addresses: &Addresses,
    ) -> Ends {
        Ends {
            source: self.party(End::Source, sample, headers, addresses),
            destination: self.party(End::Destination, sample, headers, addresses),
        }
    }

    /// The name of an entity.
    pub(super) fn name(&self, owner: Option<Owner>) -> Raw<'_> {
        let source = owner.and_then(|owner| self.sources.get(owner.index));
        source.map_or(Raw::Absent, |source| Raw::text(source.name.as_bytes()))
    }

    /// The service of a container; its own name if it does not belong to one.
    pub(super) fn service(&self, container: Option<Owner>) -> Raw<'_> {
        let source = container.and_then(|owner| self.sources.get(owner.index));
        source.map_or(Raw::Absent, |source| {
            let name = source.name.as_str();
            let service = self.service_of.and_then(|service_of| (service_of.0)(name));
            Raw::text(service.unwrap_or(name).as_bytes())
        })
    }

    /// The name of a data source of the agent.
    pub(super) fn source_name(&self, source: Option<DataSource>) -> Raw<'_> {
        let index = source.and_then(|source| self.agent.sources.get(&source));
        let source = index.and_then(|index| self.sources.get(*index));
        let named = source.filter(|source| source.kind != EntityKind::Other);
        named.map_or(Raw::Absent, |source| Raw::text(source.name.as_bytes()))
    }

    /// The container and host at one end of a packet. A container takes precedence in this order:
    /// reported by the agent with the sample, found by MAC address, found by IP address.
    fn party(
        &self,
        end: End,
        sample: &FlowSample<'_>,
        headers: &Headers,
        addresses: &Addresses,
    ) -> Party {
        let is_inner = headers.depth > 0;
        let level = headers.innermost();
        let owner = |address, is_inner| {
            let owner = addresses.owner(self.device, address, is_inner, self.sources);
            owner.filter(|owner| self.may_name(owner))
        };
        let mac = level.mac.map(|macs| end.of(macs));
        let ip = level.ip.map(|ip| end.of((ip.source, ip.destination)));
        let reported = self.reported(end, sample);
        let by_mac = mac.and_then(|mac| owner(mac.into(), is_inner));
        let container = reported.filter(Owner::is_container);
        let container = container.or(by_mac.filter(Owner::is_container));
        let by_ip = match container {
            Some(_) => None,
            None => ip.and_then(|ip| owner(ip.into(), is_inner)),
        };
        let container = container.or(by_ip.filter(Owner::is_container));
        let host = match container {
            Some(container) => self.host_of(container),
            None => {
                let by_outer_ip = || {
                    let ip = headers.outer.ip.filter(|_| is_inner)?;
                    owner(end.of((ip.source, ip.destination)).into(), false)
                };
                let by_mac = by_mac.filter(|_| ip.is_none());
                let host = reported.or(by_ip).or_else(by_outer_ip).or(by_mac);
                host.filter(|owner| !owner.is_container())
            }
        };
        Party { container, host }
    }

    /// Whether addresses of an entity apply to samples of this agent. Addresses that other senders
    /// report do not apply to samples of reserved senders.
    fn may_name(&self, owner: &Owner) -> bool {
        if !self.agent.is_reserved {
            return true;
        }
        let source = self.sources.get(owner.index);
        let agent = source.and_then(|source| self.agents.get(source.agent));
        agent.is_some_and(|agent| agent.is_reserved)
    }

    /// The entity at one end according to the `extended_entities` record of the sample.
    fn reported(&self, end: End, sample: &FlowSample<'_>) -> Option<Owner> {
        let entities = sample.find::<ExtendedEntities>()?;
        let class = end.of((entities.src_ds_class, entities.dst_ds_class));
        let index = end.of((entities.src_ds_index, entities.dst_ds_index));
        let index = *self.agent.sources.get(&DataSource::new(class, index))?;
        Owner::of(self.sources.get(index)?, index)
    }

    /// The host that a container runs on.
    fn host_of(&self, container: Owner) -> Option<Owner> {
        let source = self.sources.get(container.index)?;
        let agent = self.agents.get(source.agent)?;
        let host = source.parent.or(agent.host.map(|host| host.data_source))?;
        let index = *agent.sources.get(&host)?;
        let owner = Owner::of(self.sources.get(index)?, index);
        owner.filter(|owner| !owner.is_container())
    }
}
