//! Networks on top of networks: tunnels in UDP.

use etherparse::EtherType;

use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::tunnel::Tunnel;

/// The UDP port of VXLAN, and the one that Linux took before there was a number.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const GENEVE_PORT: u16 = 6081;
/// Both headers have a fixed part of this size.
const FIXED: usize = 8;

/// VXLAN (RFC 7348).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vxlan<'a> {
    bytes: &'a [u8; 8],
}

impl<'a> Vxlan<'a> {
    /// The network, of 24 bits.
    pub const fn vni(self) -> u32 {
        let [.., a, b, c, _] = *self.bytes;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 8] {
        self.bytes
    }
}

/// Geneve (RFC 8926). Its options may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geneve<'a> {
    fixed: &'a [u8; 8],
    bytes: &'a [u8],
}

impl<'a> Geneve<'a> {
    /// The network, of 24 bits.
    pub const fn vni(self) -> u32 {
        let [.., a, b, c, _] = *self.fixed;
        u32::from_be_bytes([0, a, b, c])
    }

    /// What follows.
    pub const fn protocol(self) -> EtherType {
        let [_, _, high, low, ..] = *self.fixed;
        EtherType(u16::from_be_bytes([high, low]))
    }

    /// The length of the header with its options, in bytes.
    pub fn header_length(self) -> usize {
        Self::length(self.fixed)
    }

    /// The options, or as much of them as was sampled.
    pub fn options(self) -> &'a [u8] {
        self.bytes.get(self.fixed.len()..).unwrap_or_default()
    }

    /// The header, or as much of it as was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    fn length([first, ..]: &[u8; FIXED]) -> usize {
        usize::from((first & 0x3f).saturating_add(2)) << 2
    }
}

/// Whether UDP to this port carries a network.
///
/// By chance a client may have such a port too, so the first byte must look like it: in VXLAN
/// nothing but "the network is valid" and the group policy of Linux, in Geneve version 0.
pub(super) fn within_udp(port: u16, input: Input<'_>) -> Option<Next> {
    let first = *input.bytes.first()?;
    if input.whole && input.bytes.len() < FIXED {
        None
    } else if VXLAN_PORTS.contains(&port) && first & 0x7f == 0x08 {
        Some(Next::Vxlan)
    } else if port == GENEVE_PORT && first & 0xc0 == 0 {
        Some(Next::Geneve)
    } else {
        None
    }
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
