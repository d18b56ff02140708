//! Networks on top of networks: tunnels in UDP.

use etherparse::EtherType;

use super::layer::Layer;
use super::layers::{Input, Next, Step};
use super::stop::Stop;
use super::tunnel::Tunnel;

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
        let [first, ..] = *self.fixed;
        usize::from((first & 0x3f).saturating_add(2)) << 2
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

pub(super) fn vxlan(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (bytes, behind) = input.fixed("vxlan")?;
    let header = Vxlan { bytes };
    let tunnel = Tunnel::Vxlan { vni: header.vni() };
    Ok(Step::new(Layer::Vxlan(header), behind, Next::Ethernet).entering(Some(tunnel)))
}

pub(super) fn geneve(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (fixed, _) = input.fixed::<8>("geneve")?;
    let mut header = Geneve {
        fixed,
        bytes: fixed,
    };
    match input.split("geneve", header.header_length()) {
        Ok((bytes, behind)) => {
            header.bytes = bytes;
            let tunnel = Tunnel::Geneve { vni: header.vni() };
            let next = Next::Type(header.protocol());
            Ok(Step::new(Layer::Geneve(header), behind, next).entering(Some(tunnel)))
        }
        Err(stop) => {
            header.bytes = input.bytes;
            Ok(Step::last(Layer::Geneve(header), input.none(), stop))
        }
    }
}
