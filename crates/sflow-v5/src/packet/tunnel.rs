//! Headers that lead to another packet.

use core::fmt;

use etherparse::EtherType;

use super::layer::Layer;
use super::layers::{Input, Next, Step};
use super::stop::Stop;

const ERSPAN_I_OR_II: EtherType = EtherType(0x88be);
const ERSPAN_III: EtherType = EtherType(0x22eb);

/// What a packet is carried in, and the number that tells one such tunnel from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tunnel {
    /// VXLAN (RFC 7348).
    Vxlan {
        /// The network.
        vni: u32,
    },
    /// Geneve (RFC 8926).
    Geneve {
        /// The network.
        vni: u32,
    },
    /// Generic routing encapsulation (RFC 2784, RFC 2890); NVGRE keeps its network in the upper
    /// 24 bits of the key.
    Gre {
        /// If it has one.
        key: Option<u32>,
    },
    /// The generic routing encapsulation of PPTP (RFC 2637).
    Pptp {
        /// The call, as the receiver numbers it.
        call: u16,
    },
    /// A mirrored port.
    Erspan {
        /// The session, which the first version does not have.
        session: Option<u16>,
    },
    /// IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, RFC 2473, RFC 4213).
    IpInIp,
    /// MPLS in IPv4 or IPv6 (RFC 4023).
    MplsInIp,
}

impl Tunnel {
    /// A short, stable word: `vxlan`, `geneve`, `gre`, `pptp`, `erspan`, `ip_in_ip`,
    /// `mpls_in_ip`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre { .. } => "gre",
            Self::Pptp { .. } => "pptp",
            Self::Erspan { .. } => "erspan",
            Self::IpInIp => "ip_in_ip",
            Self::MplsInIp => "mpls_in_ip",
        }
    }

    /// Its number, if it has one: network, key, call or session.
    pub fn id(&self) -> Option<u32> {
        match *self {
            Self::Vxlan { vni } | Self::Geneve { vni } => Some(vni),
            Self::Gre { key } => key,
            Self::Pptp { call } => Some(call.into()),
            Self::Erspan { session } => session.map(u32::from),
            Self::IpInIp | Self::MplsInIp => None,
        }
    }
}

impl fmt::Display for Tunnel {
    /// The word and the number: `vxlan 42`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.id().map_or(Ok(()), |id| write!(f, " {id}"))
    }
}

/// Generic routing encapsulation, also that of PPTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gre<'a> {
    bytes: &'a [u8],
    protocol: EtherType,
    key: Option<u32>,
}

impl<'a> Gre<'a> {
    /// What follows.
    pub const fn protocol(self) -> EtherType {
        self.protocol
    }

    /// The key, if there is one. In PPTP a length and a call.
    pub const fn key(self) -> Option<u32> {
        self.key
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn gre(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let ([flags, version, high, low], _) = input.fixed::<4>("gre")?;
    let protocol = EtherType(u16::from_be_bytes([*high, *low]));
    let has = |bit: u8| flags & bit != 0;
    let (checksum, routing, key, sequence) = (has(0x80), has(0x40), has(0x20), has(0x10));
    let invalid = |field, value: &u8| Stop::Invalid {
        header: "gre",
        field,
        value: u16::from(*value),
    };
    let words = match version & 0x07 {
        // Source routing (RFC 1701) makes the length unknown; nobody sends it any more.
        0 if routing => return Err(invalid("flags", flags)),
        0 => [checksum, key, sequence],
        1 if !key => return Err(invalid("flags", flags)),
        1 => [key, sequence, version & 0x80 != 0],
        version => return Err(invalid("version", &version)),
    };
    let optional = words.iter().filter(|present| **present).count();
    let (bytes, behind) = input.split("gre", optional.saturating_add(1) << 2)?;
    let word = |index: usize| {
        let (_, tail) = bytes.split_at_checked(index << 2)?;
        tail.first_chunk::<4>()
    };
    if version & 0x07 == 1 {
        return Ok(pptp(bytes, protocol, word(1), sequence, behind));
    }
    let place = if checksum { 2 } else { 1 };
    let key = if key { word(place) } else { None };
    let key = key.map(|key| u32::from_be_bytes(*key));
    let layer = Layer::Gre(Gre {
        bytes,
        protocol,
        key,
    });
    Ok(match protocol {
        ERSPAN_I_OR_II if sequence => Step::new(layer, behind, Next::ErspanII),
        ERSPAN_I_OR_II => Step::new(layer, behind, Next::Ethernet)
            .entering(Some(Tunnel::Erspan { session: None })),
        ERSPAN_III => Step::new(layer, behind, Next::ErspanIII),
        _ => Step::new(layer, behind, Next::Type(protocol)).entering(Some(Tunnel::Gre { key })),
    })
}

fn pptp<'a>(
    bytes: &'a [u8],
    protocol: EtherType,
    key: Option<&[u8; 4]>,
    sequence: bool,
    behind: Input<'a>,
) -> Step<'a> {
    let [a, b, c, d] = key.copied().unwrap_or_default();
    let (length, call) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let layer = Layer::Gre(Gre {
        bytes,
        protocol,
        key: Some(u32::from_be_bytes([a, b, c, d])),
    });
    // Without a number it only acknowledges.
    if sequence {
        let behind = behind.until(length.into());
        Step::new(layer, behind, Next::Type(protocol)).entering(Some(Tunnel::Pptp { call }))
    } else {
        Step::last(layer, behind, Stop::Payload)
    }
}

/// The header of a mirrored frame, behind GRE: version II or III.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erspan<'a> {
    fixed: &'a [u8; 4],
    bytes: &'a [u8],
}

impl<'a> Erspan<'a> {
    /// The session.
    pub const fn session(self) -> u16 {
        let [_, _, high, low] = *self.fixed;
        u16::from_be_bytes([high & 0x03, low])
    }

    /// The VLAN of the mirrored frame.
    pub const fn vlan(self) -> u16 {
        let [high, low, _, _] = *self.fixed;
        u16::from_be_bytes([high & 0x0f, low])
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn erspan_ii(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let (bytes, behind) = input.split("erspan", 8)?;
    erspan(input, bytes, behind, Next::Ethernet)
}

pub(super) fn erspan_iii(input: Input<'_>) -> Result<Step<'_>, Stop> {
    let ([.., upper, lower], _) = input.fixed::<12>("erspan")?;
    let (subheader, frame_type) = (lower & 1, upper >> 2 & 0x1f);
    let (bytes, behind) = input.split("erspan", if subheader == 1 { 20 } else { 12 })?;
    let next = if frame_type == 2 {
        Next::Ip
    } else {
        Next::Ethernet
    };
    erspan(input, bytes, behind, next)
}

fn erspan<'a>(
    input: Input<'a>,
    bytes: &'a [u8],
    behind: Input<'a>,
    next: Next,
) -> Result<Step<'a>, Stop> {
    let (fixed, _) = input.fixed("erspan")?;
    let header = Erspan { fixed, bytes };
    let tunnel = Tunnel::Erspan {
        session: Some(header.session()),
    };
    Ok(Step::new(Layer::Erspan(header), behind, next).entering(Some(tunnel)))
}
