//! The values of a sample's keys.

use core::cell::OnceCell;

use sflow_v5::enums::{DataSourceKind, DropReason};
use sflow_v5::{DataSource, DiscardedPacket, FlowSample, Interface};

use crate::flow::addresses::Addresses;
use crate::flow::dns::Dns;
use crate::flow::ends::{Ends, Site};
use crate::flow::headers::{End, Headers};
use crate::flow::key::Key;
use crate::flow::record;
use crate::flow::value::{Raw, address, number};

/// A sampled or dropped packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// For a dropped packet, the fields that notifications and samples have in common.
    pub(super) sample: FlowSample<'a>,
    reason: Option<DropReason>,
    is_drop: bool,
}

/// A packet with what is read of it once for all definitions.
#[derive(Debug)]
pub(super) struct Observation<'a, 'w> {
    pub(super) packet: Packet<'a>,
    headers: Headers,
    site: Site<'w>,
    ends: Ends,
    /// Read on demand.
    dns: OnceCell<Option<Dns>>,
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

impl<'a, 'w> Observation<'a, 'w> {
    /// Finds the containers and hosts at both ends if addresses are given.
    pub(super) fn new(
        packet: Packet<'a>,
        headers: Headers,
        site: Site<'w>,
        addresses: Option<&Addresses>,
    ) -> Self {
        let ends = match addresses {
            Some(addresses) => site.ends(&packet.sample, &headers, addresses),
            None => Ends::default(),
        };
        Self {
            packet,
            headers,
            site,
            ends,
            dns: OnceCell::new(),
        }
    }

    /// The value of a key.
    pub(super) fn value(&self, key: Key) -> Raw<'_> {
        use Key as K;
        let Self {
            site,
            ends,
            headers,
            ..
        } = self;
        match key {
            K::ContainerSource => site.name(ends.source.container),
            K::ContainerDestination => site.name(ends.destination.container),
            K::ServiceSource => site.service(ends.source.container),
            K::ServiceDestination => site.service(ends.destination.container),
            K::HostSource => site.name(ends.source.host),
            K::HostDestination => site.name(ends.destination.host),
            K::EndSource => self.name_or_address(End::Source),
            K::EndDestination => self.name_or_address(End::Destination),
            K::Tunnel => match headers.tunnel {
                Some(tunnel) => Raw::Text(tunnel.name().as_bytes()),
                None => Raw::Absent,
            },
            K::TunnelId => number(headers.tunnel.and_then(|tunnel| tunnel.id())),
            K::TunnelDepth => Raw::Number(headers.depth.into()),
            K::DnsName => self.dns().map_or(Raw::Absent, |dns| Raw::text(dns.name())),
            K::DnsType => number(self.dns().and_then(|dns| dns.kind).map(u32::from)),
            K::DnsResponse => number(self.dns().map(|dns| dns.is_response.into())),
            _ if key >= K::MacSource && key <= K::ArpTarget => headers.outer.value(key),
            _ => match key.outer() {
                Some(outer) => headers.inner.value(outer),
                None => self.value_beside_headers(key),
            },
        }
    }

    fn dns(&self) -> Option<&Dns> {
        let dns = self.dns.get_or_init(|| Dns::of(&self.packet.sample));
        dns.as_ref()
    }

    /// The value of a key that is not read from the headers.
    fn value_beside_headers(&self, key: Key) -> Raw<'_> {
        use Key as K;
        let sample = &self.packet.sample;
        let agent = self.site.agent;
        let interface_name = |interface: Interface| {
            let index = interface.if_index();
            self.site.source_name(index.map(interface_source))
        };
        match key {
            K::Agent => address(agent.status.key.address),
            K::Sender => Raw::Ip(agent.status.key.sender),
            K::SenderReserved => Raw::Number(agent.is_reserved.into()),
            K::SubAgent => Raw::Number(agent.status.key.sub_agent.into()),
            K::AgentInstance => Raw::Number(agent.status.key.instance.into()),
            K::Host => {
                let host = agent.host.map(|host| host.data_source);
                self.site.source_name(host)
            }
            K::DataSource => Raw::DataSource(sample.source_id),
            K::Direction => {
                direction(sample).map_or(Raw::Absent, |word| Raw::Text(word.as_bytes()))
            }
            K::Input => number(sample.input.if_index()),
            K::Output => number(sample.output.if_index()),
            K::InputName => interface_name(sample.input),
            K::OutputName => interface_name(sample.output),
            K::Outputs => number(sample.output.output_count()),
            K::DropReason => number(self.packet.reason.map(|reason| reason.0)),
            _ => record::value(sample, key),
        }
    }

    fn name_or_address(&self, end: End) -> Raw<'_> {
        let party = self.ends.at(end);
        let name = match self.site.name(party.container) {
            Raw::Absent => self.site.name(party.host),
            name => name,
        };
        if name != Raw::Absent {
            return name;
        }
        let level = self.headers.innermost();
        match (level.ip, level.mac) {
            (Some(ip), _) => Raw::Ip(end.of((ip.source, ip.destination))),
            (None, Some(macs)) => Raw::Mac(end.of(macs)),
            (None, None) => Raw::Absent,
        }
    }
}

/// The direction at the interface that sampled the packet.
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

fn interface_source(index: u32) -> DataSource {
    DataSource::new(DataSourceKind::INTERFACE, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_is_relative_to_sampling_interface() {
        let sample = |input, output| FlowSample {
            source_id: interface_source(3),
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
