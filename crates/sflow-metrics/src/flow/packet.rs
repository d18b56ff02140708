//! What the headers of a packet say, read in one walk through all tunnels.

use core::net::{IpAddr, Ipv4Addr};

use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use sflow_v5::packet::{EtherType, IpNumber};
use sflow_v5::packet::{Icmp, Layer, Tunnel};
use sflow_v5::{FlowSample, Mac};

/// No packet is longer, with jumbo frames and offloaded segmentation.
const LONGEST: u32 = 65_535;

/// The bytes of the check sequence of Ethernet.
const CHECK_SEQUENCE: u32 = 4;

/// No encapsulation that an agent removes takes more bytes.
const MOST_STRIPPED: u32 = 256;

/// No padding of Ethernet and no trailer behind the IP packet takes more bytes.
const MOST_TRAILING: u32 = 64;

/// No frame is longer on the wire.
const LONGEST_JUMBO: u32 = 16_384;

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
    /// Whether the sampled header contradicts the reported lengths.
    pub(super) is_corrected: bool,
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
    ///
    /// Lengths that the sampled header contradicts are corrected: a frame is not shorter than
    /// the packet that it carries, what was stripped is not part of that packet, and nothing but
    /// padding and a short trailer follows an IP packet.
    pub(super) fn of(sample: &FlowSample<'_>) -> Option<Self> {
        let length = if let Some(header) = sample.find::<SampledHeader<'_>>() {
            Self::of_header(&header, sample)
        } else if let Some(ethernet) = sample.find::<SampledEthernet>() {
            let check_sequence = CHECK_SEQUENCE;
            let least = length_by_ip(sample).map_or(0, |length| length + check_sequence);
            let frame = ethernet.length.max(least);
            Self {
                frame,
                net: frame.saturating_sub(check_sequence),
                header: 0,
                is_corrected: frame != ethernet.length,
            }
        } else {
            let length = ip_length(sample)?;
            Self {
                frame: length,
                net: length,
                header: 0,
                is_corrected: false,
            }
        };
        (length.frame > 0).then_some(length)
    }

    fn of_header(header: &SampledHeader<'_>, sample: &FlowSample<'_>) -> Self {
        let SampledHeader {
            frame_length,
            stripped,
            ..
        } = *header;
        let check_sequence = match header.protocol {
            HeaderProtocol::ETHERNET => CHECK_SEQUENCE,
            _ => 0,
        };
        let claimed = claimed_length(header);
        let sampled = u32::try_from(header.header.0.len()).unwrap_or(u32::MAX);
        let most = match claimed {
            Some((length, true)) if sampled < length => length + MOST_TRAILING,
            // More than the IP packet was sampled, or all of it: something longer may follow.
            Some((length, true)) if sampled <= length + MOST_TRAILING => LONGEST_JUMBO,
            _ => u32::MAX,
        };
        let claimed = claimed.map(|(length, _)| length);
        let claimed = claimed.or_else(|| match header.protocol {
            HeaderProtocol::ETHERNET => length_by_ip(sample),
            _ => None,
        });
        let is_possible = |length: &u32| *length <= LONGEST - MOST_STRIPPED;
        let least = claimed.filter(is_possible).unwrap_or(0);
        let believable = match stripped {
            0..=MOST_STRIPPED => stripped,
            _ => check_sequence,
        };
        let is_too_long = least > 0 && frame_length.saturating_sub(believable) > most;
        let frame = if frame_length < least || is_too_long {
            least + believable
        } else {
            frame_length
        };
        let net = if stripped == believable && frame - least >= stripped {
            frame.saturating_sub(stripped)
        } else {
            frame.saturating_sub(check_sequence).max(least)
        };
        Self {
            frame,
            net,
            header: sampled,
            is_corrected: frame != frame_length || net != frame_length.saturating_sub(stripped),
        }
    }

    /// Whether a packet can be so long, and have such a header.
    pub(super) fn is_possible(self) -> bool {
        self.frame <= LONGEST && self.header <= self.frame
    }
}

/// The length from the sampled header's first byte to the end of the packet, as its outermost
/// header with a length gives it, and whether no packet with that header is much longer: it is an
/// IP length, and the header before it announces IP.
fn claimed_length(header: &SampledHeader<'_>) -> Option<(u32, bool)> {
    if let (HeaderProtocol::ETHERNET, [8, 0, first, _, high, low, ..]) = (
        header.protocol,
        header.header.0.get(12..).unwrap_or_default(),
    ) && first >> 4 == 4
    {
        // Most packets: no layer has to be read.
        let length = u32::from(u16::from_be_bytes([*high, *low]));
        return (length >= 20).then_some((14 + length, true));
    }
    let mut before = 0;
    let mut is_guessed = false;
    for layer in header.dissect().layers() {
        let own = u32::try_from(layer.bytes().len()).ok()?;
        let (from, length) = match &layer {
            Layer::Ethernet(frame) if is_length(frame.ether_type()) => {
                (before + own, frame.ether_type().0.into())
            }
            Layer::Vlan(tag) if is_length(tag.ether_type()) => {
                (before + own, tag.ether_type().0.into())
            }
            Layer::Ipv4(ip) => (before, u32::from(ip.total_length())),
            Layer::Ipv6(ip) if ip.payload_length() > 0 => {
                (before, 40 + u32::from(ip.payload_length()))
            }
            // Segmentation is left to the network card.
            Layer::Ipv6(_) => return None,
            _ => {
                before += own;
                is_guessed |= matches!(layer, Layer::Mpls(_));
                continue;
            }
        };
        let is_most = from == before && !is_guessed;
        return (length >= own || from > before).then_some((from + length, is_most));
    }
    None
}

/// The length of a frame of Ethernet without its check sequence, by the length of the IP packet
/// that the agent read.
fn length_by_ip(sample: &FlowSample<'_>) -> Option<u32> {
    let length = ip_length(sample).filter(|length| *length <= LONGEST)?;
    Some(14 + length)
}

fn ip_length(sample: &FlowSample<'_>) -> Option<u32> {
    let v4 = sample.find::<SampledIpv4>().map(|ip| ip.length);
    v4.or_else(|| sample.find::<SampledIpv6>().map(|ip| ip.length))
}

/// Whether it is not an EtherType but the length of an IEEE 802.3 frame.
const fn is_length(kind: EtherType) -> bool {
    kind.0 < 0x0600
}

/// An EtherType, unless it is a length.
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

    /// What an agent says that has no header to show.
    fn told(sample: &FlowSample<'_>) -> Self {
        let mut level = Self::default();
        if let Some(ethernet) = sample.find::<SampledEthernet>() {
            level.mac = Some((ethernet.src_mac, ethernet.dst_mac));
            let kind = u16::try_from(ethernet.kind).ok();
            level.ether_type = kind.map(EtherType).and_then(type_of);
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
