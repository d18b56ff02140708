//! Dissects sampled headers: link layer, VLAN tags, MPLS labels, IP, tunnels with the packet
//! inside, and transport.
//!
//! ```
//! use sflow_v5::enums::HeaderProtocol;
//! use sflow_v5::packet::Packet;
//!
//! let header = [
//!     0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
//!     0x45, 0, 5, 0xdc, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
//!     0, 80, 0x12, 0x67, // TCP, truncated behind its ports
//! ];
//! let packet = Packet::new(HeaderProtocol::ETHERNET, &header);
//! let transport = packet.transport().unwrap();
//! assert_eq!((transport.source_port, transport.tcp_flags), (80, None));
//! assert_eq!(
//!     packet.to_string(),
//!     "10.0.0.1:80 > 10.0.0.2:4711 tcp (cut: tcp needs 20 bytes, 4 were sampled)",
//! );
//! ```
//!
//! Agents usually keep at most 128 bytes of a packet, so a header can end anywhere. Nothing here
//! fails: [`Packet::layers`] yields the layers that are present, then a [`Rest`] with the reason
//! why no further layer was read. Lengths inside the packet are used only if they are plausible.
//!
//! | header protocol | read |
//! |---|---|
//! | Ethernet (1), 802.11 A-MSDU subframe (17) | Ethernet II, IEEE 802.3 with LLC and SNAP |
//! | PPP (7), POS (14) | with or without address and control, compressed or not |
//! | IPv4 (11), IPv6 (12) | by the version in the packet itself |
//! | MPLS (13) | up to the bottom of the stack, then IP or a pseudowire with Ethernet, if checksum and lengths are consistent |
//! | all others | as bytes |
//!
//! Behind these: VLAN tags, MACsec without encryption, PPPoE, ARP, the extension headers of IPv6,
//! TCP, UDP, SCTP, DCCP, UDP-Lite, ICMP, IGMP; GRE, PPTP, ERSPAN, IP in IP, MPLS in IP, VXLAN and
//! its generic protocol extension, Geneve, MPLS in UDP, GTP-U, L2TPv3, EtherIP, SRv6, network
//! service headers and pseudowires; and the same again inside tunnels, up to
//! [`Packet::MAX_LAYERS`].
//!
//! Where no field identifies the next protocol (MPLS, GTP-U, L2TPv3), IP and Ethernet are read only
//! if the checksum of IPv4 and the lengths are consistent.

use core::fmt;

use crate::enums::HeaderProtocol;
use crate::flow::{Extended80211Payload, SampledHeader};
use crate::types::{MplsLabel, VlanTag};
use crate::wire::to_usize;

mod display;
mod gtp;
mod heuristic;
mod input;
mod ip;
mod l2tp;
mod layer;
mod layers;
mod link;
mod mpls;
mod overlay;
mod ppp;
mod protocol;
mod rest;
#[cfg(feature = "serde")]
mod serialize;
mod summary;
mod tcp;
mod transport;
mod tunnel;

pub use gtp::GtpU;
pub use ip::{Authentication, Esp, Ipv4, Ipv6, Ipv6Extension, Ipv6Fragment};
pub use l2tp::L2tpV3;
pub use layer::Layer;
pub use layers::Layers;
pub use link::{Arp, EthernetHeader, Llc, Macsec, Vlan};
pub use mpls::{ControlWord, Mpls};
pub use overlay::{Geneve, Nsh, Vxlan, VxlanGpe};
pub use ppp::{Ppp, Pppoe};
pub use protocol::{EtherType, IpNumber};
pub use rest::{Rest, StopReason};
pub use summary::{Ethernet, Ip, Transport};
pub use tcp::{Tcp, TcpFlags};
pub use transport::{Icmp, Ports, Udp};
pub use tunnel::{Erspan, EtherIp, Gre, Tunnel};

use input::Input;
use layers::{Next, Position};

/// The first bytes of a packet, dissected lazily.
///
/// Each method reads the headers from the start. To evaluate all of them, iterate over the
/// [`layers`](Self::layers) once instead.
///
/// The methods describe this packet alone. The packet inside a tunnel is another `Packet`, which
/// [`inner`](Self::inner) returns.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    start: Position<'a>,
}

impl<'a> Packet<'a> {
    /// Maximum number of layers that are read, including those inside tunnels. Each VLAN tag and
    /// each MPLS label is a layer.
    pub const MAX_LAYERS: u8 = 32;

    /// The packet in `header`, which begins with a header of `protocol`.
    pub const fn new(protocol: HeaderProtocol, header: &'a [u8]) -> Self {
        let next = match protocol {
            HeaderProtocol::ETHERNET | HeaderProtocol::IEEE80211_AMSDU => Next::Ethernet,
            HeaderProtocol::PPP | HeaderProtocol::POS => Next::Ppp,
            HeaderProtocol::IPV4 | HeaderProtocol::IPV6 => Next::Ip,
            HeaderProtocol::MPLS => Next::Mpls,
            other => Next::Unread(other),
        };
        Self::starting(next, header)
    }

    /// The packet in `bytes`, which begin with logical link control (IEEE 802.2), like the payload
    /// of an 802.11 frame.
    pub const fn from_llc(bytes: &'a [u8]) -> Self {
        Self::starting(Next::Llc, bytes)
    }

    /// All layers in the order of the wire, including those inside tunnels, and the rest.
    pub const fn layers(&self) -> Layers<'a> {
        Layers::new(self.start)
    }

    /// The layers of this packet alone: up to and including the one that starts a tunnel, or the
    /// rest.
    pub fn own_layers(&self) -> impl Iterator<Item = Layer<'a>> + use<'a> {
        let mut layers = self.layers();
        core::iter::from_fn(move || {
            if layers.entered().is_some() {
                return None;
            }
            layers.next()
        })
    }

    /// The bytes behind the last layer, and the reason why they were not read.
    pub fn rest(&self) -> Rest<'a> {
        let rest = self.layers().find_map(|layer| match layer {
            Layer::Rest(rest) => Some(rest),
            _ => None,
        });
        rest.unwrap_or(Rest {
            bytes: &[],
            reason: StopReason::Payload,
        })
    }

    /// The VLAN tags, outermost first.
    pub fn vlans(&self) -> impl Iterator<Item = VlanTag> + use<'a> {
        self.own_layers().filter_map(|layer| match layer {
            Layer::Vlan(vlan) => Some(vlan.tag),
            _ => None,
        })
    }

    /// The MPLS label stack, outermost first.
    pub fn mpls_labels(&self) -> impl Iterator<Item = MplsLabel> + use<'a> {
        self.own_layers().filter_map(|layer| match layer {
            Layer::Mpls(label) => Some(label.entry()),
            _ => None,
        })
    }

    /// The ICMP or ICMPv6 message.
    pub fn icmp(&self) -> Option<Icmp<'a>> {
        self.own_layers().find_map(|layer| match layer {
            Layer::Icmpv4(message) | Layer::Icmpv6(message) => Some(message),
            _ => None,
        })
    }

    /// The tunnel that carries [`inner`](Self::inner).
    pub fn tunnel(&self) -> Option<Tunnel> {
        self.enter().map(|(tunnel, _)| tunnel)
    }

    /// The packet inside this one, if this one is a tunnel.
    pub fn inner(&self) -> Option<Self> {
        self.enter().map(|(_, inner)| inner)
    }

    /// The packet inside all tunnels; this packet, if it is not a tunnel.
    pub fn innermost(&self) -> Self {
        let (mut layers, mut start) = (self.layers(), self.start);
        while layers.next().is_some() {
            if layers.entered().is_some() {
                start = layers.position();
            }
        }
        Self { start }
    }

    fn enter(&self) -> Option<(Tunnel, Self)> {
        let mut layers = self.layers();
        loop {
            layers.next()?;
            if let Some(tunnel) = layers.entered() {
                let start = layers.position();
                return Some((tunnel, Self { start }));
            }
        }
    }

    const fn starting(next: Next, bytes: &'a [u8]) -> Self {
        let input = Input {
            bytes,
            whole: false,
            unsampled: Input::UNKNOWN,
        };
        let left = Self::MAX_LAYERS;
        let start = Position { next, input, left };
        Self { start }
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.layers()).finish()
    }
}

impl<'a> IntoIterator for Packet<'a> {
    type Item = Layer<'a>;
    type IntoIter = Layers<'a>;

    fn into_iter(self) -> Layers<'a> {
        self.layers()
    }
}

impl<'a> SampledHeader<'a> {
    /// The packet that begins with this header.
    pub fn dissect(&self) -> Packet<'a> {
        let mut packet = Packet::new(self.protocol, self.header.0);
        let length = to_usize(self.frame_length.saturating_sub(self.stripped));
        // If the length is impossible, the number of bytes that were not sampled is unknown.
        if let Some(unsampled) = length.checked_sub(self.header.0.len()) {
            packet.start.input.unsampled = unsampled;
        }
        packet
    }
}

impl<'a> Extended80211Payload<'a> {
    /// The packet in this payload.
    pub const fn dissect(&self) -> Packet<'a> {
        Packet::from_llc(self.data.0)
    }
}
