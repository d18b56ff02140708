use etherparse::EtherType;

use super::ip;
use super::layer::Layer;
use super::layers::{Input, Next, Step};
use super::stop::Stop;
use crate::MplsLabel;

pub(super) const UNICAST: EtherType = EtherType(0x8847);
pub(super) const MULTICAST: EtherType = EtherType(0x8848);

/// One entry of a label stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mpls<'a> {
    bytes: &'a [u8; 4],
}

impl<'a> Mpls<'a> {
    /// Label, traffic class, bottom of stack, and time to live.
    pub const fn entry(self) -> MplsLabel {
        MplsLabel(u32::from_be_bytes(*self.bytes))
    }

    /// The entry as it stands in the packet.
    pub const fn bytes(self) -> &'a [u8; 4] {
        self.bytes
    }
}

pub(super) fn label(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (bytes, behind) = input.fixed("mpls")?;
    let layer = Mpls { bytes };
    let next = if layer.entry().is_bottom() {
        Next::Labelled
    } else {
        Next::Mpls
    };
    Ok(Step::new(Layer::Mpls(layer), behind, next))
}

/// No field tells what follows the last label; like routers, this looks at the first four bits.
pub(super) fn labelled(input: Input<'_>) -> Result<Step<'_>, Stop> {
    match input.bytes.first() {
        Some(byte) if !matches!(byte >> 4, 4 | 6) => Err(Stop::Labelled(*byte)),
        _ => ip::ip(input),
    }
}
