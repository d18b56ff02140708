//! Tunnels in UDP, and network service headers.

use super::protocol::EtherType;

use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::rest::StopReason;
use super::tunnel::Tunnel;
use super::{gtp, l2tp, mpls};

/// The UDP port of VXLAN, and the one that Linux used before it was assigned.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const VXLAN_GPE_PORT: u16 = 4790;
const GENEVE_PORT: u16 = 6081;
const MPLS_PORT: u16 = 6635;
/// Size of the fixed part of the headers of VXLAN and Geneve.
const FIXED: usize = 8;

/// VXLAN (RFC 7348).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vxlan<'a> {
    bytes: &'a [u8; 8],
}

impl<'a> Vxlan<'a> {
    /// The network identifier (24 bits).
    pub const fn vni(self) -> u32 {
        let [.., a, b, c, _] = *self.bytes;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 8] {
        self.bytes
    }
}

/// Geneve (RFC 8926). Its options may be truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geneve<'a> {
    fixed: &'a [u8; 8],
    bytes: &'a [u8],
}

impl<'a> Geneve<'a> {
    /// The network identifier (24 bits).
    pub const fn vni(self) -> u32 {
        let [.., a, b, c, _] = *self.fixed;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The protocol of what follows.
    pub const fn protocol(self) -> EtherType {
        let [_, _, high, low, ..] = *self.fixed;
        EtherType(u16::from_be_bytes([high, low]))
    }

    /// The length of the header with its options, in bytes.
    pub fn header_length(self) -> usize {
        Self::length(self.fixed)
    }

    /// The options, or the part of them that was sampled.
    pub fn options(self) -> &'a [u8] {
        self.bytes.get(self.fixed.len()..).unwrap_or_default()
    }

    /// The header, or the part of it that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    fn length([first, ..]: &[u8; FIXED]) -> usize {
        usize::from((first & 0x3f).saturating_add(2)) << 2
    }
}

/// VXLAN with the generic protocol extension (draft-ietf-nvo3-vxlan-gpe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanGpe<'a> {
    bytes: &'a [u8; 8],
}

impl<'a> VxlanGpe<'a> {
    /// The network identifier (24 bits).
    pub const fn vni(self) -> u32 {
        let [.., a, b, c, _] = *self.bytes;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The protocol of what follows: 1 is IPv4, 2 IPv6, 3 Ethernet, 4 a service header, 5 MPLS.
    pub const fn next_protocol(self) -> u8 {
        match *self.bytes {
            [flags, _, _, next, ..] if flags & 0x04 != 0 => next,
            _ => 3,
        }
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 8] {
        self.bytes
    }

    const fn is_management(self) -> bool {
        let [flags, ..] = *self.bytes;
        flags & 0x01 != 0
    }
}

/// The network service header (RFC 8300).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nsh<'a> {
    fixed: &'a [u8; 8],
    bytes: &'a [u8],
}

impl<'a> Nsh<'a> {
    /// The service path (24 bits).
    pub const fn path(self) -> u32 {
        let [_, _, _, _, a, b, c, _] = *self.fixed;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The service index.
    pub const fn index(self) -> u8 {
        let [.., index] = *self.fixed;
        index
    }

    /// The protocol of what follows, numbered as in VXLAN-GPE.
    pub const fn next_protocol(self) -> u8 {
        let [_, _, _, next, ..] = *self.fixed;
        next
    }

    /// The header with its context, or the part of it that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// The layer behind UDP with this destination port, and the tunnel that starts directly behind
/// UDP, if any.
///
/// A client may use such a port by chance, so the first bytes are checked: in VXLAN only the flag
/// of a valid network and the group policy of Linux may be set, Geneve must be version 0, GTP-U
/// and L2TPv3 must have their constant bits, an MPLS label stack must end.
pub(super) fn within_udp(port: u16, input: Input<'_>) -> Option<(Next, Option<Tunnel>)> {
    let first = *input.bytes.first()?;
    let is_long_enough = !input.whole || input.bytes.len() >= FIXED;
    let next = match port {
        port if VXLAN_PORTS.contains(&port) && is_long_enough && first & 0x7f == 0x08 => {
            Next::Vxlan
        }
        port if VXLAN_PORTS.contains(&port) && is_long_enough && first == 0x0c => Next::VxlanGpe,
        VXLAN_GPE_PORT if is_long_enough && first & 0xf0 == 0 && first & 0x0c != 0 => {
            Next::VxlanGpe
        }
        GENEVE_PORT if is_long_enough && first & 0xc0 == 0 => Next::Geneve,
        MPLS_PORT if mpls::is_stack(input) => return Some((Next::Mpls, Some(Tunnel::MplsInUdp))),
        gtp::PORT if gtp::is_gtp_u(input) => Next::GtpU,
        l2tp::PORT if l2tp::is_data(input) => Next::L2tpV3OnUdp,
        _ => return None,
    };
    Some((next, None))
}

pub(super) fn vxlan<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("vxlan")?;
    let header = Vxlan { bytes };
    let tunnel = Tunnel::Vxlan { vni: header.vni() };
    walk.enter(behind, Next::Ethernet, tunnel);
    Some(Layer::Vxlan(header))
}

pub(super) fn geneve<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<FIXED>("geneve")?;
    let (bytes, behind, short) = walk.partly("geneve", Geneve::length(fixed));
    let header = Geneve { fixed, bytes };
    if let Some(stop) = short {
        walk.end(behind, stop);
    } else {
        let tunnel = Tunnel::Geneve { vni: header.vni() };
        walk.enter(behind, Next::Type(header.protocol()), tunnel);
    }
    Some(Layer::Geneve(header))
}

pub(super) fn vxlan_gpe<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("vxlan_gpe")?;
    let header = VxlanGpe { bytes };
    let tunnel = Tunnel::VxlanGpe { vni: header.vni() };
    match next_of(header.next_protocol()) {
        Some(next) if !header.is_management() => walk.enter(behind, next, tunnel),
        _ => walk.end(behind, StopReason::Unidentified),
    }
    Some(Layer::VxlanGpe(header))
}

/// A service header: part of the tunnel around it, or a tunnel itself.
pub(super) fn nsh<'a>(is_tunnel: bool, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<8>("nsh")?;
    let [version, words, ..] = *fixed;
    let size = usize::from(words & 0x3f) << 2;
    if version & 0xc0 != 0 || size < fixed.len() {
        return walk.stop(StopReason::Invalid {
            header: "nsh",
            field: "version or length",
            value: u16::from_be_bytes([version, words]),
        });
    }
    let (bytes, behind, short) = walk.partly("nsh", size);
    let header = Nsh { fixed, bytes };
    let path = header.path();
    match (short, next_of(header.next_protocol())) {
        (Some(stop), _) => walk.end(behind, stop),
        (None, Some(next)) if is_tunnel => walk.enter(behind, next, Tunnel::Nsh { path }),
        (None, Some(next)) => walk.follow(behind, next),
        (None, None) => walk.end(behind, StopReason::Unidentified),
    }
    Some(Layer::Nsh(header))
}

/// The layer with this protocol number of VXLAN-GPE and service headers.
const fn next_of(protocol: u8) -> Option<Next> {
    Some(match protocol {
        1 | 2 => Next::Ip,
        3 => Next::Ethernet,
        4 => Next::Nsh,
        5 => Next::Mpls,
        _ => return None,
    })
}
