//! UDP, ICMP, and what ports can be had from the others, however early they are cut.

use etherparse::{IpNumber, UdpHeaderSlice};

use super::layer::Layer;
use super::layers::{Input, Next, Step};
use super::stop::Stop;

/// UDP port of VXLAN (RFC 7348), and the one that Linux took before there was a number.
const VXLAN: [u16; 2] = [4789, 8472];
const GENEVE: u16 = 6081;

/// UDP, at least its ports.
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

    /// All fields, unless something of the header was cut.
    pub fn header(self) -> Option<UdpHeaderSlice<'a>> {
        UdpHeaderSlice::from_slice(self.bytes()).ok()
    }

    /// The header, or as much of it as was sampled.
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
    /// Which one it is.
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

    /// The header, or as much of it as was sampled.
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

    /// What kind of that type; in IGMP a time.
    pub const fn code(self) -> u8 {
        let [_, code] = *self.message;
        code
    }

    /// The first eight bytes, or as much of them as was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn udp(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (ports, behind, short) = head("udp", IpNumber::UDP, 8, input)?;
    let layer = Layer::Udp(Udp { ports });
    if let Some(stop) = short {
        return Ok(Step::last(layer, behind, stop));
    }
    let behind = match ports.bytes {
        [_, _, _, _, high, low, _, _] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            // One that cannot be true says nothing.
            length
                .checked_sub(8)
                .map_or(behind, |length| behind.until(length))
        }
        _ => behind,
    };
    let port = ports.destination_port();
    // By chance a client may have such a port too: the first bytes tell.
    Ok(match behind.bytes {
        [flags, ..] if VXLAN.contains(&port) && flags & 0x08 != 0 => {
            Step::new(layer, behind, Next::Vxlan)
        }
        [version, ..] if port == GENEVE && version >> 6 == 0 => {
            Step::new(layer, behind, Next::Geneve)
        }
        _ => Step::last(layer, behind, Stop::Payload),
    })
}

pub(super) fn ports(protocol: IpNumber, input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (header, length) = match protocol {
        IpNumber::SCTP => ("sctp", 12),
        IpNumber::DCCP => ("dccp", 12),
        _ => ("udp_lite", 8),
    };
    let (ports, behind, short) = head(header, protocol, length, input)?;
    let stop = short.unwrap_or(Stop::Payload);
    Ok(Step::last(Layer::Ports(ports), behind, stop))
}

pub(super) fn icmpv4(input: Input<'_>) -> Result<Step<'_>, Stop> {
    icmp("icmpv4", input, Layer::Icmpv4)
}

pub(super) fn icmpv6(input: Input<'_>) -> Result<Step<'_>, Stop> {
    icmp("icmpv6", input, Layer::Icmpv6)
}

pub(super) fn igmp(input: Input<'_>) -> Result<Step<'_>, Stop> {
    icmp("igmp", input, Layer::Igmp)
}

fn icmp<'a>(
    name: &'static str,
    input: Input<'a>,
    layer: fn(Icmp<'a>) -> Layer<'a>,
) -> Result<Step<'a>, Stop> {
    let (message, _) = input.fixed::<2>(name)?;
    let (bytes, behind, short) = as_much(name, 8, input);
    let stop = short.unwrap_or(Stop::Payload);
    Ok(Step::last(layer(Icmp { message, bytes }), behind, stop))
}

/// A header that begins with two ports, of which the rest may be cut.
pub(super) fn head<'a>(
    name: &'static str,
    protocol: IpNumber,
    length: usize,
    input: Input<'a>,
) -> Result<(Ports<'a>, Input<'a>, Option<Stop>), Stop> {
    let Some(ports) = input.bytes.first_chunk() else {
        return Err(input.short(name, length));
    };
    let (bytes, behind, short) = as_much(name, length, input);
    let ports = Ports {
        protocol,
        ports,
        bytes,
    };
    Ok((ports, behind, short))
}

/// As much of a header as was sampled, what follows it, and whether something is missing.
fn as_much<'a>(
    name: &'static str,
    length: usize,
    input: Input<'a>,
) -> (&'a [u8], Input<'a>, Option<Stop>) {
    match input.split(name, length) {
        Ok((bytes, behind)) => (bytes, behind, None),
        Err(stop) => (input.bytes, input.none(), Some(stop)),
    }
}
