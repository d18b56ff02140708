//! The headers of a packet, decoded in one pass through all tunnels.

use core::net::{IpAddr, Ipv4Addr};

use sflow_v5::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use sflow_v5::packet::{EtherType, IpNumber};
use sflow_v5::packet::{Icmp, Layer, Tunnel};
use sflow_v5::{FlowSample, Mac};

use crate::flow::key::Key;
use crate::flow::value::{Raw, number};

/// The outermost packet and the innermost packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Headers {
    pub(super) outer: Level,
    /// Empty without a tunnel.
    pub(super) inner: Level,
    pub(super) tunnel: Option<Tunnel>,
    pub(super) depth: u8,
}

/// The headers of one packet, without those of packets inside its tunnel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    pub(super) mac: Option<(Mac, Mac)>,
    pub(super) ether_type: Option<u16>,
    pub(super) vlan: Option<u16>,
    pub(super) vlan_inner: Option<u16>,
    pub(super) mpls: Option<u32>,
    pub(super) ip: Option<Ip>,
    pub(super) ports: Option<(u16, u16)>,
    pub(super) tcp_flags: Option<u16>,
    pub(super) icmp: Option<(u8, u8)>,
    pub(super) arp: Option<Arp>,
}

/// Fields of an ARP message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arp {
    pub(super) operation: u16,
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
}

/// Fields of an IPv4 or IPv6 header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) tos: u8,
    pub(super) ttl: Option<u8>,
    pub(super) is_fragment: bool,
}

/// One end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

impl Headers {
    /// The headers of a sample: its sampled header, or else the fields that the agent decoded.
    pub(super) fn of(sample: &FlowSample<'_>) -> Self {
        match sample.find::<SampledHeader<'_>>() {
            Some(header) => Self::read(&header),
            None => Self {
                outer: Level::decoded(sample),
                ..Self::default()
            },
        }
    }

    /// The headers of the packet inside all tunnels.
    pub(super) fn innermost(&self) -> &Level {
        match self.depth {
            0 => &self.outer,
            _ => &self.inner,
        }
    }

    fn read(header: &SampledHeader<'_>) -> Self {
        let mut headers = Self::default();
        let mut level = Level::default();
        let mut layers = header.dissect().layers();
        while let Some(layer) = layers.next() {
            level.add(&layer);
            if let Some(tunnel) = layers.entered() {
                if headers.depth == 0 {
                    headers.outer = level;
                    headers.tunnel = Some(tunnel);
                }
                headers.depth = headers.depth.saturating_add(1);
                level = Level::default();
            }
        }
        match headers.depth {
            0 => headers.outer = level,
            _ => headers.inner = level,
        }
        headers
    }
}

/// Whether it is the length of an IEEE 802.3 frame instead of an EtherType.
pub(super) const fn is_length(kind: EtherType) -> bool {
    kind.0 < 0x0600
}

/// The EtherType; `None` if it is a length.
fn type_of(kind: EtherType) -> Option<u16> {
    (!is_length(kind)).then_some(kind.0)
}

impl Level {
    fn add(&mut self, layer: &Layer<'_>) {
        match layer {
            Layer::Ethernet(header) if self.mac.is_none() => {
                self.mac = Some((header.source(), header.destination()));
                self.ether_type = type_of(header.ether_type());
            }
            Layer::Vlan(vlan) => {
                let number = u16::try_from(vlan.tag.vlan()).ok();
                match self.vlan {
                    None => self.vlan = number,
                    Some(_) => self.vlan_inner = self.vlan_inner.or(number),
                }
                self.ether_type = type_of(vlan.ether_type());
            }
            Layer::Llc(header) => {
                self.ether_type = header.ether_type().and_then(type_of).or(self.ether_type);
            }
            Layer::Mpls(label) => self.mpls = self.mpls.or(Some(label.entry().label())),
            Layer::Ipv4(header) => {
                self.ip = Some(Ip {
                    source: header.source().into(),
                    destination: header.destination().into(),
                    protocol: header.protocol().0,
                    tos: header.tos(),
                    ttl: Some(header.ttl()),
                    is_fragment: header.more_fragments() || header.fragment_offset() != 0,
                });
            }
            Layer::Ipv6(header) => {
                self.ip = Some(Ip {
                    source: header.source().into(),
                    destination: header.destination().into(),
                    protocol: header.next_header().0,
                    tos: header.traffic_class(),
                    ttl: Some(header.hop_limit()),
                    is_fragment: false,
                });
            }
            Layer::Ipv6Extension(_, header) => self.follow(header.next_header()),
            Layer::Authentication(header) => self.follow(header.next_header()),
            Layer::Ipv6Fragment(header) => {
                self.follow(header.next_header());
                if let Some(ip) = &mut self.ip {
                    ip.is_fragment = header.is_fragment();
                }
            }
            Layer::Tcp(tcp) => {
                self.ports = Some((tcp.source_port(), tcp.destination_port()));
                self.tcp_flags = tcp.flags().map(|flags| flags.0);
            }
            Layer::Udp(udp) => self.ports = Some((udp.source_port(), udp.destination_port())),
            Layer::Ports(ports) => {
                self.ports = Some((ports.source_port(), ports.destination_port()));
            }
            Layer::Icmpv4(message) | Layer::Icmpv6(message) => {
                self.icmp = Some(message_of(message));
            }
            Layer::Arp(packet) => {
                let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
                let sender = address(packet.sender_protocol_address());
                let target = address(packet.target_protocol_address());
                if let (Some(sender), Some(target)) = (sender, target) {
                    let operation = packet.operation();
                    self.arp = Some(Arp {
                        operation,
                        sender,
                        target,
                    });
                }
            }
            _ => {}
        }
    }

    fn follow(&mut self, next: IpNumber) {
        if let Some(ip) = &mut self.ip {
            ip.protocol = next.0;
        }
    }

    /// The fields that the agent decoded.
    fn decoded(sample: &FlowSample<'_>) -> Self {
        let mut level = Self::default();
        if let Some(ethernet) = sample.find::<SampledEthernet>() {
            level.mac = Some((ethernet.src_mac, ethernet.dst_mac));
            let kind = u16::try_from(ethernet.kind).ok();
            level.ether_type = kind.map(EtherType).and_then(type_of);
        }
        let (ip, ports, flags) = if let Some(ip) = sample.find::<SampledIpv4>() {
            let (source, destination) = (ip.src_ip.addr().into(), ip.dst_ip.addr().into());
            let fields = (source, destination, ip.protocol, ip.tos);
            (fields, (ip.src_port, ip.dst_port), ip.tcp_flags)
        } else if let Some(ip) = sample.find::<SampledIpv6>() {
            let (source, destination) = (ip.src_ip.addr().into(), ip.dst_ip.addr().into());
            let fields = (source, destination, ip.protocol, ip.priority);
            (fields, (ip.src_port, ip.dst_port), ip.tcp_flags)
        } else {
            return level;
        };
        let (source, destination, protocol, tos): (IpAddr, IpAddr, u32, u32) = ip;
        let protocol = u8::try_from(protocol).unwrap_or_default();
        level.ip = Some(Ip {
            source,
            destination,
            protocol,
            tos: u8::try_from(tos).unwrap_or_default(),
            ttl: None,
            is_fragment: false,
        });
        if let (IpNumber::TCP | IpNumber::UDP | IpNumber::SCTP, Ok(source), Ok(destination)) = (
            IpNumber(protocol),
            u16::try_from(ports.0),
            u16::try_from(ports.1),
        ) {
            level.ports = Some((source, destination));
        }
        if IpNumber(protocol) == IpNumber::TCP {
            level.tcp_flags = u16::try_from(flags & 0x1ff).ok();
        }
        level
    }
}

impl Level {
    /// The value of a key of the outermost packet.
    pub(super) fn value(&self, key: Key) -> Raw<'_> {
        use Key as K;
        let mac = |side: End| self.mac.map_or(Raw::Absent, |macs| Raw::Mac(side.of(macs)));
        let ip = |side: End| match self.ip {
            Some(ip) => Raw::Ip(side.of((ip.source, ip.destination))),
            None => Raw::Absent,
        };
        match key {
            K::MacSource => mac(End::Source),
            K::MacDestination => mac(End::Destination),
            K::EtherType => number(self.ether_type.map(u32::from)),
            K::Vlan => number(self.vlan.map(u32::from)),
            K::VlanInner => number(self.vlan_inner.map(u32::from)),
            K::Mpls => number(self.mpls),
            K::IpVersion => number(self.ip.map(|ip| if ip.source.is_ipv4() { 4 } else { 6 })),
            K::IpSource => ip(End::Source),
            K::IpDestination => ip(End::Destination),
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

impl End {
    /// The element of a pair that belongs to this end.
    pub(super) fn of<T>(self, (source, destination): (T, T)) -> T {
        match self {
            Self::Source => source,
            Self::Destination => destination,
        }
    }
}

fn message_of(message: &Icmp<'_>) -> (u8, u8) {
    (message.kind(), message.code())
}
