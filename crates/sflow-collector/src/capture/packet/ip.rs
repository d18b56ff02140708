//! IPv4, IPv6, their fragments and extension headers, and UDP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::layer::layer_at;
use super::layer::{Layer, Next, NoDatagram, Parsed, Transport, Udp, array, be16, byte, from};
use super::tunnel;
use crate::capture::reassembly::{Fragment, PacketId};

const UDP_HEADER: usize = 8;

pub(super) fn ip(data: &[u8]) -> Parsed<'_> {
    match byte(data, 0)? >> 4 {
        4 => ipv4(data),
        6 => ipv6(data),
        _ => Err(NoDatagram::Malformed),
    }
}

fn ipv4(data: &[u8]) -> Parsed<'_> {
    let header = usize::from(byte(data, 0)? & 0x0f) * 4;
    if header < 20 {
        return Err(NoDatagram::Malformed);
    }
    let (payload, is_cut) = payload(from(data, header)?, be16(data, 2)?, header);
    let transport = Transport {
        protocol: byte(data, 9)?,
        source: Ipv4Addr::from(array(data, 12)?).into(),
        destination: Ipv4Addr::from(array(data, 16)?).into(),
        is_cut,
    };
    let position = be16(data, 6)?;
    let (has_more, offset) = (position & 0x2000 != 0, usize::from(position & 0x1fff) * 8);
    if !has_more && offset == 0 {
        return Ok(Next::Layer(Layer::Transport(transport), payload));
    }
    fragment(Fragment {
        id: PacketId {
            source: transport.source,
            destination: transport.destination,
            identification: be16(data, 4)?.into(),
            protocol: transport.protocol,
        },
        protocol: transport.protocol,
        offset,
        has_more,
        is_cut,
        data: payload,
    })
}

fn ipv6(data: &[u8]) -> Parsed<'_> {
    let (payload, is_cut) = payload(from(data, 40)?, be16(data, 4)?, 0);
    let transport = Transport {
        protocol: byte(data, 6)?,
        source: Ipv6Addr::from(array::<16>(data, 8)?).into(),
        destination: Ipv6Addr::from(array::<16>(data, 24)?).into(),
        is_cut,
    };
    Ok(Next::Layer(Layer::Transport(transport), payload))
}

/// Parses the header of an IP protocol number.
pub(super) fn transport(transport: Transport, data: &[u8]) -> Parsed<'_> {
    let next_header = |length: usize| {
        let protocol = byte(data, 0)?;
        let next = Transport {
            protocol,
            ..transport
        };
        layer_at(Layer::Transport(next), data, length)
    };
    match transport.protocol {
        // IPv6 extension headers.
        0 | 43 | 60 | 135 | 139 | 140 => next_header((usize::from(byte(data, 1)?) + 1) * 8),
        // The authentication header.
        51 => next_header((usize::from(byte(data, 1)?) + 2) * 4),
        44 => ipv6_fragment(transport, data),
        4 | 41 => Ok(Next::Layer(Layer::Ip, data)),
        17 => udp(transport, data),
        47 => tunnel::gre(data),
        // EtherIP.
        97 => layer_at(Layer::Ethernet, data, 2),
        137 => Ok(Next::Layer(Layer::Mpls, data)),
        _ => Err(NoDatagram::NotUdp),
    }
}

fn ipv6_fragment(transport: Transport, data: &[u8]) -> Parsed<'_> {
    let (protocol, position) = (byte(data, 0)?, be16(data, 2)?);
    let identification = u32::from_be_bytes(array(data, 4)?);
    let rest = from(data, 8)?;
    let (has_more, offset) = (position & 1 != 0, usize::from(position & 0xfff8));
    if !has_more && offset == 0 {
        let next = Transport {
            protocol,
            ..transport
        };
        return Ok(Next::Layer(Layer::Transport(next), rest));
    }
    fragment(Fragment {
        id: PacketId {
            source: transport.source,
            destination: transport.destination,
            identification,
            protocol: 0,
        },
        protocol,
        offset,
        has_more,
        is_cut: transport.is_cut,
        data: rest,
    })
}

/// A fragment, unless its protocol cannot contain a datagram.
fn fragment(fragment: Fragment<'_>) -> Parsed<'_> {
    let may_contain_udp = matches!(
        fragment.protocol,
        0 | 4 | 17 | 41 | 43 | 44 | 47 | 51 | 60 | 97 | 135 | 137 | 139 | 140
    );
    // In IPv6, only the first fragment must contain the right protocol.
    match may_contain_udp || (fragment.id.protocol == 0 && fragment.offset > 0) {
        true => Ok(Next::Fragment(fragment)),
        false => Err(NoDatagram::NotUdp),
    }
}

fn udp(transport: Transport, data: &[u8]) -> Parsed<'_> {
    let payload = from(data, UDP_HEADER)?;
    let (source_port, destination_port) = (be16(data, 0)?, be16(data, 2)?);
    // The length may be invalid if the interface segments the packet.
    let length = usize::from(be16(data, 4)?).checked_sub(UDP_HEADER);
    let length = length.unwrap_or(payload.len());
    Ok(Next::Udp(Udp {
        source: SocketAddr::new(transport.source, source_port),
        destination_port,
        payload: payload.get(..length).unwrap_or(payload),
        is_cut: length > payload.len(),
    }))
}

/// The payload of an IP packet and whether the capture truncated it, from the data after the
/// header, the length field, and the bytes of the header that it includes.
fn payload(data: &[u8], length: u16, header: usize) -> (&[u8], bool) {
    // The length may be invalid, such as 0, if the interface segments the packet.
    match usize::from(length).checked_sub(header) {
        Some(stated) if length > 0 => (data.get(..stated).unwrap_or(data), stated > data.len()),
        _ => (data, false),
    }
}
