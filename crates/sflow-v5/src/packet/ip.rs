//! IPv4 and IPv6, their extension headers, and IPsec.

use core::net::Ipv4Addr;

use etherparse::err::ip_auth::HeaderSliceError;
use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::stop::StopReason;
use super::tunnel::Tunnel;

/// The type of a routing header that holds segments (RFC 8754).
const SEGMENT_ROUTING: u8 = 4;
/// Ethernet in IPv6 (RFC 8986).
const ETHERNET: IpNumber = IpNumber(143);

/// IPv4. Its options may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4<'a> {
    fixed: &'a [u8; 20],
    bytes: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// The length of the header with its options, in bytes.
    pub fn header_length(self) -> usize {
        Self::length(self.fixed)
    }

    /// The type of service: differentiated services and congestion notification.
    pub const fn tos(self) -> u8 {
        let [_, tos, ..] = *self.fixed;
        tos
    }

    /// The length of header and payload that the packet claims; 0 where a host leaves
    /// segmentation to its network card.
    pub const fn total_length(self) -> u16 {
        Self::total(self.fixed)
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

    fn length([first, ..]: &[u8; 20]) -> usize {
        usize::from((first & 0x0f) << 2)
    }

    const fn total([_, _, high, low, ..]: &[u8; 20]) -> u16 {
        u16::from_be_bytes([*high, *low])
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

pub(super) fn ip<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    match walk.input().bytes.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(walk),
        Some(6) => ipv6(walk),
        Some(version) => walk.stop(StopReason::Invalid {
            header: "ip",
            field: "version",
            value: version.into(),
        }),
        None => walk.short("ip", 20),
    }
}

/// Whether it is the number of an extension header of IPv6.
pub(super) const fn is_extension(number: IpNumber) -> bool {
    matches!(
        number,
        IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_ROUTE_HEADER
            | IpNumber::IPV6_FRAGMENTATION_HEADER
            | IpNumber::AUTHENTICATION_HEADER
            | IpNumber::IPV6_NO_NEXT_HEADER
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | IpNumber::MOBILITY_HEADER
            | IpNumber::HIP
            | IpNumber::SHIM6
    )
}

pub(super) fn extension<'a>(number: IpNumber, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    match number {
        IpNumber::IPV6_FRAGMENTATION_HEADER => fragment(walk),
        IpNumber::AUTHENTICATION_HEADER => authentication(walk, Next::WithinIpv6),
        IpNumber::IPV6_NO_NEXT_HEADER => walk.stop(StopReason::NoNextHeader),
        _ => options(number, walk),
    }
}

pub(super) fn authentication<'a>(
    walk: &mut Layers<'a>,
    within: fn(IpNumber) -> Next,
) -> Option<Layer<'a>> {
    let header = match IpAuthHeaderSlice::from_slice(walk.input().bytes) {
        Ok(header) => header,
        Err(HeaderSliceError::Len(error)) => {
            return walk.short("authentication", error.required_len);
        }
        Err(HeaderSliceError::Content(_)) => {
            return walk.stop(StopReason::Invalid {
                header: "authentication",
                field: "payload length",
                value: 0,
            });
        }
    };
    let behind = walk.input().behind(header.slice());
    follow(walk, behind, header.next_header(), within);
    Some(Layer::Authentication(header))
}

pub(super) fn esp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("esp")?;
    walk.end(behind, StopReason::Encrypted);
    Some(Layer::Esp(Esp { bytes }))
}

fn ipv4<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<20>("ipv4")?;
    let (length, total) = (Ipv4::length(fixed), Ipv4::total(fixed));
    if length < fixed.len() {
        return walk.stop(StopReason::Invalid {
            header: "ipv4",
            field: "header length",
            value: u16::try_from(length).unwrap_or(u16::MAX),
        });
    }
    let (bytes, behind, short) = walk.partly("ipv4", length);
    let header = Ipv4 { fixed, bytes };
    // A total length that cannot be true says nothing about where the packet ends.
    let behind = match usize::from(total).checked_sub(length) {
        Some(payload) => behind.until(payload),
        None => behind,
    };
    if let Some(stop) = short {
        walk.end(behind, stop);
    } else if header.fragment_offset() == 0 {
        follow(walk, behind, header.protocol(), Next::WithinIpv4);
    } else {
        walk.end(behind, StopReason::Fragment);
    }
    Some(Layer::Ipv4(header))
}

fn ipv6<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, behind) = walk.fixed::<40>("ipv6")?;
    let Ok(header) = Ipv6HeaderSlice::from_slice(fixed) else {
        return walk.short("ipv6", 40);
    };
    // 0 is a jumbogram, or segmentation that is left to the network card.
    let behind = match header.payload_length() {
        0 => behind,
        length => behind.until(usize::from(length)),
    };
    follow(walk, behind, header.next_header(), Next::WithinIpv6);
    Some(Layer::Ipv6(header))
}

fn options<'a>(number: IpNumber, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let header = match Ipv6RawExtHeaderSlice::from_slice(walk.input().bytes) {
        Ok(header) => header,
        Err(error) => return walk.short("ipv6_extension", error.required_len),
    };
    let behind = walk.input().behind(header.slice());
    let is_segment_routing =
        number == IpNumber::IPV6_ROUTE_HEADER && header.payload().first() == Some(&SEGMENT_ROUTING);
    match header.next_header() {
        IpNumber::IPV4 | IpNumber::IPV6 if is_segment_routing => {
            walk.enter(behind, Next::Ip, Tunnel::Srv6);
        }
        next => follow(walk, behind, next, Next::WithinIpv6),
    }
    Some(Layer::Ipv6Extension(number, header))
}

fn fragment<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let header = match Ipv6FragmentHeaderSlice::from_slice(walk.input().bytes) {
        Ok(header) => header,
        Err(error) => return walk.short("ipv6_fragment", error.required_len),
    };
    let behind = walk.input().behind(header.slice());
    if header.fragment_offset().value() == 0 {
        follow(walk, behind, header.next_header(), Next::WithinIpv6);
    } else {
        walk.end(behind, StopReason::Fragment);
    }
    Some(Layer::Ipv6Fragment(header))
}

/// What the number of a protocol leads to: a header of this packet, or another packet.
fn follow<'a>(
    walk: &mut Layers<'a>,
    behind: Input<'a>,
    number: IpNumber,
    within: fn(IpNumber) -> Next,
) {
    match number {
        IpNumber::IPV4 | IpNumber::IPV6 => walk.enter(behind, Next::Ip, Tunnel::IpInIp),
        IpNumber::MPLS_IN_IP => walk.enter(behind, Next::Mpls, Tunnel::MplsInIp),
        ETHERNET => walk.enter(behind, Next::Ethernet, Tunnel::Srv6),
        _ => walk.follow(behind, within(number)),
    }
}
