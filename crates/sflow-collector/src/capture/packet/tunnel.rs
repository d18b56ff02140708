//! Tunnels over UDP, GRE, and the network service header.

use super::layer::{Layer, Next, NoDatagram, Parsed, be16, byte, from, layer_at};

/// The content of a tunnel that uses a UDP port; `None` for other ports.
pub(super) fn over_udp(port: u16, data: &[u8]) -> Option<Result<(Layer, &[u8]), NoDatagram>> {
    let (layer, at) = match (port, data) {
        // VXLAN, also at the port that Linux used first. The flag marks a valid network identifier.
        (4789 | 8472, [flags, ..]) if flags & 0x08 != 0 => (Layer::Ethernet, 8),
        // VXLAN-GPE, with the protocol of its content if the flag is set.
        (4790, &[flags, _, _, next, ..]) => match flags & 0x04 {
            0 => (Layer::Ethernet, 8),
            _ => (next_protocol(next).ok()?, 8),
        },
        // Geneve, with options.
        (6081, &[options, _, a, b, ..]) => (
            Layer::EtherType(u16::from_be_bytes([a, b])),
            8 + usize::from(options & 0x3f) * 4,
        ),
        (6635, _) => (Layer::Mpls, 0),
        // GTP-U: the packet of a user, after a header of variable length.
        (2152, &[flags, 0xff, ..]) if flags & 0xf0 == 0x30 => match flags & 0x07 {
            0 => (Layer::ProbablyIp, 8),
            _ => (Layer::ProbablyIp, gtp_header(data)?),
        },
        _ => return None,
    };
    Some(from(data, at).map(|inner| (layer, inner)))
}

/// The length of a GTP-U header with a sequence number and extensions. Each extension has a length
/// in units of four bytes, and ends with the type of the next.
fn gtp_header(data: &[u8]) -> Option<usize> {
    let mut header = 12;
    let mut next = if data.first()? & 0x04 != 0 {
        *data.get(11)?
    } else {
        0
    };
    while next != 0 {
        let length = usize::from(*data.get(header)?) * 4;
        if length == 0 {
            return None;
        }
        header += length;
        next = *data.get(header - 1)?;
    }
    Some(header)
}

pub(super) fn gre(data: &[u8]) -> Parsed<'_> {
    let (flags, protocol) = (be16(data, 0)?, be16(data, 2)?);
    let has_sequence = flags & 0x1000 != 0;
    let mut header = 4;
    match flags & 7 {
        0 => {
            let has_route = flags & 0x4000 != 0;
            header += if flags & 0x8000 != 0 || has_route {
                4
            } else {
                0
            };
            header += if flags & 0x2000 != 0 { 4 } else { 0 };
            header += if has_sequence { 4 } else { 0 };
            if has_route {
                header = end_of_route(data, header)?;
            }
        }
        // PPTP: with a key, an optional sequence number and acknowledgement.
        1 => {
            header += 4;
            header += if has_sequence { 4 } else { 0 };
            header += if flags & 0x0080 != 0 { 4 } else { 0 };
        }
        _ => return Err(NoDatagram::NotUdp),
    }
    let rest = from(data, header)?;
    match protocol {
        // ERSPAN: type II has a sequence number and a header, type I neither.
        0x88be if has_sequence => Ok(Next::Either(
            [(Layer::Ethernet, 8), (Layer::Ethernet, 0)],
            rest,
        )),
        0x88be => Ok(Next::Either(
            [(Layer::Ethernet, 0), (Layer::Ethernet, 8)],
            rest,
        )),
        // ERSPAN type III, with an optional second header.
        0x22eb => {
            let header = if byte(rest, 11)? & 1 == 0 { 12 } else { 20 };
            let layer = match byte(rest, 10)? >> 2 & 0x1f {
                2 => Layer::Ip,
                _ => Layer::Ethernet,
            };
            layer_at(layer, rest, header)
        }
        // WCCP, which has a header only in version 2.
        0x883e => Ok(Next::Either(
            [(Layer::ProbablyIp, 4), (Layer::ProbablyIp, 0)],
            rest,
        )),
        _ => Ok(Next::Layer(Layer::EtherType(protocol), rest)),
    }
}

/// The end of the list of routes in a GRE header, which an empty route terminates.
fn end_of_route(data: &[u8], mut header: usize) -> Result<usize, NoDatagram> {
    loop {
        let length = usize::from(byte(data, header + 3)?);
        let family = be16(data, header)?;
        header += 4 + length;
        if length == 0 && family == 0 {
            return Ok(header);
        }
    }
}

pub(super) fn nsh(data: &[u8]) -> Parsed<'_> {
    let header = usize::from(byte(data, 1)? & 0x3f) * 4;
    let layer = next_protocol(byte(data, 3)?)?;
    layer_at(layer, data, header)
}

/// The protocol numbers of the network service header and VXLAN-GPE.
fn next_protocol(number: u8) -> Result<Layer, NoDatagram> {
    match number {
        1 | 2 => Ok(Layer::Ip),
        3 => Ok(Layer::Ethernet),
        4 => Ok(Layer::Nsh),
        5 => Ok(Layer::Mpls),
        _ => Err(NoDatagram::NotUdp),
    }
}
