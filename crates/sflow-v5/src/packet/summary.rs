//! Summaries of the link, network and transport layer of a packet.

use core::net::IpAddr;

use super::{EtherType, IpNumber, Layer, Packet, TcpFlags};
use crate::Mac;

/// The link layer of a packet: the first Ethernet header and its VLAN tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ethernet {
    /// The address of the sender.
    pub source: Mac,
    /// The address of the receiver.
    pub destination: Mac,
    /// The EtherType behind the VLAN tags, or the length of an IEEE 802.3 frame.
    pub ether_type: EtherType,
}

/// The network layer of a packet: IPv4, or IPv6 with its extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ip {
    /// The address of the sender.
    pub source: IpAddr,
    /// The address of the receiver.
    pub destination: IpAddr,
    /// The protocol behind the extension headers, as far as these could be read.
    pub protocol: IpNumber,
    /// The time to live, or hop limit.
    pub ttl: u8,
    /// The type of service, or traffic class: six bits of differentiated services, two of
    /// congestion notification.
    pub tos: u8,
    /// The length of header and payload in bytes, as the header states it. If a host leaves
    /// segmentation to its network card, it is 0, or 40 for IPv6.
    pub length: u32,
    /// Whether the packet is a fragment; only the first fragment has ports.
    pub fragment: bool,
}

impl Ip {
    /// The differentiated services code point.
    pub const fn dscp(&self) -> u8 {
        self.tos >> 2
    }
}

/// The transport layer of a packet: its ports and TCP flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transport {
    /// TCP, UDP, SCTP, DCCP or UDP-Lite.
    pub protocol: IpNumber,
    /// The port of the sender.
    pub source_port: u16,
    /// The port of the receiver.
    pub destination_port: u16,
    /// The TCP flags, unless they are truncated.
    pub tcp_flags: Option<TcpFlags>,
}

impl Packet<'_> {
    /// The link layer; `None` if the packet does not begin with Ethernet.
    pub fn ethernet(&self) -> Option<Ethernet> {
        let mut summary: Option<Ethernet> = None;
        for layer in self.own_layers() {
            match (layer, &mut summary) {
                (Layer::Ethernet(header), None) => {
                    summary = Some(Ethernet {
                        source: header.source(),
                        destination: header.destination(),
                        ether_type: header.ether_type(),
                    });
                }
                (Layer::Vlan(vlan), Some(summary)) => summary.ether_type = vlan.ether_type(),
                _ => break,
            }
        }
        summary
    }

    /// The network layer; `None` if no IP header was sampled.
    pub fn ip(&self) -> Option<Ip> {
        let mut summary = None;
        for layer in self.own_layers() {
            if !Ip::add(&mut summary, &layer) {
                break;
            }
        }
        summary
    }

    /// The transport layer; `None` if no ports were sampled.
    pub fn transport(&self) -> Option<Transport> {
        self.own_layers()
            .find_map(|layer| Transport::from_layer(&layer))
    }
}

impl Ip {
    /// Updates the summary with a layer; returns whether the next layer can belong to it.
    pub(super) fn add(summary: &mut Option<Self>, layer: &Layer<'_>) -> bool {
        match (layer, summary) {
            (Layer::Ipv4(header), summary) => {
                *summary = Some(Self {
                    source: header.source().into(),
                    destination: header.destination().into(),
                    protocol: header.protocol(),
                    ttl: header.ttl(),
                    tos: header.tos(),
                    length: header.total_length().into(),
                    fragment: header.more_fragments() || header.fragment_offset() != 0,
                });
            }
            (Layer::Ipv6(header), summary) => {
                *summary = Some(Self {
                    source: header.source().into(),
                    destination: header.destination().into(),
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
                ip.fragment = header.is_fragment();
            }
            (Layer::Authentication(header), Some(ip)) => ip.protocol = header.next_header(),
            (_, None) => {}
            (_, Some(_)) => return false,
        }
        true
    }
}

impl Transport {
    /// The summary of a layer, if that has ports.
    pub(super) fn from_layer(layer: &Layer<'_>) -> Option<Self> {
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
