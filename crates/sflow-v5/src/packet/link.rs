//! IEEE 802: Ethernet, logical link control, VLAN tags, MACsec, and ARP on top of it.

use etherparse::err::macsec::HeaderSliceError;
use etherparse::{
    ArpPacketSlice, EtherType, Ethernet2HeaderSlice, MacsecHeaderSlice, SingleVlanHeaderSlice,
};

use super::layer::Layer;
use super::layers::{Layers, Next};
use super::stop::StopReason;
use crate::types::VlanTag;

/// Transparent Ethernet bridging: a whole frame follows.
pub(super) const BRIDGED_ETHERNET: EtherType = EtherType(0x6558);

/// Smaller numbers at the place of an EtherType are the length of an IEEE 802.3 frame.
const LEAST_ETHER_TYPE: u16 = 0x0600;
/// Both service access points of SNAP, and unnumbered information.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
const SAP_IP: u8 = 0x06;

/// One VLAN tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vlan<'a> {
    /// The protocol identifier, which stands before the tag, and the tag.
    pub tag: VlanTag,
    /// The tag and the EtherType behind it.
    pub header: SingleVlanHeaderSlice<'a>,
}

/// Logical link control (IEEE 802.2), with SNAP if it is there.
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

    /// The (first) byte of control.
    pub const fn control(self) -> u8 {
        let [_, _, control] = *self.fixed;
        control
    }

    /// SNAP: an organisation and its protocol.
    pub fn snap(self) -> Option<([u8; 3], u16)> {
        let [a, b, c, high, low] = *self.snap?;
        Some(([a, b, c], u16::from_be_bytes([high, low])))
    }

    /// The EtherType of what follows SNAP; `None` for a protocol that is not numbered so.
    pub fn ether_type(self) -> Option<EtherType> {
        match self.snap()? {
            // EtherTypes, those of frames that were bridged from Ethernet, and AppleTalk.
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
    let header = match Ethernet2HeaderSlice::from_slice(walk.input().bytes) {
        Ok(header) => header,
        Err(error) => return walk.short("ethernet", error.required_len),
    };
    follow(walk, header.slice(), header.ether_type());
    Some(Layer::Ethernet(header))
}

pub(super) fn vlan<'a>(tpid: EtherType, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let ([high, low, ..], _) = walk.fixed::<4>("vlan")?;
    let header = match SingleVlanHeaderSlice::from_slice(walk.input().bytes) {
        Ok(header) => header,
        Err(error) => return walk.short("vlan", error.required_len),
    };
    let [upper, lower] = tpid.0.to_be_bytes();
    let tag = VlanTag(u32::from_be_bytes([upper, lower, *high, *low]));
    follow(walk, header.slice(), header.ether_type());
    Some(Layer::Vlan(Vlan { tag, header }))
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
    // Frames other than unnumbered ones count, in a second byte of control.
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
    let header = match MacsecHeaderSlice::from_slice(walk.input().bytes) {
        Ok(header) => header,
        Err(HeaderSliceError::Len(error)) => return walk.short("macsec", error.required_len),
        Err(HeaderSliceError::Content(_)) => {
            let control = walk.input().bytes.first().copied().unwrap_or_default();
            return walk.stop(StopReason::Invalid {
                header: "macsec",
                field: "control information",
                value: control.into(),
            });
        }
    };
    let mut behind = walk.input().behind(header.slice());
    if let Some(length) = header.expected_payload_len() {
        behind = behind.until(length);
    }
    match header.next_ether_type() {
        Some(kind) => walk.follow(behind, Next::Type(kind)),
        None => walk.end(behind, StopReason::Encrypted),
    }
    Some(Layer::Macsec(header))
}

pub(super) fn arp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    match ArpPacketSlice::from_slice(walk.input().bytes) {
        Ok(packet) => {
            walk.end(
                walk.input().behind(packet.slice()).until(0),
                StopReason::Payload,
            );
            Some(Layer::Arp(packet))
        }
        Err(error) => walk.short("arp", error.required_len),
    }
}

/// Whether it is the length of an IEEE 802.3 frame and not an EtherType.
pub(super) const fn is_length(kind: EtherType) -> bool {
    kind.0 < LEAST_ETHER_TYPE
}

/// What an EtherType, or a length in its place, leads to.
fn follow(walk: &mut Layers<'_>, header: &[u8], kind: EtherType) {
    let behind = walk.input().behind(header);
    if is_length(kind) {
        walk.follow(behind.until(usize::from(kind.0)), Next::Llc);
    } else {
        walk.follow(behind, Next::Type(kind));
    }
}
