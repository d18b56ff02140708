//! What a sample has under each key.

use core::cell::OnceCell;

use sflow_v5::enums::{DataSourceKind, DropReason};
use sflow_v5::flow::ExtendedEntities;
use sflow_v5::{DataSource, DiscardedPacket, FlowSample, Interface};

use crate::entity::EntityKind;
use crate::flow::dns::Dns;
use crate::flow::key::Key;
use crate::flow::names::{Device, Names, Owner};
use crate::flow::packet::{Headers, Level};
use crate::flow::record;
use crate::flow::value::{Raw, address, number};
use crate::ingest::agent::Agent;
use crate::ingest::source::Source;
use crate::slab::Slab;

/// Where a sample comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'w> {
    pub(super) agents: &'w Slab<Agent>,
    pub(super) sources: &'w Slab<Source>,
    pub(super) agent: &'w Agent,
    pub(super) device: Device,
}

/// A sampled or dropped packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// Of a dropped one what it has in common with samples.
    pub(super) sample: FlowSample<'a>,
    reason: Option<DropReason>,
    is_drop: bool,
}

/// What is read once for all definitions.
#[derive(Debug)]
pub(super) struct Seen<'a, 'w> {
    pub(super) packet: Packet<'a>,
    pub(super) site: Site<'w>,
    pub(super) headers: Headers,
    source: End,
    destination: End,
    /// Read when it is asked for.
    dns: OnceCell<Option<Dns>>,
}

/// Who is at one end of a packet.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    container: Option<Owner>,
    host: Option<Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

impl<'a> Packet<'a> {
    pub(super) fn sampled(sample: &FlowSample<'a>) -> Self {
        Self {
            sample: *sample,
            reason: sample.output.drop_reason(),
            is_drop: false,
        }
    }

    pub(super) fn dropped(packet: &DiscardedPacket<'a>) -> Self {
        Self {
            sample: FlowSample {
                source_id: packet.source_id,
                input: Interface::index(packet.input_if_index),
                output: Interface::index(packet.output_if_index),
                records: packet.records,
                ..FlowSample::default()
            },
            reason: Some(packet.reason),
            is_drop: true,
        }
    }

    pub(super) fn is_drop(&self) -> bool {
        self.is_drop
    }
}

impl<'a, 'w> Seen<'a, 'w> {
    /// Reads the headers, and who is at both ends if that is asked for.
    pub(super) fn new(
        packet: Packet<'a>,
        headers: Headers,
        site: Site<'w>,
        names: Option<&Names>,
    ) -> Self {
        let mut seen = Self {
            packet,
            site,
            headers,
            source: End::default(),
            destination: End::default(),
            dns: OnceCell::new(),
        };
        if let Some(names) = names {
            seen.source = seen.end(Side::Source, names);
            seen.destination = seen.end(Side::Destination, names);
        }
        seen
    }

    /// What it has under a key.
    pub(super) fn value(&self, key: Key) -> Raw<'_> {
        use Key as K;
        match key {
            K::ContainerSource => self.name(self.source.container),
            K::ContainerDestination => self.name(self.destination.container),
            K::ServiceSource => self.service(self.source),
            K::ServiceDestination => self.service(self.destination),
            K::HostSource => self.name(self.source.host),
            K::HostDestination => self.name(self.destination.host),
            K::EndSource => self.who(self.source, Side::Source),
            K::EndDestination => self.who(self.destination, Side::Destination),
            K::Tunnel => match self.headers.tunnel {
                Some(tunnel) => Raw::Text(tunnel.name().as_bytes()),
                None => Raw::Absent,
            },
            K::TunnelId => number(self.headers.tunnel.and_then(|tunnel| tunnel.id())),
            K::DnsName => self.dns().map_or(Raw::Absent, |dns| Raw::text(dns.name())),
            K::DnsType => number(self.dns().and_then(|dns| dns.kind).map(u32::from)),
            K::DnsResponse => number(self.dns().map(|dns| dns.is_response.into())),
            K::TunnelDepth => Raw::Number(self.headers.depth.into()),
            _ if key >= K::MacSource && key <= K::ArpTarget => self.headers.outer.value(key),
            _ => match key.outer() {
                Some(outer) => self.headers.inner.value(outer),
                None => self.value_beside(key),
            },
        }
    }

    fn dns(&self) -> Option<&Dns> {
        let dns = self.dns.get_or_init(|| Dns::of(&self.packet.sample));
        dns.as_ref()
    }

    /// What it has under a key that is not of the packet.
    fn value_beside(&self, key: Key) -> Raw<'_> {
        use Key as K;
        let sample = &self.packet.sample;
        match key {
            K::Agent => address(self.site.agent.status.key.address),
            K::Sender => Raw::Ip(self.site.agent.status.key.sender),
            K::SenderReserved => Raw::Number(self.site.agent.is_reserved.into()),
            K::SubAgent => Raw::Number(self.site.agent.status.key.sub_agent.into()),
            K::AgentInstance => Raw::Number(self.site.agent.status.key.instance.into()),
            K::Host => {
                let host = self.site.agent.host;
                self.name_of(host.map(|host| host.data_source))
            }
            K::Source => Raw::DataSource(sample.source_id),
            K::Direction => {
                direction(sample).map_or(Raw::Absent, |word| Raw::Text(word.as_bytes()))
            }
            K::Input => number(sample.input.if_index()),
            K::Output => number(sample.output.if_index()),
            K::InputName => self.name_of(sample.input.if_index().map(interface)),
            K::OutputName => self.name_of(sample.output.if_index().map(interface)),
            K::Outputs => number(sample.output.output_count()),
            K::DropReason => number(self.packet.reason.map(|reason| reason.0)),
            _ => record::value(sample, key),
        }
    }

    fn end(&self, side: Side, names: &Names) -> End {
        let (level, is_inner) = match self.headers.depth {
            0 => (&self.headers.outer, false),
            _ => (&self.headers.inner, true),
        };
        let Site {
            device, sources, ..
        } = self.site;
        let owner = |address, is_inner| {
            let owner = names.owner(device, address, is_inner, sources);
            owner.filter(|owner| self.may_name(owner))
        };
        let mac = level.mac.map(|macs| side.of(macs));
        let ip = level.ip.map(|ip| side.of((ip.source, ip.destination)));
        let said = self.said(side);
        let by_mac = mac.and_then(|mac| owner(mac.into(), is_inner));
        let container = said.filter(Owner::is_container);
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
                    let ip = self.headers.outer.ip.filter(|_| is_inner)?;
                    owner(side.of((ip.source, ip.destination)).into(), false)
                };
                let by_mac = by_mac.filter(|_| ip.is_none());
                let host = said.or(by_ip).or_else(by_outer_ip).or(by_mac);
                host.filter(|owner| !owner.is_container())
            }
        };
        End { container, host }
    }

    /// Whether an address that an agent reports may name the end of a packet here. Addresses that
    /// other senders report name nothing in the samples of reserved senders.
    fn may_name(&self, owner: &Owner) -> bool {
        if !self.site.agent.is_reserved {
            return true;
        }
        let source = self.site.sources.get(owner.place);
        let agent = source.and_then(|source| self.site.agents.get(source.agent));
        agent.is_some_and(|agent| agent.is_reserved)
    }

    /// Who the agent says is at an end.
    fn said(&self, side: Side) -> Option<Owner> {
        let entities = self.packet.sample.find::<ExtendedEntities>()?;
        let kind = side.of((entities.src_ds_class, entities.dst_ds_class));
        let index = side.of((entities.src_ds_index, entities.dst_ds_index));
        let place = *self.site.agent.sources.get(&DataSource::new(kind, index))?;
        Owner::of(self.site.sources.get(place)?, place)
    }

    fn host_of(&self, container: Owner) -> Option<Owner> {
        let source = self.site.sources.get(container.place)?;
        let agent = self.site.agents.get(source.agent)?;
        let host = source.parent.or(agent.host.map(|host| host.data_source))?;
        let place = *agent.sources.get(&host)?;
        let host = self.site.sources.get(place)?;
        Owner::of(host, place).filter(|owner| !owner.is_container())
    }

    fn name(&self, owner: Option<Owner>) -> Raw<'_> {
        let source = owner.and_then(|owner| self.site.sources.get(owner.place));
        source.map_or(Raw::Absent, |source| Raw::text(source.name.as_bytes()))
    }

    fn service(&self, end: End) -> Raw<'_> {
        service(self.name(end.container))
    }

    fn name_of(&self, source: Option<DataSource>) -> Raw<'_> {
        let place = source.and_then(|source| self.site.agent.sources.get(&source));
        let source = place.and_then(|place| self.site.sources.get(*place));
        let named = source.filter(|source| source.kind != EntityKind::Other);
        named.map_or(Raw::Absent, |source| Raw::text(source.name.as_bytes()))
    }

    fn who(&self, end: End, side: Side) -> Raw<'_> {
        let name = match self.name(end.container) {
            Raw::Absent => self.name(end.host),
            name => name,
        };
        if name != Raw::Absent {
            return name;
        }
        let level = match self.headers.depth {
            0 => &self.headers.outer,
            _ => &self.headers.inner,
        };
        match (level.ip, level.mac) {
            (Some(ip), _) => Raw::Ip(side.of((ip.source, ip.destination))),
            (None, Some(macs)) => Raw::Mac(side.of(macs)),
            (None, None) => Raw::Absent,
        }
    }
}

impl Level {
    /// What it has under a key of the outermost packet.
    fn value(&self, key: Key) -> Raw<'_> {
        use Key as K;
        let mac = |side: Side| self.mac.map_or(Raw::Absent, |macs| Raw::Mac(side.of(macs)));
        let ip = |side: Side| match self.ip {
            Some(ip) => Raw::Ip(side.of((ip.source, ip.destination))),
            None => Raw::Absent,
        };
        match key {
            K::MacSource => mac(Side::Source),
            K::MacDestination => mac(Side::Destination),
            K::EtherType => number(self.ether_type.map(u32::from)),
            K::Vlan => number(self.vlan.map(u32::from)),
            K::VlanInner => number(self.vlan_inner.map(u32::from)),
            K::Mpls => number(self.mpls),
            K::IpVersion => number(self.ip.map(|ip| if ip.source.is_ipv4() { 4 } else { 6 })),
            K::IpSource => ip(Side::Source),
            K::IpDestination => ip(Side::Destination),
            K::IpProtocol => number(self.ip.map(|ip| ip.protocol.into())),
            K::IpTos => number(self.ip.map(|ip| ip.tos.into())),
            K::IpDscp => number(self.ip.map(|ip| (ip.tos >> 2).into())),
            K::IpTtl => number(self.ip.and_then(|ip| ip.ttl).map(u32::from)),
            K::IpFragment => number(self.ip.map(|ip| ip.is_fragment.into())),
            K::PortSource => number(self.ports.map(|(source, _)| source.into())),
            K::PortDestination => number(self.ports.map(|(_, destination)| destination.into())),
            K::TcpFlags => number(self.tcp_flags.map(u32::from)),
            K::IcmpType => number(self.icmp.map(|(kind, _)| kind.into())),
            K::IcmpCode => number(self.icmp.map(|(_, code)| code.into())),
            K::ArpOperation => number(self.arp.map(|arp| arp.operation.into())),
            K::ArpSender => self
                .arp
                .map_or(Raw::Absent, |arp| Raw::Ip(arp.sender.into())),
            K::ArpTarget => self
                .arp
                .map_or(Raw::Absent, |arp| Raw::Ip(arp.target.into())),
            _ => Raw::Absent,
        }
    }
}

impl Side {
    fn of<T>(self, (source, destination): (T, T)) -> T {
        match self {
            Self::Source => source,
            Self::Destination => destination,
        }
    }
}

/// Where the packet passed the interface that sampled it.
fn direction(sample: &FlowSample<'_>) -> Option<&'static str> {
    let FlowSample { input, output, .. } = sample;
    let source = sample.source_id;
    let is_of = |interface: &Interface| {
        source.kind == DataSourceKind::INTERFACE && interface.if_index() == Some(source.index)
    };
    match (input, output) {
        _ if input.is_internal() && output.is_internal() => Some("internal"),
        _ if is_of(input) => Some("in"),
        _ if is_of(output) => Some("out"),
        _ if input.is_internal() => Some("out"),
        _ if output.is_internal() => Some("in"),
        _ => None,
    }
}

/// The name of a task container without the slot, or node, and the id of its task.
fn service(name: Raw<'_>) -> Raw<'_> {
    let Raw::Text(text) = name else { return name };
    let mut parts = text.rsplitn(3, |byte| *byte == b'.');
    let (Some(id), Some(slot), Some(service)) = (parts.next(), parts.next(), parts.next()) else {
        return name;
    };
    let is_id = |part: &[u8]| {
        let mut bytes = part.iter();
        part.len() >= 12 && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_slot = !slot.is_empty() && slot.iter().all(u8::is_ascii_digit) || is_id(slot);
    if is_id(id) && is_slot && !service.is_empty() {
        Raw::Text(service)
    } else {
        name
    }
}

fn interface(index: u32) -> DataSource {
    DataSource::new(DataSourceKind::INTERFACE, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_its_tasks_without_slot_and_id() {
        let cases = [
            ("apache.1.rsm0h0ay4dbn6zbusp3ta9pf7", "apache"),
            ("web.prod.12.rsm0h0ay4dbn6zbusp3ta9pf7", "web.prod"),
            (
                "agent.b4txb8c1nyzjzbdh1dkfeqh0q.rsm0h0ay4dbn6zbusp3ta9pf7",
                "agent",
            ),
            ("my_apache", "my_apache"),
            ("a.b.c", "a.b.c"),
            (
                ".1.rsm0h0ay4dbn6zbusp3ta9pf7",
                ".1.rsm0h0ay4dbn6zbusp3ta9pf7",
            ),
        ];
        for (name, expected) in cases {
            let found = service(Raw::Text(name.as_bytes()));
            assert_eq!(found, Raw::Text(expected.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_direction_is_that_at_the_sampling_interface() {
        let sample = |input, output| FlowSample {
            source_id: interface(3),
            input,
            output,
            ..FlowSample::default()
        };
        let index = Interface::index;
        let cases = [
            (index(3), index(4), Some("in")),
            (index(4), index(3), Some("out")),
            (index(0), index(3), Some("out")),
            (index(5), index(6), None),
            (Interface::INTERNAL, index(9), Some("out")),
            (index(9), Interface::INTERNAL, Some("in")),
            (Interface::INTERNAL, Interface::INTERNAL, Some("internal")),
        ];
        for (input, output, expected) in cases {
            assert_eq!(
                direction(&sample(input, output)),
                expected,
                "{input} {output}"
            );
        }
    }
}
