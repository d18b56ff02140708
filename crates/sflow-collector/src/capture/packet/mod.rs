//! From a captured packet to the payload of its UDP datagram, through whatever is around it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::capture::Port;
mod guess;

use crate::capture::reassembly::{Fragment, PacketId};

/// Headers of a packet that are looked at: each link layer, tag, label and tunnel is one, and
/// each attempt where the kind of the next header is unknown.
pub(super) const MOST_HEADERS: u8 = 32;

const UDP_HEADER: usize = 8;

/// A UDP datagram in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Udp<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination_port: u16,
    pub(super) payload: &'a [u8],
    /// The capture has not kept all of it.
    pub(super) is_cut: bool,
}

/// What was found in a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    Udp(Udp<'a>),
    Fragment(Fragment<'a>),
}

/// Why a packet contains no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// The link layer is unknown.
    LinkType(u32),
    /// A header contradicts itself, or is cut off.
    Malformed,
    /// It is something else than UDP over IP.
    NotUdp,
    /// It has more than [`MOST_HEADERS`].
    TooDeep,
}

type Result<'a> = std::result::Result<Found<'a>, Other>;

/// What a piece of a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Link(u32),
    Ethernet,
    /// The protocol with this EtherType.
    EtherType(u16),
    /// IEEE 802.2.
    Llc,
    /// IPv4 or IPv6.
    Ip,
    /// The same, if its checksum and lengths agree, where no header identifies it.
    ProbablyIp,
    /// Ethernet, if its content agrees, where no header identifies it.
    ProbablyEthernet,
    Mpls,
    Ppp,
    PppoE,
    FrameRelay,
    Wifi,
    /// The network service header.
    Nsh,
}

/// The way to the datagram of one packet.
#[derive(Debug)]
pub(super) struct Search {
    port: Port,
    headers_left: u8,
}

impl Search {
    /// For a datagram to this port. Tunnels over UDP are looked into, unless they are to it.
    pub(super) const fn new(port: Port) -> Self {
        Self {
            port,
            headers_left: MOST_HEADERS,
        }
    }

    /// Searches a packet of a link layer.
    pub(super) fn packet<'a>(&mut self, link: u32, data: &'a [u8]) -> Result<'a> {
        self.layer(Layer::Link(link), data)
    }

    /// Searches the payload of an IP packet.
    pub(super) fn payload<'a>(
        &mut self,
        protocol: u8,
        source: IpAddr,
        data: &'a [u8],
    ) -> Result<'a> {
        self.transport(protocol, Ends::of(source), data, false)
    }

    fn step(&mut self) -> std::result::Result<(), Other> {
        self.headers_left = self.headers_left.checked_sub(1).ok_or(Other::TooDeep)?;
        Ok(())
    }

    fn layer<'a>(&mut self, layer: Layer, data: &'a [u8]) -> Result<'a> {
        self.step()?;
        match layer {
            Layer::Link(number) => self.link(number, data),
            Layer::Ethernet => self.layer(Layer::EtherType(be16(data, 12)?), from(data, 14)?),
            Layer::EtherType(number) => self.ether_type(number, data),
            Layer::Llc => self.llc(data),
            Layer::Ip => self.ip(data),
            Layer::ProbablyIp if guess::is_ip(data) => self.ip(data),
            Layer::ProbablyEthernet if guess::is_ethernet(data) => {
                self.layer(Layer::EtherType(be16(data, 12)?), from(data, 14)?)
            }
            Layer::ProbablyIp | Layer::ProbablyEthernet => Err(Other::NotUdp),
            Layer::Mpls => self.mpls(data),
            Layer::Ppp => self.ppp(data),
            Layer::PppoE => self.pppoe(data),
            Layer::FrameRelay => self.frame_relay(data),
            Layer::Wifi => self.wifi(data),
            Layer::Nsh => self.nsh(data),
        }
    }

    /// The first of several possibilities, each a layer and where it begins, that leads to a
    /// datagram; else what is wrong with the first.
    fn any<'a>(&mut self, options: &[(Layer, usize)], data: &'a [u8]) -> Result<'a> {
        let mut first = None;
        for &(layer, at) in options {
            let result = from(data, at).and_then(|data| self.layer(layer, data));
            match result {
                Ok(Found::Udp(udp)) if !self.is_wanted(udp.destination_port) => {
                    first = Some(first.unwrap_or(result));
                }
                Ok(_) | Err(Other::TooDeep) => return result,
                Err(_) => first = Some(first.unwrap_or(result)),
            }
        }
        first.unwrap_or(Err(Other::NotUdp))
    }

    fn is_wanted(&self, port: u16) -> bool {
        matches!(self.port, Port::Any) || self.port == Port::To(port)
    }

    fn link<'a>(&mut self, number: u32, data: &'a [u8]) -> Result<'a> {
        let (layer, at) = match number {
            // Behind four bytes for the family of the address, which the packet itself shows.
            0 | 108 => (Layer::Ip, 4),
            1 => (Layer::Ethernet, 0),
            // Behind the addresses a route may follow, which the source address announces.
            6 => match byte(data, 8)? & 0x80 {
                0 => (Layer::Llc, 14),
                _ => (Layer::Llc, 14 + usize::from(byte(data, 14)? & 0x1f)),
            },
            8 => return self.any(&[(Layer::ProbablyIp, 16), (Layer::ProbablyIp, 0)], data),
            9 | 50 => match data {
                // Cisco's framing on the same line.
                [0x0f | 0x8f, 0, ..] => (Layer::EtherType(be16(data, 2)?), 4),
                _ => (Layer::Ppp, 0),
            },
            10 => (Layer::Llc, 13),
            11 | 100 => return self.any(&[(Layer::Llc, 0), (Layer::ProbablyIp, 0)], data),
            // Some systems write their own number, 12 or 14, for bare IP.
            12 | 14 | 101 | 228 | 229 => (Layer::Ip, 0),
            51 => (Layer::PppoE, 0),
            104 => (Layer::EtherType(be16(data, 2)?), 4),
            105 => (Layer::Wifi, 0),
            107 => (Layer::FrameRelay, 0),
            109 => (Layer::Ip, 12),
            113 => (Layer::EtherType(be16(data, 14)?), 16),
            // The length of the header is its first byte, without padding.
            117 => (Layer::Ip, usize::from(byte(data, 0)?).next_multiple_of(4)),
            119 | 163 => (Layer::Wifi, prism_header(data)?),
            127 => (Layer::Wifi, usize::from(le16(data, 2)?)),
            138 => (Layer::EtherType(be16(data, 16)?), 18),
            // Behind a byte for the direction.
            166 | 204 => (Layer::Ppp, 1),
            192 => (
                Layer::Link(u32::from(le16(data, 4)?) | u32::from(le16(data, 6)?) << 16),
                usize::from(le16(data, 2)?),
            ),
            205 => (Layer::EtherType(be16(data, 3)?), 5),
            206 => (Layer::FrameRelay, 1),
            219 => (Layer::Mpls, 0),
            239 => return self.nflog(data),
            // A preamble.
            274 => (Layer::Ethernet, 8),
            276 => (Layer::EtherType(be16(data, 0)?), 20),
            _ => return Err(Other::LinkType(number)),
        };
        self.layer(layer, from(data, at)?)
    }

    fn ether_type<'a>(&mut self, number: u16, data: &'a [u8]) -> Result<'a> {
        let (layer, at) = match number {
            // In Linux's cooked capture, 4 stands for 802.2 without a length.
            4 => (Layer::Llc, 0),
            0..=1500 => {
                let length = usize::from(number).min(data.len());
                return self.layer(Layer::Llc, data.get(..length).unwrap_or_default());
            }
            0x0800 | 0x86dd => (Layer::Ip, 0),
            // Tags: of customer and provider, older numbers of these, of a virtual interface.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => (Layer::EtherType(be16(data, 2)?), 4),
            0x8926 => (Layer::EtherType(be16(data, 4)?), 6),
            0x8847 | 0x8848 => (Layer::Mpls, 0),
            0x8864 => (Layer::PppoE, 0),
            0x8870 => (Layer::Llc, 0),
            0x880b => (Layer::Ppp, 0),
            0x6558 => (Layer::Ethernet, 0),
            // Provider backbone bridging: a tag, then a frame.
            0x88e7 => (Layer::Ethernet, 4),
            0x894f => (Layer::Nsh, 0),
            _ => return Err(Other::NotUdp),
        };
        self.layer(layer, from(data, at)?)
    }

    fn llc<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        match *data {
            // SNAP: the organisation decides what the number behind it is.
            [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, a, b, ..] => {
                self.layer(Layer::EtherType(u16::from_be_bytes([a, b])), from(data, 8)?)
            }
            // A bridged frame; on ATM behind padding.
            [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1 | 7, ..] => {
                self.any(&[(Layer::Ethernet, 8), (Layer::Ethernet, 10)], data)
            }
            [6, 6, 3, ..] | [0xfe, 0xfe, 3, 0xcc | 0x8e, ..] => {
                let header = if data.first() == Some(&6) { 3 } else { 4 };
                self.layer(Layer::Ip, from(data, header)?)
            }
            [_, _, _, ..] => Err(Other::NotUdp),
            _ => Err(Other::Malformed),
        }
    }

    fn mpls<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        let is_bottom = byte(data, 2)? & 1 == 1;
        let rest = from(data, 4)?;
        if !is_bottom {
            return self.layer(Layer::Mpls, rest);
        }
        // Labels do not identify their payload (RFC 4928): IP, or a frame, perhaps behind a
        // control word that begins with zero.
        match byte(rest, 0)? >> 4 {
            4 | 6 => self.any(
                &[(Layer::ProbablyIp, 0), (Layer::ProbablyEthernet, 0)],
                rest,
            ),
            0 => self.any(
                &[(Layer::ProbablyEthernet, 4), (Layer::ProbablyEthernet, 0)],
                rest,
            ),
            _ => self.layer(Layer::ProbablyEthernet, rest),
        }
    }

    fn pppoe<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        match (byte(data, 0)?, byte(data, 1)?) {
            (0x11, 0) => self.layer(Layer::Ppp, from(data, 6)?),
            _ => Err(Other::NotUdp),
        }
    }

    fn ppp<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        let data = data.strip_prefix(&[0xff, 3]).unwrap_or(data);
        // An odd first byte is all of the number.
        let (protocol, at) = match byte(data, 0)? {
            first if first & 1 == 1 => (u16::from(first), 1),
            _ => (be16(data, 0)?, 2),
        };
        let rest = from(data, at)?;
        match protocol {
            0x21 | 0x57 => self.layer(Layer::Ip, rest),
            // A bridged frame, behind flags and the kind of its address.
            0x31 => self.layer(Layer::Ethernet, from(rest, 2)?),
            // A part of several that is all of it.
            0x3d if byte(rest, 0)? & 0xc0 == 0xc0 => self.layer(Layer::Ppp, from(rest, 4)?),
            0x0281 | 0x0283 => self.layer(Layer::Mpls, rest),
            _ => Err(Other::NotUdp),
        }
    }

    fn frame_relay<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        // The last byte of the address is odd.
        let last = data.iter().take(4).position(|byte| byte & 1 == 1);
        let at = last.ok_or(Other::Malformed)? + 1;
        let rest = from(data, at)?;
        match *rest {
            [3, 0xcc | 0x8e, ..] => self.layer(Layer::Ip, from(rest, 2)?),
            [3, 0, 0x80, 0, 0, 0, a, b, ..] => {
                self.layer(Layer::EtherType(u16::from_be_bytes([a, b])), from(rest, 8)?)
            }
            [3, 0x80, 0, 0, 0, a, b, ..] => {
                self.layer(Layer::EtherType(u16::from_be_bytes([a, b])), from(rest, 7)?)
            }
            [3, 0, 0x80, 0, 0x80, 0xc2, 0, 1 | 7, ..] => {
                self.layer(Layer::Ethernet, from(rest, 8)?)
            }
            [3, ..] => Err(Other::NotUdp),
            _ => self.layer(Layer::EtherType(be16(rest, 0)?), from(rest, 2)?),
        }
    }

    fn wifi<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        let (control, flags) = (byte(data, 0)?, byte(data, 1)?);
        let (is_data, has_payload) = (control & 0x0f == 0x08, control & 0x40 == 0);
        let is_encrypted = flags & 0x40 != 0;
        if !is_data || !has_payload || is_encrypted {
            return Err(Other::NotUdp);
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
        // Some drivers pad the header. An aggregate has a frame's header before each of them.
        let padded = header.next_multiple_of(4);
        match is_aggregate {
            false => self.any(&[(Layer::Llc, header), (Layer::Llc, padded)], data),
            true => self.any(
                &[(Layer::Ethernet, header), (Layer::Ethernet, padded)],
                data,
            ),
        }
    }

    /// Attributes of the firewall's log, of which one is the packet. Their byte order is that of
    /// the machine that wrote them.
    fn nflog<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        const PAYLOAD: u16 = 9;
        let read = |order: fn([u8; 2]) -> u16| {
            let mut rest = data.get(4..).unwrap_or_default();
            while let [a, b, c, d, ..] = *rest {
                let length = usize::from(order([a, b]));
                // The two highest bits are flags.
                let kind = order([c, d]) & 0x3fff;
                if kind == PAYLOAD && length > 4 {
                    // The capture may have cut it.
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
                4 | 6 => self.layer(Layer::Ip, packet),
                _ => Err(Other::NotUdp),
            },
            None => Err(Other::Malformed),
        }
    }

    fn nsh<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        let header = usize::from(byte(data, 1)? & 0x3f) * 4;
        let layer = next_protocol(byte(data, 3)?)?;
        self.layer(layer, from(data, header)?)
    }

    fn ip<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        match byte(data, 0)? >> 4 {
            4 => self.ipv4(data),
            6 => self.ipv6(data),
            _ => Err(Other::Malformed),
        }
    }

    fn ipv4<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        let header = usize::from(byte(data, 0)? & 0x0f) * 4;
        if header < 20 {
            return Err(Other::Malformed);
        }
        let (payload, is_cut) = payload(from(data, header)?, be16(data, 2)?, header);
        let ends = Ends {
            source: Ipv4Addr::from(array(data, 12)?).into(),
            destination: Ipv4Addr::from(array(data, 16)?).into(),
        };
        let (protocol, position) = (byte(data, 9)?, be16(data, 6)?);
        let (has_more, offset) = (position & 0x2000 != 0, usize::from(position & 0x1fff) * 8);
        if !has_more && offset == 0 {
            return self.transport(protocol, ends, payload, is_cut);
        }
        let id = PacketId {
            source: ends.source,
            destination: ends.destination,
            identification: be16(data, 4)?.into(),
            protocol,
        };
        fragment(Fragment {
            id,
            protocol,
            offset,
            has_more,
            is_cut,
            data: payload,
        })
    }

    fn ipv6<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
        let (payload, is_cut) = payload(from(data, 40)?, be16(data, 4)?, 0);
        let ends = Ends {
            source: Ipv6Addr::from(array::<16>(data, 8)?).into(),
            destination: Ipv6Addr::from(array::<16>(data, 24)?).into(),
        };
        self.transport(byte(data, 6)?, ends, payload, is_cut)
    }

    /// Searches what an IP protocol number announces.
    fn transport<'a>(
        &mut self,
        protocol: u8,
        ends: Ends,
        data: &'a [u8],
        is_cut: bool,
    ) -> Result<'a> {
        self.step()?;
        match protocol {
            // Headers of IPv6, and of a packet that is authenticated.
            0 | 43 | 60 | 135 | 139 | 140 => {
                let length = (usize::from(byte(data, 1)?) + 1) * 8;
                self.transport(byte(data, 0)?, ends, from(data, length)?, is_cut)
            }
            51 => {
                let length = (usize::from(byte(data, 1)?) + 2) * 4;
                self.transport(byte(data, 0)?, ends, from(data, length)?, is_cut)
            }
            44 => self.ipv6_fragment(ends, data, is_cut),
            4 | 41 => self.layer(Layer::Ip, data),
            17 => self.udp(ends.source, data),
            47 => self.gre(data),
            // EtherIP, and labels without anything around them.
            97 => self.layer(Layer::Ethernet, from(data, 2)?),
            137 => self.layer(Layer::Mpls, data),
            _ => Err(Other::NotUdp),
        }
    }

    fn ipv6_fragment<'a>(&mut self, ends: Ends, data: &'a [u8], is_cut: bool) -> Result<'a> {
        let (protocol, position) = (byte(data, 0)?, be16(data, 2)?);
        let identification = u32::from_be_bytes(array(data, 4)?);
        let rest = from(data, 8)?;
        let (has_more, offset) = (position & 1 != 0, usize::from(position & 0xfff8));
        if !has_more && offset == 0 {
            return self.transport(protocol, ends, rest, is_cut);
        }
        fragment(Fragment {
            id: PacketId {
                source: ends.source,
                destination: ends.destination,
                identification,
                protocol: 0,
            },
            protocol,
            offset,
            has_more,
            is_cut,
            data: rest,
        })
    }

    fn udp<'a>(&mut self, source: IpAddr, data: &'a [u8]) -> Result<'a> {
        let payload = from(data, UDP_HEADER)?;
        let (source_port, destination_port) = (be16(data, 0)?, be16(data, 2)?);
        // A length that cannot be is not believed: segmentation is left to some interfaces.
        let length = usize::from(be16(data, 4)?).checked_sub(UDP_HEADER);
        let length = length.unwrap_or(payload.len());
        let outer = Ok(Found::Udp(Udp {
            source: SocketAddr::new(source, source_port),
            destination_port,
            payload: payload.get(..length).unwrap_or(payload),
            is_cut: length > payload.len(),
        }));
        if self.port == Port::To(destination_port) {
            return outer;
        }
        match self.tunnel(destination_port, payload) {
            Some(inner @ (Ok(_) | Err(Other::TooDeep))) => inner,
            _ => outer,
        }
    }

    /// Searches a tunnel that uses this UDP port, if any does.
    fn tunnel<'a>(&mut self, port: u16, data: &'a [u8]) -> Option<Result<'a>> {
        let (layer, at) = match (port, data) {
            // VXLAN, also at the port that Linux used first. The flag marks a valid number.
            (4789 | 8472, [flags, ..]) if flags & 0x08 != 0 => (Layer::Ethernet, 8),
            // VXLAN with the protocol of its content, if the flag is set.
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
            // GTP-U: a user's packet, behind a header that may be longer.
            (2152, &[flags, 0xff, ..]) if flags & 0xf0 == 0x30 => match flags & 0x07 {
                0 => (Layer::ProbablyIp, 8),
                _ => (Layer::ProbablyIp, gtp_header(data)?),
            },
            _ => return None,
        };
        Some(from(data, at).and_then(|inner| self.layer(layer, inner)))
    }

    fn gre<'a>(&mut self, data: &'a [u8]) -> Result<'a> {
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
                    header = behind_route(data, header)?;
                }
            }
            // That of PPTP: with a key, perhaps a number and an acknowledgement.
            1 => {
                header += 4;
                header += if has_sequence { 4 } else { 0 };
                header += if flags & 0x0080 != 0 { 4 } else { 0 };
            }
            _ => return Err(Other::NotUdp),
        }
        let rest = from(data, header)?;
        match protocol {
            // ERSPAN: type II has a number and a header, type I neither.
            0x88be if has_sequence => self.any(&[(Layer::Ethernet, 8), (Layer::Ethernet, 0)], rest),
            0x88be => self.any(&[(Layer::Ethernet, 0), (Layer::Ethernet, 8)], rest),
            // Type III, perhaps with a second header.
            0x22eb => {
                let header = if byte(rest, 11)? & 1 == 0 { 12 } else { 20 };
                let layer = match byte(rest, 10)? >> 2 & 0x1f {
                    2 => Layer::Ip,
                    _ => Layer::Ethernet,
                };
                self.layer(layer, from(rest, header)?)
            }
            // WCCP, of which only the second version has a header.
            0x883e => self.any(&[(Layer::ProbablyIp, 4), (Layer::ProbablyIp, 0)], rest),
            _ => self.layer(Layer::EtherType(protocol), rest),
        }
    }
}

/// The addresses of an IP packet.
#[derive(Clone, Copy, Debug)]
struct Ends {
    source: IpAddr,
    destination: IpAddr,
}

impl Ends {
    /// Of a packet that is complete: the destination is not needed any more, but for fragments
    /// in its payload, which have addresses of their own.
    const fn of(source: IpAddr) -> Self {
        Self {
            source,
            destination: source,
        }
    }
}

/// A fragment, if its packet can lead to a datagram.
fn fragment(fragment: Fragment<'_>) -> Result<'_> {
    let can_lead = matches!(
        fragment.protocol,
        0 | 4 | 17 | 41 | 43 | 44 | 47 | 51 | 60 | 97 | 135 | 137 | 139 | 140
    );
    // Of IPv6, only the first fragment has to have the right number.
    match can_lead || (fragment.id.protocol == 0 && fragment.offset > 0) {
        true => Ok(Found::Fragment(fragment)),
        false => Err(Other::NotUdp),
    }
}

/// The payload of an IP packet, given what is behind its header, its stated length and what of
/// that is the header's; whether the capture has not kept all of it.
fn payload(data: &[u8], length: u16, header: usize) -> (&[u8], bool) {
    // A length that cannot be, such as 0, is not believed: segmentation is left to some
    // interfaces.
    match usize::from(length).checked_sub(header) {
        Some(stated) if length > 0 => (data.get(..stated).unwrap_or(data), stated > data.len()),
        _ => (data, false),
    }
}

/// What the network service header and VXLAN's generic extension call what follows.
fn next_protocol(number: u8) -> std::result::Result<Layer, Other> {
    match number {
        1 | 2 => Ok(Layer::Ip),
        3 => Ok(Layer::Ethernet),
        4 => Ok(Layer::Nsh),
        5 => Ok(Layer::Mpls),
        _ => Err(Other::NotUdp),
    }
}

/// Where the user's packet begins in GTP-U: behind a number, and extensions of four bytes or a
/// multiple of these, each with the kind of the next at its end.
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

/// Where the payload of GRE begins behind its list of routes, which an empty one ends.
fn behind_route(data: &[u8], mut header: usize) -> std::result::Result<usize, Other> {
    loop {
        let length = usize::from(byte(data, header + 3)?);
        let family = be16(data, header)?;
        header += 4 + length;
        if length == 0 && family == 0 {
            return Ok(header);
        }
    }
}

/// Bytes before the frame in the headers of two drivers for IEEE 802.11.
fn prism_header(data: &[u8]) -> std::result::Result<usize, Other> {
    let length = array::<4>(data, 4)?;
    let is_avs = data.starts_with(&[0x80, 0x21, 0x10]);
    let (big, little) = (u32::from_be_bytes(length), u32::from_le_bytes(length));
    // The older one is in the byte order of its machine.
    let length = if is_avs { big } else { big.min(little) };
    usize::try_from(length).map_err(|_| Other::Malformed)
}

fn from(data: &[u8], at: usize) -> std::result::Result<&[u8], Other> {
    data.get(at..).ok_or(Other::Malformed)
}

fn array<const N: usize>(data: &[u8], at: usize) -> std::result::Result<[u8; N], Other> {
    from(data, at)?
        .first_chunk()
        .copied()
        .ok_or(Other::Malformed)
}

fn byte(data: &[u8], at: usize) -> std::result::Result<u8, Other> {
    data.get(at).copied().ok_or(Other::Malformed)
}

fn be16(data: &[u8], at: usize) -> std::result::Result<u16, Other> {
    array(data, at).map(u16::from_be_bytes)
}

fn le16(data: &[u8], at: usize) -> std::result::Result<u16, Other> {
    array(data, at).map(u16::from_le_bytes)
}
