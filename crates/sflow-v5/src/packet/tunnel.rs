//! Tunnels: headers in front of another packet.

use core::fmt;

use super::protocol::EtherType;

use super::layer::Layer;
use super::layers::{Layers, Next};
use super::rest::StopReason;
use crate::padding::pad;

const ERSPAN_I_OR_II: EtherType = EtherType(0x88be);
const ERSPAN_III: EtherType = EtherType(0x22eb);

/// The kind of a tunnel, with the number that identifies it among tunnels of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tunnel {
    /// VXLAN (RFC 7348).
    Vxlan {
        /// The network identifier.
        vni: u32,
    },
    /// Geneve (RFC 8926).
    Geneve {
        /// The network identifier.
        vni: u32,
    },
    /// Generic routing encapsulation (RFC 2784, RFC 2890). In NVGRE, the upper 24 bits of the key
    /// are the network identifier.
    Gre {
        /// The key, if there is one.
        key: Option<u32>,
    },
    /// The generic routing encapsulation of PPTP (RFC 2637).
    Pptp {
        /// The call, in the numbering of the receiver.
        call: u16,
    },
    /// ERSPAN: a mirrored port.
    Erspan {
        /// The session; version I has none.
        session: Option<u16>,
    },
    /// IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, RFC 2473, RFC 4213).
    IpInIp,
    /// MPLS in IPv4 or IPv6 (RFC 4023).
    MplsInIp,
    /// MPLS in UDP (RFC 7510).
    MplsInUdp,
    /// VXLAN with the generic protocol extension (draft-ietf-nvo3-vxlan-gpe).
    VxlanGpe {
        /// The network identifier.
        vni: u32,
    },
    /// The user plane of GTP (3GPP TS 29.281).
    GtpU {
        /// The tunnel endpoint identifier.
        teid: u32,
    },
    /// L2TPv3 (RFC 3931).
    L2tpV3 {
        /// The session, in the numbering of the receiver.
        session: u32,
    },
    /// Ethernet in IP (RFC 3378).
    EtherIp,
    /// A packet behind a segment routing header (RFC 8754), or Ethernet in IPv6 (RFC 8986).
    Srv6,
    /// Ethernet on a pseudowire (RFC 4448).
    Pseudowire {
        /// The last MPLS label, which selects the pseudowire.
        label: u32,
    },
    /// A service function chain (RFC 8300) that is not inside another tunnel.
    Nsh {
        /// The service path.
        path: u32,
    },
}

impl Tunnel {
    /// A short, stable identifier: `vxlan`, `geneve`, `gre`, `pptp`, `erspan`, `ip_in_ip`,
    /// `mpls_in_ip`, `mpls_in_udp`, `vxlan_gpe`, `gtp_u`, `l2tp_v3`, `ether_ip`, `srv6`,
    /// `pseudowire`, `nsh`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre { .. } => "gre",
            Self::Pptp { .. } => "pptp",
            Self::Erspan { .. } => "erspan",
            Self::IpInIp => "ip_in_ip",
            Self::MplsInIp => "mpls_in_ip",
            Self::MplsInUdp => "mpls_in_udp",
            Self::VxlanGpe { .. } => "vxlan_gpe",
            Self::GtpU { .. } => "gtp_u",
            Self::L2tpV3 { .. } => "l2tp_v3",
            Self::EtherIp => "ether_ip",
            Self::Srv6 => "srv6",
            Self::Pseudowire { .. } => "pseudowire",
            Self::Nsh { .. } => "nsh",
        }
    }

    /// The number of the tunnel, if it has one: network identifier, key, call, session, endpoint,
    /// label or path.
    pub fn id(&self) -> Option<u32> {
        match *self {
            Self::Vxlan { vni } | Self::VxlanGpe { vni } | Self::Geneve { vni } => Some(vni),
            Self::GtpU { teid } => Some(teid),
            Self::L2tpV3 { session } => Some(session),
            Self::Pseudowire { label } => Some(label),
            Self::Nsh { path } => Some(path),
            Self::Gre { key } => key,
            Self::Pptp { call } => Some(call.into()),
            Self::Erspan { session } => session.map(u32::from),
            Self::IpInIp | Self::MplsInIp | Self::MplsInUdp | Self::EtherIp | Self::Srv6 => None,
        }
    }
}

impl fmt::Display for Tunnel {
    /// Name and number, `vxlan 42`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            Some(id) => pad(f, format_args!("{} {id}", self.name())),
            None => f.pad(self.name()),
        }
    }
}

/// Generic routing encapsulation, including the variant of PPTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gre<'a> {
    bytes: &'a [u8],
    protocol: EtherType,
    key: Option<u32>,
}

impl<'a> Gre<'a> {
    /// The protocol of what follows.
    pub const fn protocol(self) -> EtherType {
        self.protocol
    }

    /// The key, if there is one; in PPTP, a length and a call.
    pub const fn key(self) -> Option<u32> {
        self.key
    }

    /// The header.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

pub(super) fn gre<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let ([flags, version, high, low], _) = walk.fixed::<4>("gre")?;
    let protocol = EtherType(u16::from_be_bytes([*high, *low]));
    let has = |bit: u8| flags & bit != 0;
    let (checksum, routing, key, sequence) = (has(0x80), has(0x40), has(0x20), has(0x10));
    let words = match version & 0x07 {
        // With source routing (RFC 1701, obsolete), the length is unknown.
        0 if routing => return walk.stop(invalid("flags", *flags)),
        0 => [checksum, key, sequence],
        1 if !key => return walk.stop(invalid("flags", *flags)),
        1 => [key, sequence, version & 0x80 != 0],
        version => return walk.stop(invalid("version", version)),
    };
    let optional = words.iter().filter(|present| **present).count();
    let (bytes, behind) = walk.split("gre", optional.saturating_add(1) << 2)?;
    let word = |index: usize| {
        let (_, tail) = bytes.split_at_checked(index << 2)?;
        tail.first_chunk::<4>()
    };
    let pptp = version & 0x07 == 1;
    let place = if checksum && !pptp { 2 } else { 1 };
    let key = if key { word(place).copied() } else { None };
    match (protocol, key) {
        // Without a sequence number: an acknowledgement without payload.
        _ if pptp && !sequence => walk.end(behind, StopReason::Payload),
        (_, Some([a, b, c, d])) if pptp => {
            let (length, call) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let behind = behind.until(length.into());
            walk.enter(behind, Next::Type(protocol), Tunnel::Pptp { call });
        }
        (ERSPAN_I_OR_II, _) if sequence => walk.follow(behind, Next::ErspanII),
        (ERSPAN_I_OR_II, _) => {
            walk.enter(behind, Next::Ethernet, Tunnel::Erspan { session: None });
        }
        (ERSPAN_III, _) => walk.follow(behind, Next::ErspanIII),
        (_, key) => {
            let key = key.map(u32::from_be_bytes);
            walk.enter(behind, Next::Type(protocol), Tunnel::Gre { key });
        }
    }
    let key = key.map(u32::from_be_bytes);
    Some(Layer::Gre(Gre {
        bytes,
        protocol,
        key,
    }))
}

const fn invalid(field: &'static str, value: u8) -> StopReason {
    StopReason::Invalid {
        header: "gre",
        field,
        value: u16::from_be_bytes([0, value]),
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

pub(super) fn erspan_ii<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    erspan(walk, 8, Next::Ethernet)
}

pub(super) fn erspan_iii<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let ([.., upper, lower], _) = walk.fixed::<12>("erspan")?;
    let size = if lower & 1 == 0 { 12 } else { 20 };
    let ip = upper >> 2 & 0x1f == 2;
    erspan(walk, size, if ip { Next::Ip } else { Next::Ethernet })
}

fn erspan<'a>(walk: &mut Layers<'a>, size: usize, next: Next) -> Option<Layer<'a>> {
    let (fixed, _) = walk.fixed("erspan")?;
    let (bytes, behind) = walk.split("erspan", size)?;
    let header = Erspan { fixed, bytes };
    let session = Some(header.session());
    walk.enter(behind, next, Tunnel::Erspan { session });
    Some(Layer::Erspan(header))
}

/// The header of Ethernet in IP (RFC 3378).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherIp<'a> {
    bytes: &'a [u8; 2],
}

impl<'a> EtherIp<'a> {
    /// The header.
    pub const fn bytes(self) -> &'a [u8; 2] {
        self.bytes
    }
}

pub(super) fn ether_ip<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let (bytes, behind) = walk.fixed("ether_ip")?;
    let [version, _] = *bytes;
    // Version 3; some systems write it into the lower half of the byte.
    if !matches!(version, 0x30 | 0x03) {
        return walk.stop(StopReason::Invalid {
            header: "ether_ip",
            field: "version",
            value: version.into(),
        });
    }
    walk.enter(behind, Next::Ethernet, Tunnel::EtherIp);
    Some(Layer::EtherIp(EtherIp { bytes }))
}
