use super::heuristic;
use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::rest::StopReason;
use super::tunnel::Tunnel;
use crate::types::MplsLabel;

/// Labels that announce IPv4 and IPv6 (RFC 3032).
const EXPLICIT_NULL: [(u32, u8); 2] = [(0, 4), (2, 6)];

/// An entry of a label stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mpls<'a> {
    bytes: &'a [u8; 4],
}

impl<'a> Mpls<'a> {
    /// The entry: label, traffic class, bottom of stack, and time to live.
    pub const fn entry(self) -> MplsLabel {
        MplsLabel(u32::from_be_bytes(*self.bytes))
    }

    /// The bytes of the entry.
    pub const fn bytes(self) -> &'a [u8; 4] {
        self.bytes
    }
}

/// The control word of a pseudowire (RFC 4385).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlWord<'a> {
    bytes: &'a [u8; 4],
}

impl<'a> ControlWord<'a> {
    /// The sequence number; 0 if packets are not numbered.
    pub const fn sequence_number(self) -> u16 {
        let [_, _, high, low] = *self.bytes;
        u16::from_be_bytes([high, low])
    }

    /// The bytes of the control word.
    pub const fn bytes(self) -> &'a [u8; 4] {
        self.bytes
    }
}

pub(super) fn label<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("mpls")?;
    let label = Mpls { bytes };
    if label.entry().is_bottom() {
        labelled(walk, behind, label.entry().label());
    } else {
        walk.follow(behind, Next::Mpls);
    }
    Some(Layer::Mpls(label))
}

fn labelled<'a>(walk: &mut Layers<'a>, behind: Input<'a>, label: u32) {
    match identify(behind, label) {
        Ok(Next::Ethernet) => walk.enter(behind, Next::Ethernet, Tunnel::Pseudowire { label }),
        Ok(next) => walk.follow(behind, next),
        Err(stop) => walk.end(behind, stop),
    }
}

/// Identifies the layer behind the last label, which no field announces: IP, or an Ethernet
/// pseudowire with or without a control word.
fn identify(behind: Input<'_>, label: u32) -> Result<Next, StopReason> {
    let first = behind.bytes.first().copied();
    let version = first.map(|byte| byte >> 4);
    let is_announced = EXPLICIT_NULL
        .iter()
        .any(|(reserved, announced)| *reserved == label && Some(*announced) == version);
    let word = behind.bytes.first_chunk::<4>();
    let behind_word = word.map(|word| behind.behind(word));
    let (header, needed) = heuristic::needed(behind);
    if is_announced || version == Some(4) && heuristic::is_ip(behind) {
        Ok(Next::Ip)
    } else if heuristic::is_ethernet(behind) {
        Ok(Next::Ethernet)
    } else if version == Some(6) && heuristic::is_ip(behind) {
        Ok(Next::Ip)
    } else if version == Some(0) && behind_word.is_some_and(heuristic::is_ethernet) {
        Ok(Next::ControlWord(label))
    } else {
        Err(match first {
            Some(first) if behind.bytes.len() >= needed => StopReason::Labelled(first),
            _ => behind.short(header, needed),
        })
    }
}

pub(super) fn control_word<'a>(label: u32, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("control_word")?;
    walk.enter(behind, Next::Ethernet, Tunnel::Pseudowire { label });
    Some(Layer::ControlWord(ControlWord { bytes }))
}

/// Whether the input begins with a label stack: the layer behind its bottom can be identified,
/// unless the packet was truncated before it.
pub(super) fn is_stack(input: Input<'_>) -> bool {
    let mut behind = input;
    while let Some((entry, bytes)) = behind.bytes.split_first_chunk() {
        let entry = MplsLabel(u32::from_be_bytes(*entry));
        behind = Input { bytes, ..behind };
        if entry.is_bottom() {
            let found = identify(behind, entry.label());
            return matches!(found, Ok(_) | Err(StopReason::Cut { .. }));
        }
    }
    !input.whole
}
