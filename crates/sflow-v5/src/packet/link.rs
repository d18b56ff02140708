//! IEEE 802: Ethernet, logical link control, VLAN tags, MACsec, and ARP on top of it.

use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::protocol::EtherType;
use super::rest::StopReason;
use crate::Mac;
use crate::types::VlanTag;

/// Both service access points of SNAP, and unnumbered information.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
const SAP_IP: u8 = 0x06;

/// The header of an Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetHeader<'a> {
    bytes: &'a [u8; 14],
}

impl<'a> EthernetHeader<'a> {
    /// The address of the receiver.
    pub const fn destination(self) -> Mac {
        let [a, b, c, d, e, f, ..] = *self.bytes;
        Mac([a, b, c, d, e, f])
    }

    /// The address of the sender.
    pub const fn source(self) -> Mac {
        let [_, _, _, _, _, _, a, b, c, d, e, f, _, _] = *self.bytes;
        Mac([a, b, c, d, e, f])
    }

    /// The protocol of what follows, or the length of an IEEE 802.3 frame.
    pub const fn ether_type(self) -> EtherType {
        let [.., high, low] = *self.bytes;
        EtherType(u16::from_be_bytes([high, low]))
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 14] {
        self.bytes
    }
}

/// A VLAN tag, behind its protocol identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan<'a> {
    /// The protocol identifier, which precedes these bytes, and the tag.
    pub tag: VlanTag,
    bytes: &'a [u8; 4],
}

impl<'a> Vlan<'a> {
    /// The protocol of what follows, or the length of an IEEE 802.3 frame.
    pub const fn ether_type(self) -> EtherType {
        let [_, _, high, low] = *self.bytes;
        EtherType(u16::from_be_bytes([high, low]))
    }

    /// The tag without its protocol identifier, and the EtherType.
    pub const fn bytes(self) -> &'a [u8; 4] {
        self.bytes
    }
}

/// The security tag of MACsec (IEEE 802.1AE), with the EtherType of a payload that is neither
/// encrypted nor changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macsec<'a> {
    fixed: &'a [u8; 6],
    bytes: &'a [u8],
}

impl<'a> Macsec<'a> {
    /// The packet number.
    pub const fn packet_number(self) -> u32 {
        let [_, _, a, b, c, d] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether the payload is encrypted.
    pub const fn is_encrypted(self) -> bool {
        let [control, ..] = *self.fixed;
        control & 0x08 != 0
    }

    /// The EtherType of the payload, if that is neither encrypted nor changed.
    pub fn ether_type(self) -> Option<EtherType> {
        let [control, ..] = *self.fixed;
        let bytes = self.bytes.last_chunk::<2>()?;
        (control & 0x0c == 0).then_some(EtherType(u16::from_be_bytes(*bytes)))
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp<'a> {
    fixed: &'a [u8; 8],
    bytes: &'a [u8],
}

impl<'a> Arp<'a> {
    /// The operation: 1 is a request, 2 a reply.
    pub const fn operation(self) -> u16 {
        let [.., high, low] = *self.fixed;
        u16::from_be_bytes([high, low])
    }

    /// The link address of the sender.
    pub fn sender_hardware_address(self) -> &'a [u8] {
        let [_, _, _, _, hardware, _, ..] = *self.fixed;
        self.part(8, hardware)
    }

    /// The network address of the sender.
    pub fn sender_protocol_address(self) -> &'a [u8] {
        let [_, _, _, _, hardware, protocol, ..] = *self.fixed;
        self.part(usize::from(hardware).saturating_add(8), protocol)
    }

    /// The link address of the target.
    pub fn target_hardware_address(self) -> &'a [u8] {
        let [_, _, _, _, hardware, protocol, ..] = *self.fixed;
        let (hardware_size, protocol) = (usize::from(hardware), usize::from(protocol));
        let start = hardware_size.saturating_add(protocol).saturating_add(8);
        self.part(start, hardware)
    }

    /// The network address of the target.
    pub fn target_protocol_address(self) -> &'a [u8] {
        let [_, _, _, _, _, protocol, ..] = *self.fixed;
        let start = self.bytes.len().saturating_sub(usize::from(protocol));
        self.part(start, protocol)
    }

    /// The packet.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    fn part(self, start: usize, size: u8) -> &'a [u8] {
        let part = self.bytes.get(start..).unwrap_or_default();
        part.get(..usize::from(size)).unwrap_or_default()
    }

    /// The length of a packet with this fixed part, in bytes.
    fn length([_, _, _, _, hardware, protocol, ..]: &[u8; 8]) -> usize {
        let pair = usize::from(*hardware).saturating_add(usize::from(*protocol));
        pair.saturating_mul(2).saturating_add(8)
    }
}

/// Logical link control (IEEE 802.2), with SNAP if present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Llc<'a> {
    bytes: &'a [u8],
    fixed: &'a [u8; 3],
    snap: Option<&'a [u8; 5]>,
}

impl<'a> Llc<'a> {
    /// The service access point of the destination.
    pub const fn dsap(self) -> u8 {
        let [dsap, _, _] = *self.fixed;
        dsap
    }

    /// The service access point of the source.
    pub const fn ssap(self) -> u8 {
        let [_, ssap, _] = *self.fixed;
        ssap
    }

    /// The control field, or its first byte.
    pub const fn control(self) -> u8 {
        let [_, _, control] = *self.fixed;
        control
    }

    /// The SNAP header: an organisation, and its protocol number.
    pub fn snap(self) -> Option<([u8; 3], u16)> {
        let [a, b, c, high, low] = *self.snap?;
        Some(([a, b, c], u16::from_be_bytes([high, low])))
    }

    /// The EtherType behind SNAP; `None` if the organisation has its own protocol numbers.
    pub fn ether_type(self) -> Option<EtherType> {
        match self.snap()? {
            // EtherTypes, also of bridged frames, and AppleTalk.
            ([0, 0, 0 | 0xf8] | [8, 0, 7], kind) => Some(EtherType(kind)),
            _ => None,
        }
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn ethernet<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("ethernet")?;
    let header = EthernetHeader { bytes };
    follow(walk, behind, header.ether_type());
    Some(Layer::Ethernet(header))
}

pub(super) fn vlan<'a>(tpid: EtherType, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("vlan")?;
    let [high, low, _, _] = *bytes;
    let [upper, lower] = tpid.0.to_be_bytes();
    let tag = VlanTag(u32::from_be_bytes([upper, lower, high, low]));
    let header = Vlan { tag, bytes };
    follow(walk, behind, header.ether_type());
    Some(Layer::Vlan(header))
}

pub(super) fn llc<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, behind) = walk.fixed::<3>("llc")?;
    if *fixed == SNAP {
        let Some((snap, _)) = behind.bytes.split_first_chunk::<5>() else {
            walk.end(behind, behind.short("snap", 5));
            return Some(Layer::Llc(Llc {
                bytes: fixed,
                fixed,
                snap: None,
            }));
        };
        let (bytes, _) = walk.split("llc", 8)?;
        let behind = walk.input().behind(bytes);
        let [a, b, c, high, low] = *snap;
        let snap = Some(snap);
        let header = Llc { bytes, fixed, snap };
        match header.ether_type() {
            Some(kind) => walk.follow(behind, Next::Type(kind)),
            None => {
                let (oui, protocol) = ([a, b, c], u16::from_be_bytes([high, low]));
                walk.end(behind, StopReason::Snap { oui, protocol });
            }
        }
        return Some(Layer::Llc(header));
    }
    let [dsap, _, control] = *fixed;
    // Numbered frames have a second byte of control.
    let size = if control & 3 == 3 { 3 } else { 4 };
    let (bytes, behind) = walk.split("llc", size)?;
    match dsap {
        SAP_IP => walk.follow(behind, Next::Ip),
        _ => walk.end(behind, StopReason::Sap(dsap)),
    }
    let snap = None;
    Some(Layer::Llc(Llc { bytes, fixed, snap }))
}

pub(super) fn macsec<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<6>("macsec")?;
    let [control, length, ..] = *fixed;
    let is_unmodified = control & 0x0c == 0;
    // A length of 0 is unknown.
    let length = length & 0x3f;
    // Version 1, or a length that does not include the EtherType.
    if control & 0x80 != 0 || is_unmodified && length == 1 {
        return walk.stop(StopReason::Invalid {
            header: "macsec",
            field: "control information",
            value: control.into(),
        });
    }
    let ether_type = if is_unmodified { 2_u8 } else { 0 };
    let identifier = if control & 0x20 == 0 { 6_u8 } else { 14 };
    let size = ether_type.saturating_add(identifier);
    let (bytes, mut behind) = walk.split("macsec", size.into())?;
    if let Some(payload) = length.checked_sub(ether_type).filter(|_| length > 0) {
        behind = behind.until(payload.into());
    }
    let header = Macsec { fixed, bytes };
    match header.ether_type() {
        Some(kind) => walk.follow(behind, Next::Type(kind)),
        None => walk.end(behind, StopReason::Encrypted),
    }
    Some(Layer::Macsec(header))
}

pub(super) fn arp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed("arp")?;
    let (bytes, behind) = walk.split("arp", Arp::length(fixed))?;
    walk.end(behind.until(0), StopReason::Payload);
    Some(Layer::Arp(Arp { fixed, bytes }))
}

/// Continues with what an EtherType, or a length in its place, announces.
fn follow<'a>(walk: &mut Layers<'a>, behind: Input<'a>, kind: EtherType) {
    if kind.is_length() {
        walk.follow(behind.until(usize::from(kind.0)), Next::Llc);
    } else {
        walk.follow(behind, Next::Type(kind));
    }
}
