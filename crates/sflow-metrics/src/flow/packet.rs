//! What the headers of a packet say, read in one walk through all tunnels.

use core::net::{IpAddr, Ipv4Addr};

use sflow_v5::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use sflow_v5::packet::etherparse::IpNumber;
use sflow_v5::packet::{Icmp, Layer, Tunnel};
use sflow_v5::{FlowSample, Mac};

/// No packet is longer, with jumbo frames and offloaded segmentation.
const LONGEST: u32 = 65_535;

/// The bytes of the check sequence of Ethernet.
const CHECK_SEQUENCE: u32 = 4;

/// A packet and the one inside its tunnels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Headers {
    pub(super) outer: Level,
    /// Only if there is a tunnel.
    pub(super) inner: Level,
    pub(super) tunnel: Option<Tunnel>,
    pub(super) depth: u8,
}

/// The headers of one packet, without those of what it carries.
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

/// What matters of ARP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arp {
    pub(super) operation: u16,
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
}

/// What matters of IP of either version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) tos: u8,
    pub(super) ttl: Option<u8>,
    pub(super) is_fragment: bool,
}

/// How long a packet was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    /// On the wire.
    pub(super) frame: u32,
    /// Without what was taken off.
    pub(super) net: u32,
    /// Of the sampled header.
    pub(super) header: u32,
}

impl Headers {
    /// Reads what the sample has: the header, or what the agent read of it.
    pub(super) fn of(sample: &FlowSample<'_>) -> Self {
        match sample.find::<SampledHeader<'_>>() {
            Some(header) => Self::read(&header),
            None => Self {
                outer: Level::told(sample),
                ..Self::default()
            },
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

impl Length {
    /// Of the packet that the sample is of; `None` if the agent does not say.
    pub(super) fn of(sample: &FlowSample<'_>) -> Option<Self> {
        let length = if let Some(header) = sample.find::<SampledHeader<'_>>() {
            Self {
                frame: header.frame_length,
                net: header.frame_length.saturating_sub(header.stripped),
                header: u32::try_from(header.header.0.len()).unwrap_or(u32::MAX),
            }
        } else if let Some(ethernet) = sample.find::<SampledEthernet>() {
            Self {
                frame: ethernet.length,
                net: ethernet.length.saturating_sub(CHECK_SEQUENCE),
                header: 0,
            }
        } else {
            let v4 = sample.find::<SampledIpv4>().map(|ip| ip.length);
            let length = v4.or_else(|| sample.find::<SampledIpv6>().map(|ip| ip.length))?;
            Self {
                frame: length,
                net: length,
                header: 0,
            }
        };
        (length.frame > 0).then_some(length)
    }

    /// Whether a packet can be so long, and have such a header.
    pub(super) fn is_possible(self) -> bool {
        self.frame <= LONGEST && self.header <= self.frame
    }
}

impl Level {
    fn add(&mut self, layer: &Layer<'_>) {
        match layer {
            Layer::Ethernet(header) if self.mac.is_none() => {
                self.mac = Some((Mac(header.source()), Mac(header.destination())));
                self.ether_type = Some(header.ether_type().0);
            }
            Layer::Vlan(vlan) => {
                let number = u16::try_from(vlan.tag.vlan()).ok();
                match self.vlan {
                    None => self.vlan = number,
                    Some(_) => self.vlan_inner = self.vlan_inner.or(number),
                }
                self.ether_type = Some(vlan.header.ether_type().0);
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
                    source: header.source_addr().into(),
                    destination: header.destination_addr().into(),
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
                    ip.is_fragment = header.is_fragmenting_payload();
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
                let sender = address(packet.sender_protocol_addr());
                let target = address(packet.target_protocol_addr());
                if let (Some(sender), Some(target)) = (sender, target) {
                    let operation = packet.operation().0;
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

    /// What an agent says that has no header to show.
    fn told(sample: &FlowSample<'_>) -> Self {
        let mut level = Self::default();
        if let Some(ethernet) = sample.find::<SampledEthernet>() {
            level.mac = Some((ethernet.src_mac, ethernet.dst_mac));
            level.ether_type = u16::try_from(ethernet.kind).ok();
        }
        let (ip, ports, flags) = if let Some(ip) = sample.find::<SampledIpv4>() {
            let (source, destination) = (ip.src_ip.addr().into(), ip.dst_ip.addr().into());
            let told = (source, destination, ip.protocol, ip.tos);
            (told, (ip.src_port, ip.dst_port), ip.tcp_flags)
        } else if let Some(ip) = sample.find::<SampledIpv6>() {
            let (source, destination) = (ip.src_ip.addr().into(), ip.dst_ip.addr().into());
            let told = (source, destination, ip.protocol, ip.priority);
            (told, (ip.src_port, ip.dst_port), ip.tcp_flags)
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

fn message_of(message: &Icmp<'_>) -> (u8, u8) {
    (message.kind(), message.code())
}
