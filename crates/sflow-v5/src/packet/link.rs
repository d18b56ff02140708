//! IEEE 802: Ethernet, logical link control, VLAN tags, MACsec, and ARP on top of it.

use etherparse::err::macsec::HeaderSliceError;
use etherparse::{
    ArpPacketSlice, EtherType, Ethernet2HeaderSlice, MacsecHeaderSlice, SingleVlanHeaderSlice,
};

use super::layer::Layer;
use super::layers::{Input, Next, Step};
use super::stop::Stop;
use crate::VlanTag;

/// Transparent Ethernet bridging: a whole frame follows.
pub(super) const BRIDGED_ETHERNET: EtherType = EtherType(0x6558);

/// Smaller numbers at the place of an EtherType are the length of an IEEE 802.3 frame.
const LEAST_ETHER_TYPE: u16 = 0x0600;
const SAP_SNAP: u8 = 0xaa;
const SAP_IP: u8 = 0x06;
const UNNUMBERED_INFORMATION: u8 = 0x03;

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

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn ethernet(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let header = Ethernet2HeaderSlice::from_slice(input.bytes)
        .map_err(|error| input.short("ethernet", error.required_len))?;
    let behind = input.behind(header.slice());
    let kind = header.ether_type();
    let layer = Layer::Ethernet(header);
    Ok(typed(layer, behind, kind))
}

pub(super) fn vlan(tpid: EtherType, input: Input<'_>) -> Result<Step<'_>, Stop> {
    let header = SingleVlanHeaderSlice::from_slice(input.bytes)
        .map_err(|error| input.short("vlan", error.required_len))?;
    let ([high, low], _) = input.fixed("vlan")?;
    let [upper, lower] = tpid.0.to_be_bytes();
    let tag = VlanTag(u32::from_be_bytes([upper, lower, *high, *low]));
    let behind = input.behind(header.slice());
    let kind = header.ether_type();
    Ok(typed(Layer::Vlan(Vlan { tag, header }), behind, kind))
}

pub(super) fn llc(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (fixed, behind) = input.fixed::<3>("llc")?;
    let [dsap, ssap, control] = *fixed;
    let plain = |size: usize| {
        let (bytes, behind) = input.split("llc", size)?;
        let layer = Layer::Llc(Llc {
            bytes,
            fixed,
            snap: None,
        });
        Ok((layer, behind))
    };
    if [dsap, ssap, control] == [SAP_SNAP, SAP_SNAP, UNNUMBERED_INFORMATION] {
        let Ok((snap, behind)) = behind.fixed::<5>("snap") else {
            let (layer, behind) = plain(3)?;
            return Ok(Step::last(layer, behind, behind.short("snap", 5)));
        };
        let (bytes, _) = input.split("llc", 8)?;
        let layer = Layer::Llc(Llc {
            bytes,
            fixed,
            snap: Some(snap),
        });
        return Ok(match *snap {
            // EtherTypes, and those of frames that were bridged from Ethernet.
            [0, 0, 0 | 0xf8, high, low] => {
                let kind = EtherType(u16::from_be_bytes([high, low]));
                Step::new(layer, behind, Next::Type(kind))
            }
            [a, b, c, high, low] => {
                let (oui, protocol) = ([a, b, c], u16::from_be_bytes([high, low]));
                Step::last(layer, behind, Stop::Snap { oui, protocol })
            }
        });
    }
    // Frames other than unnumbered ones count, in a second byte of control.
    let size = if control & 3 == 3 { 3 } else { 4 };
    let (layer, behind) = plain(size)?;
    Ok(match dsap {
        SAP_IP => Step::new(layer, behind, Next::Ip),
        _ => Step::last(layer, behind, Stop::Sap(dsap)),
    })
}

pub(super) fn macsec(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let header = MacsecHeaderSlice::from_slice(input.bytes).map_err(|error| match error {
        HeaderSliceError::Len(error) => input.short("macsec", error.required_len),
        HeaderSliceError::Content(_) => {
            let control = input.bytes.first().copied().map_or(0, u16::from);
            Stop::Invalid {
                header: "macsec",
                field: "control information",
                value: control,
            }
        }
    })?;
    let mut behind = input.behind(header.slice());
    if let Some(length) = header.expected_payload_len() {
        behind = behind.until(length);
    }
    let layer = Layer::Macsec(header);
    Ok(match header.next_ether_type() {
        Some(kind) => typed(layer, behind, kind),
        None => Step::last(layer, behind, Stop::Encrypted),
    })
}

pub(super) fn arp(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let packet = ArpPacketSlice::from_slice(input.bytes)
        .map_err(|error| input.short("arp", error.required_len))?;
    let behind = input.behind(packet.slice()).none();
    Ok(Step::last(Layer::Arp(packet), behind, Stop::Payload))
}

/// What an EtherType, or a length in its place, leads to.
fn typed<'a>(layer: Layer<'a>, behind: Input<'a>, kind: EtherType) -> Step<'a> {
    if kind.0 < LEAST_ETHER_TYPE {
        Step::new(layer, behind.until(usize::from(kind.0)), Next::Llc)
    } else {
        Step::new(layer, behind, Next::Type(kind))
    }
}
