//! UDP, ICMP, and the ports of other transport protocols, as far as they were sampled.

use super::input::Input;
use super::layer::Layer;
use super::layers::Layers;
use super::overlay;
use super::protocol::IpNumber;
use super::rest::StopReason;

/// UDP: the ports, and the length unless the header is truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    ports: Ports<'a>,
}

impl<'a> Udp<'a> {
    /// The port of the sender.
    pub const fn source_port(self) -> u16 {
        self.ports.source_port()
    }

    /// The port of the receiver.
    pub const fn destination_port(self) -> u16 {
        self.ports.destination_port()
    }

    /// The length of header and payload in bytes, unless it is truncated.
    pub const fn length(self) -> Option<u16> {
        match self.ports.bytes {
            [_, _, _, _, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// The header, or the part of it that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.ports.bytes
    }
}

/// SCTP, DCCP or UDP-Lite: their ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports<'a> {
    protocol: IpNumber,
    ports: &'a [u8; 4],
    bytes: &'a [u8],
}

impl<'a> Ports<'a> {
    /// The protocol.
    pub const fn protocol(self) -> IpNumber {
        self.protocol
    }

    /// `sctp`, `dccp` or `udp_lite`.
    pub const fn name(self) -> &'static str {
        match self.protocol {
            IpNumber::SCTP => "sctp",
            IpNumber::DCCP => "dccp",
            _ => "udp_lite",
        }
    }

    /// The port of the sender.
    pub const fn source_port(self) -> u16 {
        let [high, low, _, _] = *self.ports;
        u16::from_be_bytes([high, low])
    }

    /// The port of the receiver.
    pub const fn destination_port(self) -> u16 {
        let [_, _, high, low] = *self.ports;
        u16::from_be_bytes([high, low])
    }

    /// The header, or the part of it that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// ICMP, ICMPv6 or IGMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    message: &'a [u8; 2],
    bytes: &'a [u8],
}

impl<'a> Icmp<'a> {
    /// The type of the message.
    pub const fn kind(self) -> u8 {
        let [kind, _] = *self.message;
        kind
    }

    /// The code of the message; in IGMP the maximum response time.
    pub const fn code(self) -> u8 {
        let [_, code] = *self.message;
        code
    }

    /// The first eight bytes, or the part of them that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn udp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (ports, behind, short) = head("udp", IpNumber::UDP, 8, walk)?;
    let layer = Layer::Udp(Udp { ports });
    if let Some(stop) = short {
        walk.end(behind, stop);
        return Some(layer);
    }
    let length = Udp { ports }.length().unwrap_or_default();
    // An impossible length does not determine the end of the packet.
    let behind = match length.checked_sub(8) {
        Some(payload) => behind.until(payload.into()),
        None => behind,
    };
    match overlay::within_udp(ports.destination_port(), behind) {
        Some((next, Some(tunnel))) => walk.enter(behind, next, tunnel),
        Some((next, None)) => walk.follow(behind, next),
        None => walk.end(behind, StopReason::Payload),
    }
    Some(layer)
}

pub(super) fn ports<'a>(protocol: IpNumber, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (header, length) = match protocol {
        IpNumber::SCTP => ("sctp", 12),
        IpNumber::DCCP => ("dccp", 12),
        _ => ("udp_lite", 8),
    };
    let (ports, behind, short) = head(header, protocol, length, walk)?;
    walk.end(behind, short.unwrap_or(StopReason::Payload));
    Some(Layer::Ports(ports))
}

pub(super) fn icmpv4<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    icmp("icmpv4", walk).map(Layer::Icmpv4)
}

pub(super) fn icmpv6<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    icmp("icmpv6", walk).map(Layer::Icmpv6)
}

pub(super) fn igmp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    icmp("igmp", walk).map(Layer::Igmp)
}

fn icmp<'a>(name: &'static str, walk: &mut Layers<'a>) -> Option<Icmp<'a>> {
    let (message, _) = walk.fixed(name)?;
    let (bytes, behind, short) = walk.partly(name, 8);
    walk.end(behind, short.unwrap_or(StopReason::Payload));
    Some(Icmp { message, bytes })
}

/// A header that begins with two ports and may be truncated behind them.
#[inline]
pub(super) fn head<'a>(
    name: &'static str,
    protocol: IpNumber,
    length: usize,
    walk: &mut Layers<'a>,
) -> Option<(Ports<'a>, Input<'a>, Option<StopReason>)> {
    let Some(ports) = walk.input().bytes.first_chunk() else {
        return walk.short(name, length);
    };
    let (bytes, behind, short) = walk.partly(name, length);
    let ports = Ports {
        protocol,
        ports,
        bytes,
    };
    Some((ports, behind, short))
}
