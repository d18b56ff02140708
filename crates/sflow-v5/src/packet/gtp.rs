//! GTP-U, the user plane of mobile networks.

use super::heuristic;
use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::rest::StopReason;
use super::tunnel::Tunnel;

pub(super) const PORT: u16 = 2152;

const FIXED: usize = 8;
/// The type of a message with a packet.
const PACKET: u8 = 255;

/// GTP-U (3GPP TS 29.281). Its optional part may be truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GtpU<'a> {
    fixed: &'a [u8; FIXED],
    bytes: &'a [u8],
}

impl<'a> GtpU<'a> {
    /// The type of the message; 255 contains a packet.
    pub const fn message_type(self) -> u8 {
        let [_, kind, ..] = *self.fixed;
        kind
    }

    /// The tunnel endpoint identifier.
    pub const fn teid(self) -> u32 {
        let [.., a, b, c, d] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The header with its extension headers, or the part of it that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// Whether the payload of UDP is GTP-U: version 1, and the length of the datagram.
pub(super) fn is_gtp_u(input: Input<'_>) -> bool {
    let Some(&[flags, _, high, low, ..]) = input.bytes.first_chunk::<FIXED>() else {
        return !input.whole && input.bytes.first().is_some_and(|flags| flags >> 4 == 3);
    };
    let length = usize::from(u16::from_be_bytes([high, low])).saturating_add(FIXED);
    flags >> 4 == 3 && input.length().is_none_or(|left| left == length)
}

pub(super) fn gtp_u<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed::<FIXED>("gtp_u")?;
    let input = walk.input();
    let [_, _, high, low, ..] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low])).saturating_add(FIXED);
    let input = input.until(length);
    let (size, stop) = match header_length(fixed, input) {
        Ok(size) => (size, None),
        Err(stop) => (input.bytes.len(), Some(stop)),
    };
    let (bytes, _) = input
        .bytes
        .split_at_checked(size)
        .unwrap_or((input.bytes, &[]));
    let header = GtpU { fixed, bytes };
    let behind = input.behind(bytes);
    let tunnel = Tunnel::GtpU {
        teid: header.teid(),
    };
    if let Some(stop) = stop {
        walk.end(behind, stop);
    } else if header.message_type() != PACKET {
        walk.end(behind, StopReason::Payload);
    } else if heuristic::is_ip(behind) {
        walk.enter(behind, Next::Ip, tunnel);
    } else if heuristic::is_ethernet(behind) {
        walk.enter(behind, Next::Ethernet, tunnel);
    } else {
        walk.end(behind, StopReason::Unidentified);
    }
    Some(Layer::GtpU(header))
}

/// Length of the header with its optional fields and extension headers.
fn header_length([flags, ..]: &[u8; FIXED], input: Input<'_>) -> Result<usize, StopReason> {
    if flags & 0x07 == 0 {
        return Ok(FIXED);
    }
    let mut size = FIXED.saturating_add(4);
    let byte = |place: usize| {
        let byte = input.bytes.get(place).copied();
        byte.ok_or_else(|| input.short("gtp_u", place.saturating_add(1)))
    };
    // The last byte of the optional fields, and of each extension header, is the type of the next.
    let mut next = byte(size.saturating_sub(1))?;
    while flags & 0x04 != 0 && next != 0 {
        let words = usize::from(byte(size)?);
        if words == 0 {
            return Err(StopReason::Invalid {
                header: "gtp_u",
                field: "extension header length",
                value: 0,
            });
        }
        size = size.saturating_add(words.saturating_mul(4));
        next = byte(size.saturating_sub(1))?;
    }
    Ok(size)
}
