use etherparse::EtherType;

use super::ip;
use super::layer::Layer;
use super::layers::{Layers, Next};
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

pub(super) fn label<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("mpls")?;
    let label = Mpls { bytes };
    let bottom = label.entry().is_bottom();
    walk.follow(behind, if bottom { Next::Labelled } else { Next::Mpls });
    Some(Layer::Mpls(label))
}

/// No field tells what follows the last label; like routers, this looks at the first four bits.
pub(super) fn labelled<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    match walk.input().bytes.first() {
        Some(byte) if !matches!(byte >> 4, 4 | 6) => walk.stop(Stop::Labelled(*byte)),
        _ => ip::ip(walk),
    }
}
