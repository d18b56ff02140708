//! Ethernet payloads: EtherType, IEEE 802.2 and MPLS.

use super::layer::{Layer, Next, NoDatagram, Parsed, be16, byte, from, layer_at};

pub(super) fn ethernet(data: &[u8]) -> Parsed<'_> {
    layer_at(Layer::EtherType(be16(data, 12)?), data, 14)
}

pub(super) fn ether_type(number: u16, data: &[u8]) -> Parsed<'_> {
    let (layer, at) = match number {
        // In Linux cooked captures, 4 is 802.2 without a length.
        4 => (Layer::Llc, 0),
        0..=1500 => {
            let length = usize::from(number).min(data.len());
            let payload = data.get(..length).unwrap_or_default();
            return Ok(Next::Layer(Layer::Llc, payload));
        }
        0x0800 | 0x86dd => (Layer::Ip, 0),
        // Tags of customer and provider, and older numbers of these.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => (Layer::EtherType(be16(data, 2)?), 4),
        // The tag of a virtual interface.
        0x8926 => (Layer::EtherType(be16(data, 4)?), 6),
        0x8847 | 0x8848 => (Layer::Mpls, 0),
        0x8864 => (Layer::PppoE, 0),
        0x8870 => (Layer::Llc, 0),
        0x880b => (Layer::Ppp, 0),
        0x6558 => (Layer::Ethernet, 0),
        // Provider backbone bridging: a tag, then a frame.
        0x88e7 => (Layer::Ethernet, 4),
        0x894f => (Layer::Nsh, 0),
        _ => return Err(NoDatagram::NotUdp),
    };
    layer_at(layer, data, at)
}

pub(super) fn llc(data: &[u8]) -> Parsed<'_> {
    match *data {
        // SNAP: the organisation determines the meaning of the following number.
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, a, b, ..] => {
            layer_at(Layer::EtherType(u16::from_be_bytes([a, b])), data, 8)
        }
        // A bridged frame; on ATM after padding.
        [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1 | 7, ..] => Ok(Next::Either(
            [(Layer::Ethernet, 8), (Layer::Ethernet, 10)],
            data,
        )),
        [6, 6, 3, ..] => layer_at(Layer::Ip, data, 3),
        [0xfe, 0xfe, 3, 0xcc | 0x8e, ..] => layer_at(Layer::Ip, data, 4),
        [_, _, _, ..] => Err(NoDatagram::NotUdp),
        _ => Err(NoDatagram::Malformed),
    }
}

pub(super) fn mpls(data: &[u8]) -> Parsed<'_> {
    let is_bottom = byte(data, 2)? & 1 == 1;
    let rest = from(data, 4)?;
    if !is_bottom {
        return Ok(Next::Layer(Layer::Mpls, rest));
    }
    // Labels do not identify their payload (RFC 4928): IP, or a frame, possibly after a control
    // word that begins with zero.
    match byte(rest, 0)? >> 4 {
        4 | 6 => Ok(Next::Either(
            [(Layer::ProbablyIp, 0), (Layer::ProbablyEthernet, 0)],
            rest,
        )),
        0 => Ok(Next::Either(
            [(Layer::ProbablyEthernet, 4), (Layer::ProbablyEthernet, 0)],
            rest,
        )),
        _ => Ok(Next::Layer(Layer::ProbablyEthernet, rest)),
    }
}
