//! IPv4 and IPv6, their extension headers, and IPsec.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::protocol::IpNumber;
use super::rest::StopReason;
use super::tunnel::Tunnel;

/// The type of a routing header that contains segments (RFC 8754).
const SEGMENT_ROUTING: u8 = 4;

/// IPv4. Its options may be truncated.
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

    /// The length of header and payload in bytes, as the header states it; 0 where a host leaves
    /// segmentation to its network card.
    pub const fn total_length(self) -> u16 {
        Self::total(self.fixed)
    }

    /// Identifies the fragments of the same packet.
    pub const fn identification(self) -> u16 {
        let [_, _, _, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high, low])
    }

    /// Whether the packet must not be fragmented.
    pub const fn dont_fragment(self) -> bool {
        let [_, _, _, _, _, _, flags, ..] = *self.fixed;
        flags & 0x40 != 0
    }

    /// Whether more fragments follow.
    pub const fn more_fragments(self) -> bool {
        let [_, _, _, _, _, _, flags, ..] = *self.fixed;
        flags & 0x20 != 0
    }

    /// The position of the fragment, in units of eight bytes.
    pub const fn fragment_offset(self) -> u16 {
        let [_, _, _, _, _, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high & 0x1f, low])
    }

    /// The time to live.
    pub const fn ttl(self) -> u8 {
        let [_, _, _, _, _, _, _, _, ttl, ..] = *self.fixed;
        ttl
    }

    /// The protocol of what follows.
    pub const fn protocol(self) -> IpNumber {
        let [_, _, _, _, _, _, _, _, _, protocol, ..] = *self.fixed;
        IpNumber(protocol)
    }

    /// The address of the sender.
    pub const fn source(self) -> Ipv4Addr {
        let [.., a, b, c, d, _, _, _, _] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The address of the receiver.
    pub const fn destination(self) -> Ipv4Addr {
        let [.., a, b, c, d] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The options, or the part of them that was sampled.
    pub fn options(self) -> &'a [u8] {
        self.bytes.get(self.fixed.len()..).unwrap_or_default()
    }

    /// The header, or the part of it that was sampled.
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

/// IPv6, without extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6<'a> {
    bytes: &'a [u8; 40],
}

impl<'a> Ipv6<'a> {
    /// The traffic class: differentiated services and congestion notification.
    pub const fn traffic_class(self) -> u8 {
        let [high, low, ..] = *self.bytes;
        high << 4 | low >> 4
    }

    /// The flow label (20 bits).
    pub const fn flow_label(self) -> u32 {
        let [_, a, b, c, ..] = *self.bytes;
        u32::from_be_bytes([0, a & 0x0f, b, c])
    }

    /// The length of what follows this header, in bytes; 0 in a jumbogram, and where a host
    /// leaves segmentation to its network card.
    pub const fn payload_length(self) -> u16 {
        let [_, _, _, _, high, low, ..] = *self.bytes;
        u16::from_be_bytes([high, low])
    }

    /// The protocol of what follows.
    pub const fn next_header(self) -> IpNumber {
        let [_, _, _, _, _, _, next, ..] = *self.bytes;
        IpNumber(next)
    }

    /// The hop limit.
    pub const fn hop_limit(self) -> u8 {
        let [_, _, _, _, _, _, _, limit, ..] = *self.bytes;
        limit
    }

    /// The address of the sender.
    pub fn source(self) -> Ipv6Addr {
        self.address(8)
    }

    /// The address of the receiver.
    pub fn destination(self) -> Ipv6Addr {
        self.address(24)
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 40] {
        self.bytes
    }

    fn address(self, start: usize) -> Ipv6Addr {
        let bytes = self.bytes.get(start..).and_then(<[u8]>::first_chunk::<16>);
        bytes.copied().unwrap_or_default().into()
    }
}

/// An extension header of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Extension<'a> {
    fixed: &'a [u8; 8],
    bytes: &'a [u8],
}

impl<'a> Ipv6Extension<'a> {
    /// The protocol of what follows.
    pub const fn next_header(self) -> IpNumber {
        let [next, ..] = *self.fixed;
        IpNumber(next)
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// The fragment header of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Fragment<'a> {
    bytes: &'a [u8; 8],
}

impl<'a> Ipv6Fragment<'a> {
    /// The protocol of what follows.
    pub const fn next_header(self) -> IpNumber {
        let [next, ..] = *self.bytes;
        IpNumber(next)
    }

    /// The position of the fragment, in units of eight bytes.
    pub const fn fragment_offset(self) -> u16 {
        let [_, _, high, low, ..] = *self.bytes;
        u16::from_be_bytes([high, low]) >> 3
    }

    /// Whether more fragments follow.
    pub const fn more_fragments(self) -> bool {
        let [_, _, _, flags, ..] = *self.bytes;
        flags & 1 != 0
    }

    /// Whether the packet is fragmented; a fragment header can also contain all of it.
    pub const fn is_fragment(self) -> bool {
        self.more_fragments() || self.fragment_offset() != 0
    }

    /// Identifies the fragments of the same packet.
    pub const fn identification(self) -> u32 {
        let [.., a, b, c, d] = *self.bytes;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 8] {
        self.bytes
    }
}

/// The authentication header of IPsec (RFC 4302).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication<'a> {
    fixed: &'a [u8; 12],
    bytes: &'a [u8],
}

impl<'a> Authentication<'a> {
    /// The protocol of what follows.
    pub const fn next_header(self) -> IpNumber {
        let [next, ..] = *self.fixed;
        IpNumber(next)
    }

    /// The security parameters index.
    pub const fn spi(self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The sequence number.
    pub const fn sequence_number(self) -> u32 {
        let [.., a, b, c, d] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// The encapsulating security payload (RFC 4303); the rest is encrypted.
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

    /// Incremented with each packet.
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

/// Whether the number is that of an IPv6 extension header.
pub(super) const fn is_extension(number: IpNumber) -> bool {
    matches!(
        number,
        IpNumber::HOP_BY_HOP
            | IpNumber::IPV6_ROUTE
            | IpNumber::IPV6_FRAGMENT
            | IpNumber::AUTHENTICATION
            | IpNumber::IPV6_NO_NEXT_HEADER
            | IpNumber::IPV6_OPTIONS
            | IpNumber::MOBILITY_HEADER
            | IpNumber::HIP
            | IpNumber::SHIM6
    )
}

pub(super) fn extension<'a>(number: IpNumber, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    match number {
        IpNumber::IPV6_FRAGMENT => fragment(walk),
        IpNumber::AUTHENTICATION => authentication(walk, Next::WithinIpv6),
        IpNumber::IPV6_NO_NEXT_HEADER => walk.stop(StopReason::NoNextHeader),
        _ => options(number, walk),
    }
}

pub(super) fn authentication<'a>(
    walk: &mut Layers<'a>,
    within: fn(IpNumber) -> Next,
) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<12>("authentication")?;
    let [_, words, ..] = *fixed;
    if words == 0 {
        return walk.stop(StopReason::Invalid {
            header: "authentication",
            field: "payload length",
            value: 0,
        });
    }
    let size = usize::from(words).saturating_add(2) << 2;
    let (bytes, behind) = walk.split("authentication", size)?;
    let header = Authentication { fixed, bytes };
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
    // An impossible total length does not determine the end of the packet.
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
    let (bytes, behind) = walk.fixed("ipv6")?;
    let header = Ipv6 { bytes };
    // 0: a jumbogram, or segmentation by the network card.
    let behind = match header.payload_length() {
        0 => behind,
        length => behind.until(usize::from(length)),
    };
    follow(walk, behind, header.next_header(), Next::WithinIpv6);
    Some(Layer::Ipv6(header))
}

fn options<'a>(number: IpNumber, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<8>("ipv6_extension")?;
    let [_, eights, kind, ..] = *fixed;
    let size = usize::from(eights).saturating_add(1) << 3;
    let (bytes, behind) = walk.split("ipv6_extension", size)?;
    let header = Ipv6Extension { fixed, bytes };
    let is_segment_routing = number == IpNumber::IPV6_ROUTE && kind == SEGMENT_ROUTING;
    match header.next_header() {
        IpNumber::IPV4 | IpNumber::IPV6 if is_segment_routing => {
            walk.enter(behind, Next::Ip, Tunnel::Srv6);
        }
        next => follow(walk, behind, next, Next::WithinIpv6),
    }
    Some(Layer::Ipv6Extension(number, header))
}

fn fragment<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("ipv6_fragment")?;
    let header = Ipv6Fragment { bytes };
    if header.fragment_offset() == 0 {
        follow(walk, behind, header.next_header(), Next::WithinIpv6);
    } else {
        walk.end(behind, StopReason::Fragment);
    }
    Some(Layer::Ipv6Fragment(header))
}

/// Continues with a header of this packet, or with the packet inside, by protocol number.
fn follow<'a>(
    walk: &mut Layers<'a>,
    behind: Input<'a>,
    number: IpNumber,
    within: fn(IpNumber) -> Next,
) {
    match number {
        IpNumber::IPV4 | IpNumber::IPV6 => walk.enter(behind, Next::Ip, Tunnel::IpInIp),
        IpNumber::MPLS_IN_IP => walk.enter(behind, Next::Mpls, Tunnel::MplsInIp),
        IpNumber::ETHERNET => walk.enter(behind, Next::Ethernet, Tunnel::Srv6),
        _ => walk.follow(behind, within(number)),
    }
}
