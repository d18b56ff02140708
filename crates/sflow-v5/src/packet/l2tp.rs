//! L2TPv3 (RFC 3931), on IP or on UDP.

use super::heuristic;
use super::input::Input;
use super::layer::Layer;
use super::layers::{Layers, Next};
use super::rest::StopReason;
use super::tunnel::Tunnel;

pub(super) const PORT: u16 = 1701;

/// The start of a data message on UDP.
const DATA: [u8; 4] = [0, 3, 0, 0];

/// Possible numbers of bytes between the session and its content: a cookie of 0, 4 or 8 bytes, and
/// 0 or 4 of the default sublayer. The peers negotiate them; no field announces them.
const BETWEEN: [usize; 4] = [0, 4, 8, 12];

/// A data message of L2TPv3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L2tpV3<'a> {
    session: u32,
    bytes: &'a [u8],
}

impl<'a> L2tpV3<'a> {
    /// The session, in the numbering of the receiver; 0 is a control message.
    pub const fn session(self) -> u32 {
        self.session
    }

    /// The header, with cookie and sublayer if the content could be identified.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// Whether the payload of UDP is a data message.
pub(super) fn is_data(input: Input<'_>) -> bool {
    input.bytes.starts_with(&DATA) && (input.bytes.len() >= 8 || !input.whole)
}

/// L2TPv3 with `lead` bytes in front of the session.
pub(super) fn l2tp_v3<'a>(lead: usize, walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let size = lead.saturating_add(4);
    let (fixed, behind) = walk.split("l2tp_v3", size)?;
    let session = fixed.last_chunk().copied().map_or(0, u32::from_be_bytes);
    let tunnel = Tunnel::L2tpV3 { session };
    let find = |test: fn(Input<'_>) -> bool| {
        let mut places = BETWEEN.iter().filter_map(|between| {
            let size = size.saturating_add(*between);
            let (bytes, rest) = walk.input().bytes.split_at_checked(size)?;
            let input = Input {
                bytes: rest,
                ..behind
            };
            test(input).then_some((bytes, input))
        });
        places.next()
    };
    let (bytes, inner, next) = match (session, find(heuristic::is_ethernet)) {
        (0, _) => {
            walk.end(behind, StopReason::Payload);
            return Some(Layer::L2tpV3(L2tpV3 {
                session,
                bytes: fixed,
            }));
        }
        (_, Some((bytes, inner))) => (bytes, inner, Next::Ethernet),
        (_, None) => match find(heuristic::is_ip) {
            Some((bytes, inner)) => (bytes, inner, Next::Ip),
            None => {
                walk.end(behind, StopReason::Unidentified);
                return Some(Layer::L2tpV3(L2tpV3 {
                    session,
                    bytes: fixed,
                }));
            }
        },
    };
    walk.enter(inner, next, tunnel);
    Some(Layer::L2tpV3(L2tpV3 { session, bytes }))
}
