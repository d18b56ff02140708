//! IPv4 and IPv6, their extension headers, and IPsec.

use core::net::Ipv4Addr;

use etherparse::err::{ip_auth, ipv6};
use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

use super::layer::Layer;
use super::layers::{Input, Next, Step};
use super::stop::Stop;
use super::tunnel::Tunnel;

/// IPv4. Its options may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4<'a> {
    fixed: &'a [u8; 20],
    bytes: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// The length of the header with its options, in bytes.
    pub fn header_length(self) -> usize {
        let [first, ..] = *self.fixed;
        usize::from((first & 0x0f) << 2)
    }

    /// The type of service: differentiated services and congestion notification.
    pub const fn tos(self) -> u8 {
        let [_, tos, ..] = *self.fixed;
        tos
    }

    /// The length of header and payload that the packet claims; 0 where a host leaves
    /// segmentation to its network card.
    pub const fn total_length(self) -> u16 {
        let [_, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high, low])
    }

    /// What fragments of the same packet have in common.
    pub const fn identification(self) -> u16 {
        let [_, _, _, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high, low])
    }

    /// Whether it must not be fragmented.
    pub const fn dont_fragment(self) -> bool {
        let [_, _, _, _, _, _, flags, ..] = *self.fixed;
        flags & 0x40 != 0
    }

    /// Whether more fragments follow.
    pub const fn more_fragments(self) -> bool {
        let [_, _, _, _, _, _, flags, ..] = *self.fixed;
        flags & 0x20 != 0
    }

    /// Where this fragment belongs, in units of eight bytes.
    pub const fn fragment_offset(self) -> u16 {
        let [_, _, _, _, _, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high & 0x1f, low])
    }

    /// The time to live.
    pub const fn ttl(self) -> u8 {
        let [_, _, _, _, _, _, _, _, ttl, ..] = *self.fixed;
        ttl
    }

    /// What follows.
    pub const fn protocol(self) -> IpNumber {
        let [_, _, _, _, _, _, _, _, _, protocol, ..] = *self.fixed;
        IpNumber(protocol)
    }

    /// Who sent it.
    pub const fn source(self) -> Ipv4Addr {
        let [.., a, b, c, d, _, _, _, _] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Who is to receive it.
    pub const fn destination(self) -> Ipv4Addr {
        let [.., a, b, c, d] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The options, or as much of them as was sampled.
    pub fn options(self) -> &'a [u8] {
        self.bytes.get(self.fixed.len()..).unwrap_or_default()
    }

    /// The header, or as much of it as was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// The encapsulating security payload (RFC 4303): what follows is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Esp<'a> {
    bytes: &'a [u8; 8],
}

impl<'a> Esp<'a> {
    /// The security parameters index.
    pub const fn spi(self) -> u32 {
        let [a, b, c, d, ..] = *self.bytes;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Grows with each packet.
    pub const fn sequence_number(self) -> u32 {
        let [.., a, b, c, d] = *self.bytes;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 8] {
        self.bytes
    }
}

pub(super) fn ip(input: Input<'_>) -> Result<Step<'_>, Stop> {
    match input.bytes.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(input),
        Some(6) => ipv6(input),
        Some(version) => Err(Stop::Invalid {
            header: "ip",
            field: "version",
            value: version.into(),
        }),
        None => Err(input.short("ip", 20)),
    }
}

/// An extension header of IPv6, if the number is one.
pub(super) fn extension(number: IpNumber, input: Input<'_>) -> Option<Result<Step<'_>, Stop>> {
    Some(match number {
        IpNumber::IPV6_HEADER_HOP_BY_HOP
        | IpNumber::IPV6_ROUTE_HEADER
        | IpNumber::IPV6_DESTINATION_OPTIONS
        | IpNumber::MOBILITY_HEADER
        | IpNumber::HIP
        | IpNumber::SHIM6 => options(number, input),
        IpNumber::IPV6_FRAGMENTATION_HEADER => fragment(input),
        IpNumber::AUTHENTICATION_HEADER => authentication(input, Next::WithinIpv6),
        IpNumber::IPV6_NO_NEXT_HEADER => Err(Stop::NoNextHeader),
        _ => return None,
    })
}

pub(super) fn authentication(
    input: Input<'_>,
    within: fn(IpNumber) -> Next,
) -> Result<Step<'_>, Stop> {
    let header = IpAuthHeaderSlice::from_slice(input.bytes).map_err(|error| match error {
        ip_auth::HeaderSliceError::Len(error) => input.short("authentication", error.required_len),
        ip_auth::HeaderSliceError::Content(_) => Stop::Invalid {
            header: "authentication",
            field: "payload length",
            value: 0,
        },
    })?;
    let (behind, number) = (input.behind(header.slice()), header.next_header());
    let layer = Layer::Authentication(header);
    Ok(follow(layer, behind, number, within))
}

pub(super) fn esp(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (bytes, behind) = input.fixed("esp")?;
    Ok(Step::last(
        Layer::Esp(Esp { bytes }),
        behind,
        Stop::Encrypted,
    ))
}

fn ipv4(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (fixed, _) = input.fixed::<20>("ipv4")?;
    let mut header = Ipv4 {
        fixed,
        bytes: fixed,
    };
    let length = header.header_length();
    if length < fixed.len() {
        return Err(Stop::Invalid {
            header: "ipv4",
            field: "header length",
            value: u16::try_from(length).unwrap_or(u16::MAX),
        });
    }
    let total = usize::from(header.total_length());
    // A total length that cannot be true says nothing about where the packet ends.
    let input = if total < length {
        input
    } else {
        input.until(total)
    };
    let behind = match input.split("ipv4", length) {
        Ok((bytes, behind)) => {
            header.bytes = bytes;
            behind
        }
        Err(stop) => {
            header.bytes = input.bytes;
            return Ok(Step::last(Layer::Ipv4(header), input.none(), stop));
        }
    };
    let layer = Layer::Ipv4(header);
    Ok(if header.fragment_offset() == 0 {
        follow(layer, behind, header.protocol(), Next::WithinIpv4)
    } else {
        Step::last(layer, behind, Stop::Fragment)
    })
}

fn ipv6(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let header = Ipv6HeaderSlice::from_slice(input.bytes).map_err(|error| match error {
        ipv6::HeaderSliceError::Len(error) => input.short("ipv6", error.required_len),
        ipv6::HeaderSliceError::Content(ipv6::HeaderError::UnexpectedVersion {
            version_number,
        }) => Stop::Invalid {
            header: "ipv6",
            field: "version",
            value: version_number.into(),
        },
    })?;
    let behind = input.behind(header.slice());
    // 0 is a jumbogram, or segmentation that is left to the network card.
    let behind = match header.payload_length() {
        0 => behind,
        length => behind.until(usize::from(length)),
    };
    let number = header.next_header();
    let layer = Layer::Ipv6(header);
    Ok(follow(layer, behind, number, Next::WithinIpv6))
}

fn options(number: IpNumber, input: Input<'_>) -> Result<Step<'_>, Stop> {
    let header = Ipv6RawExtHeaderSlice::from_slice(input.bytes)
        .map_err(|error| input.short("ipv6_extension", error.required_len))?;
    let (behind, next) = (input.behind(header.slice()), header.next_header());
    let layer = Layer::Ipv6Extension(number, header);
    Ok(follow(layer, behind, next, Next::WithinIpv6))
}

fn fragment(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let header = Ipv6FragmentHeaderSlice::from_slice(input.bytes)
        .map_err(|error| input.short("ipv6_fragment", error.required_len))?;
    let (behind, number) = (input.behind(header.slice()), header.next_header());
    let first = header.fragment_offset().value() == 0;
    let layer = Layer::Ipv6Fragment(header);
    Ok(if first {
        follow(layer, behind, number, Next::WithinIpv6)
    } else {
        Step::last(layer, behind, Stop::Fragment)
    })
}

/// What the number of a protocol leads to: a header of this packet, or another packet.
fn follow<'a>(
    layer: Layer<'a>,
    behind: Input<'a>,
    number: IpNumber,
    within: fn(IpNumber) -> Next,
) -> Step<'a> {
    match number {
        IpNumber::IPV4 | IpNumber::IPV6 => {
            Step::new(layer, behind, Next::Ip).entering(Some(Tunnel::IpInIp))
        }
        IpNumber::MPLS_IN_IP => {
            Step::new(layer, behind, Next::Mpls).entering(Some(Tunnel::MplsInIp))
        }
        _ => Step::new(layer, behind, within(number)),
    }
}
