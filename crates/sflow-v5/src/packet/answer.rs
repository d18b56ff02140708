//! What a flow engine asks of a packet.

use core::net::IpAddr;

use etherparse::{EtherType, IpNumber};

use super::{Layer, Packet, TcpFlags};
use crate::Mac;

/// Who sent a frame to whom on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ethernet {
    /// The sender.
    pub source: Mac,
    /// The receiver.
    pub destination: Mac,
    /// What follows the VLAN tags; a number below 0x0600 is a length.
    pub ether_type: EtherType,
}

/// Who sent a packet to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ip {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// What follows the extension headers, as far as they could be read.
    pub protocol: IpNumber,
    /// The time to live, or hop limit.
    pub ttl: u8,
    /// The type of service, or traffic class: six bits of differentiated services, two of
    /// congestion notification.
    pub tos: u8,
    /// The length of header and payload that the packet claims. Where a host leaves
    /// segmentation to its network card, this is 0, or with IPv6 40.
    pub length: u32,
    /// Whether it is a fragment; only the first one has ports.
    pub fragment: bool,
}

impl Ip {
    /// The differentiated services code point.
    pub const fn dscp(&self) -> u8 {
        self.tos >> 2
    }
}

/// Between which ports, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transport {
    /// TCP, UDP, SCTP, DCCP or UDP-Lite.
    pub protocol: IpNumber,
    /// The port of the sender.
    pub source_port: u16,
    /// The port of the receiver.
    pub destination_port: u16,
    /// The flags, if it is TCP and they were not cut.
    pub tcp_flags: Option<TcpFlags>,
}

impl Packet<'_> {
    /// Addresses on the link.
    pub fn ethernet(&self) -> Option<Ethernet> {
        let mut answer: Option<Ethernet> = None;
        for layer in self.own_layers() {
            match (layer, &mut answer) {
                (Layer::Ethernet(header), None) => {
                    answer = Some(Ethernet {
                        source: Mac(header.source()),
                        destination: Mac(header.destination()),
                        ether_type: header.ether_type(),
                    });
                }
                (Layer::Vlan(vlan), Some(answer)) => answer.ether_type = vlan.header.ether_type(),
                _ => break,
            }
        }
        answer
    }

    /// Addresses and protocol.
    pub fn ip(&self) -> Option<Ip> {
        let mut answer = None;
        for layer in self.own_layers() {
            if !Ip::add(&mut answer, &layer) {
                break;
            }
        }
        answer
    }

    /// Ports and flags.
    pub fn transport(&self) -> Option<Transport> {
        self.own_layers().find_map(|layer| Transport::of(&layer))
    }
}

impl Ip {
    /// Adds what a layer says; whether the next one may say more.
    pub(super) fn add(answer: &mut Option<Self>, layer: &Layer<'_>) -> bool {
        match (layer, answer) {
            (Layer::Ipv4(header), answer) => {
                *answer = Some(Self {
                    source: header.source().into(),
                    destination: header.destination().into(),
                    protocol: header.protocol(),
                    ttl: header.ttl(),
                    tos: header.tos(),
                    length: header.total_length().into(),
                    fragment: header.more_fragments() || header.fragment_offset() != 0,
                });
            }
            (Layer::Ipv6(header), answer) => {
                *answer = Some(Self {
                    source: header.source_addr().into(),
                    destination: header.destination_addr().into(),
                    protocol: header.next_header(),
                    ttl: header.hop_limit(),
                    tos: header.traffic_class(),
                    length: u32::from(header.payload_length()).saturating_add(40),
                    fragment: false,
                });
            }
            (Layer::Ipv6Extension(_, header), Some(ip)) => ip.protocol = header.next_header(),
            (Layer::Ipv6Fragment(header), Some(ip)) => {
                ip.protocol = header.next_header();
                ip.fragment = header.is_fragmenting_payload();
            }
            (Layer::Authentication(header), Some(ip)) => ip.protocol = header.next_header(),
            (_, None) => {}
            (_, Some(_)) => return false,
        }
        true
    }
}

impl Transport {
    /// What a layer says of it.
    pub(super) fn of(layer: &Layer<'_>) -> Option<Self> {
        let (protocol, source_port, destination_port) = match layer {
            Layer::Tcp(tcp) => (IpNumber::TCP, tcp.source_port(), tcp.destination_port()),
            Layer::Udp(udp) => (IpNumber::UDP, udp.source_port(), udp.destination_port()),
            Layer::Ports(ports) => (
                ports.protocol(),
                ports.source_port(),
                ports.destination_port(),
            ),
            _ => return None,
        };
        let tcp_flags = match layer {
            Layer::Tcp(tcp) => tcp.flags(),
            _ => None,
        };
        Some(Self {
            protocol,
            source_port,
            destination_port,
            tcp_flags,
        })
    }
}
