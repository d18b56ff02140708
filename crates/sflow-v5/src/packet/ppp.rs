//! PPP on serial lines, SONET and SDH, and Ethernet.

use super::layer::Layer;
use super::layers::{Layers, Next};
use super::rest::StopReason;

/// Address and control of HDLC (RFC 1662); optional.
const HDLC: [u8; 2] = [0xff, 0x03];

/// PPP (RFC 1661), with or without address and control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ppp<'a> {
    bytes: &'a [u8],
    protocol: u16,
}

impl<'a> Ppp<'a> {
    /// The protocol of what follows: 0x0021 is IPv4, 0x0057 is IPv6.
    pub const fn protocol(self) -> u16 {
        self.protocol
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// A PPP session on Ethernet (RFC 2516).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pppoe<'a> {
    bytes: &'a [u8; 6],
}

impl<'a> Pppoe<'a> {
    /// The session between the two peers.
    pub const fn session(self) -> u16 {
        let [_, _, high, low, _, _] = *self.bytes;
        u16::from_be_bytes([high, low])
    }

    /// Number of bytes that follow.
    pub const fn length(self) -> u16 {
        let [_, _, _, _, high, low] = *self.bytes;
        u16::from_be_bytes([high, low])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8; 6] {
        self.bytes
    }
}

pub(super) fn ppp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let input = walk.input();
    let hdlc = if input.bytes.starts_with(&HDLC) { 2 } else { 0 };
    // The protocol is one byte if that is odd, otherwise two.
    let (size, protocol) = match input.bytes.get(hdlc..).unwrap_or_default() {
        [low, ..] if low & 1 == 1 && *low != 0xff => (1, u16::from(*low)),
        [high, low, ..] => (2, u16::from_be_bytes([*high, *low])),
        _ => return walk.short("ppp", usize::saturating_add(hdlc, 2)),
    };
    let (bytes, behind) = walk.split("ppp", usize::saturating_add(hdlc, size))?;
    match protocol {
        0x0021 | 0x0057 => walk.follow(behind, Next::Ip),
        0x0281 | 0x0283 => walk.follow(behind, Next::Mpls),
        _ => walk.end(behind, StopReason::PppProtocol(protocol)),
    }
    Some(Layer::Ppp(Ppp { bytes, protocol }))
}

pub(super) fn pppoe<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("pppoe")?;
    let header = Pppoe { bytes };
    walk.follow(behind.until(usize::from(header.length())), Next::Ppp);
    Some(Layer::Pppoe(header))
}
