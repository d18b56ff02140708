//! Link layers by their numbers in capture files, except Ethernet: point-to-point protocols, IEEE
//! 802.11 and captures of the operating system.

use super::layer::{Layer, Next, NoDatagram, Parsed, array, be16, byte, from, layer_at, le16};

pub(super) fn link(number: u32, data: &[u8]) -> Parsed<'_> {
    let (layer, at) = match number {
        // Four bytes for the address family, which the IP header shows as well.
        0 | 108 => (Layer::Ip, 4),
        1 => (Layer::Ethernet, 0),
        // A bit of the source address announces a route after the addresses.
        6 => match byte(data, 8)? & 0x80 {
            0 => (Layer::Llc, 14),
            _ => (Layer::Llc, 14 + usize::from(byte(data, 14)? & 0x1f)),
        },
        8 => {
            let options = [(Layer::ProbablyIp, 16), (Layer::ProbablyIp, 0)];
            return Ok(Next::Either(options, data));
        }
        9 | 50 => match data {
            // Cisco HDLC on the same line.
            [0x0f | 0x8f, 0, ..] => (Layer::EtherType(be16(data, 2)?), 4),
            _ => (Layer::Ppp, 0),
        },
        10 => (Layer::Llc, 13),
        11 | 100 => {
            let options = [(Layer::Llc, 0), (Layer::ProbablyIp, 0)];
            return Ok(Next::Either(options, data));
        }
        // Some systems write their own numbers, 12 or 14, for raw IP.
        12 | 14 | 101 | 228 | 229 => (Layer::Ip, 0),
        51 => (Layer::PppoE, 0),
        104 => (Layer::EtherType(be16(data, 2)?), 4),
        105 => (Layer::Wifi, 0),
        107 => (Layer::FrameRelay, 0),
        109 => (Layer::Ip, 12),
        113 => (Layer::EtherType(be16(data, 14)?), 16),
        // The first byte is the length of the header without padding.
        117 => (Layer::Ip, usize::from(byte(data, 0)?).next_multiple_of(4)),
        119 | 163 => (Layer::Wifi, prism_header(data)?),
        127 => (Layer::Wifi, usize::from(le16(data, 2)?)),
        138 => (Layer::EtherType(be16(data, 16)?), 18),
        // After a byte for the direction.
        166 | 204 => (Layer::Ppp, 1),
        192 => (
            Layer::Link(u32::from(le16(data, 4)?) | u32::from(le16(data, 6)?) << 16),
            usize::from(le16(data, 2)?),
        ),
        205 => (Layer::EtherType(be16(data, 3)?), 5),
        206 => (Layer::FrameRelay, 1),
        219 => (Layer::Mpls, 0),
        239 => return nflog(data),
        // After the preamble.
        274 => (Layer::Ethernet, 8),
        276 => (Layer::EtherType(be16(data, 0)?), 20),
        _ => return Err(NoDatagram::LinkType(number)),
    };
    layer_at(layer, data, at)
}

pub(super) fn pppoe(data: &[u8]) -> Parsed<'_> {
    match (byte(data, 0)?, byte(data, 1)?) {
        (0x11, 0) => layer_at(Layer::Ppp, data, 6),
        _ => Err(NoDatagram::NotUdp),
    }
}

pub(super) fn ppp(data: &[u8]) -> Parsed<'_> {
    let data = data.strip_prefix(&[0xff, 3]).unwrap_or(data);
    // A protocol number whose first byte is odd has one byte.
    let (protocol, at) = match byte(data, 0)? {
        first if first & 1 == 1 => (u16::from(first), 1),
        _ => (be16(data, 0)?, 2),
    };
    let rest = from(data, at)?;
    match protocol {
        0x21 | 0x57 => Ok(Next::Layer(Layer::Ip, rest)),
        // A bridged frame, after flags and the type of its address.
        0x31 => layer_at(Layer::Ethernet, rest, 2),
        // A multilink fragment that contains the whole packet.
        0x3d if byte(rest, 0)? & 0xc0 == 0xc0 => layer_at(Layer::Ppp, rest, 4),
        0x0281 | 0x0283 => Ok(Next::Layer(Layer::Mpls, rest)),
        _ => Err(NoDatagram::NotUdp),
    }
}

pub(super) fn frame_relay(data: &[u8]) -> Parsed<'_> {
    // The last byte of the address is odd.
    let last = data.iter().take(4).position(|byte| byte & 1 == 1);
    let at = last.ok_or(NoDatagram::Malformed)? + 1;
    let rest = from(data, at)?;
    match *rest {
        [3, 0xcc | 0x8e, ..] => layer_at(Layer::Ip, rest, 2),
        [3, 0, 0x80, 0, 0, 0, a, b, ..] => {
            layer_at(Layer::EtherType(u16::from_be_bytes([a, b])), rest, 8)
        }
        [3, 0x80, 0, 0, 0, a, b, ..] => {
            layer_at(Layer::EtherType(u16::from_be_bytes([a, b])), rest, 7)
        }
        [3, 0, 0x80, 0, 0x80, 0xc2, 0, 1 | 7, ..] => layer_at(Layer::Ethernet, rest, 8),
        [3, ..] => Err(NoDatagram::NotUdp),
        _ => layer_at(Layer::EtherType(be16(rest, 0)?), rest, 2),
    }
}

pub(super) fn wifi(data: &[u8]) -> Parsed<'_> {
    let (control, flags) = (byte(data, 0)?, byte(data, 1)?);
    let (is_data, has_payload) = (control & 0x0f == 0x08, control & 0x40 == 0);
    let is_encrypted = flags & 0x40 != 0;
    if !is_data || !has_payload || is_encrypted {
        return Err(NoDatagram::NotUdp);
    }
    let mut header = 24;
    // Four addresses between access points.
    if flags & 3 == 3 {
        header += 6;
    }
    let mut is_aggregate = false;
    if control & 0x80 != 0 {
        is_aggregate = byte(data, header)? & 0x80 != 0;
        header += if flags & 0x80 != 0 { 6 } else { 2 };
    }
    // An aggregate has an Ethernet header before each frame.
    let layer = match is_aggregate {
        false => Layer::Llc,
        true => Layer::Ethernet,
    };
    // Some drivers pad the header.
    let padded = header.next_multiple_of(4);
    Ok(Next::Either([(layer, header), (layer, padded)], data))
}

/// The length of the header of two drivers for IEEE 802.11.
fn prism_header(data: &[u8]) -> Result<usize, NoDatagram> {
    let length = array::<4>(data, 4)?;
    let is_avs = data.starts_with(&[0x80, 0x21, 0x10]);
    let (big, little) = (u32::from_be_bytes(length), u32::from_le_bytes(length));
    // Prism uses the byte order of the machine.
    let length = if is_avs { big } else { big.min(little) };
    usize::try_from(length).map_err(|_| NoDatagram::Malformed)
}

/// Attributes of the Linux firewall log, one of which is the packet. Their byte order is that of
/// the machine that wrote them.
fn nflog(data: &[u8]) -> Parsed<'_> {
    const PAYLOAD: u16 = 9;
    let read = |order: fn([u8; 2]) -> u16| {
        let mut rest = data.get(4..).unwrap_or_default();
        while let [a, b, c, d, ..] = *rest {
            let length = usize::from(order([a, b]));
            // The two highest bits are flags.
            let kind = order([c, d]) & 0x3fff;
            if kind == PAYLOAD && length > 4 {
                // The capture may have truncated it.
                return rest.get(4..length.min(rest.len()));
            }
            if length < 4 {
                return None;
            }
            rest = rest.get(length.next_multiple_of(4)..)?;
        }
        None
    };
    from(data, 4)?;
    match read(u16::from_le_bytes).or_else(|| read(u16::from_be_bytes)) {
        Some(packet) => match byte(packet, 0)? >> 4 {
            4 | 6 => Ok(Next::Layer(Layer::Ip, packet)),
            _ => Err(NoDatagram::NotUdp),
        },
        None => Err(NoDatagram::Malformed),
    }
}
