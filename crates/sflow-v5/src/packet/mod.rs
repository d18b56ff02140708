//! Sampled headers, dissected: link, tags and labels, IP, tunnels to the packet inside, and
//! transport.
//!
//! ```
//! use sflow_v5::enums::HeaderProtocol;
//! use sflow_v5::packet::Packet;
//!
//! let header = [
//!     0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, // Ethernet
//!     0x45, 0, 5, 0xdc, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
//!     0, 80, 0x12, 0x67, // TCP, cut behind its ports
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
//! Agents keep the first 128 bytes of a packet or fewer, so a header can end anywhere. Nothing
//! here fails: [`Packet::layers`] yields what is there, and last of all a [`Rest`] that says why
//! there is no more. The lengths that packets claim are believed only as far as they make
//! sense.
//!
//! | header protocol | read |
//! |---|---|
//! | Ethernet (1), 802.11 A-MSDU subframe (17) | Ethernet II, IEEE 802.3 with LLC and SNAP |
//! | PPP (7), POS (14) | with or without address and control, compressed or not |
//! | IPv4 (11), IPv6 (12) | by the version that the packet says itself |
//! | MPLS (13) | up to the bottom of the stack, then IP or a pseudowire with Ethernet, if checksum and lengths agree |
//! | all others | their bytes are kept |
//!
//! On top of these: VLAN tags, MACsec that is not encrypted, PPPoE, ARP, the extension headers
//! of IPv6, TCP, UDP, SCTP, DCCP, UDP-Lite, ICMP, IGMP; GRE, PPTP, ERSPAN, IP in IP, MPLS in IP,
//! VXLAN and its generic protocol extension, Geneve, MPLS in UDP, GTP-U, L2TPv3, EtherIP, SRv6,
//! network service headers and pseudowires, and everything again inside these, up to
//! [`Packet::MAX_LAYERS`].
//!
//! Where no field identifies what follows (MPLS, GTP-U, L2TPv3), IP and Ethernet are read only if the
//! checksum of IPv4 and the lengths agree.
//!
//! Headers are those of [`etherparse`] where they are of use only as a whole. Where a part of
//! one is worth having, such as the ports of TCP, the types are of this module.

use core::fmt;

use crate::enums::HeaderProtocol;
use crate::flow::{Extended80211Payload, SampledHeader};
use crate::types::{MplsLabel, VlanTag};
use crate::wire::to_usize;

mod answer;
mod display;
mod gtp;
mod guess;
mod input;
mod ip;
mod l2tp;
mod layer;
mod layers;
mod link;
mod mpls;
mod overlay;
mod ppp;
#[cfg(feature = "serde")]
mod serialize;
mod stop;
mod tcp;
mod transport;
mod tunnel;

pub use answer::{Ethernet, Ip, Transport};
pub use etherparse;
pub use gtp::GtpU;
pub use ip::{Esp, Ipv4};
pub use l2tp::L2tpV3;
pub use layer::Layer;
pub use layers::Layers;
pub use link::{Llc, Vlan};
pub use mpls::{ControlWord, Mpls};
pub use overlay::{Geneve, Nsh, Vxlan, VxlanGpe};
pub use ppp::{Ppp, Pppoe};
pub use stop::{Rest, StopReason};
pub use tcp::{Tcp, TcpFlags};
pub use transport::{Icmp, Ports, Udp};
pub use tunnel::{Erspan, EtherIp, Gre, Tunnel};

use input::Input;
use layers::{Next, Place};

/// The first bytes of a packet, dissected on request.
///
/// A view: nothing is read before something is asked, and every question reads the headers
/// from the start. Who asks for all of them walks the [`layers`](Self::layers) once instead.
///
/// Questions are about this packet alone. The packet that a tunnel carries is another one,
/// [`inner`](Self::inner), with the same questions.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    start: Place<'a>,
}

impl<'a> Packet<'a> {
    /// How many layers are read, tunnels included: enough for every packet that is sent on
    /// purpose. A tag and a label are a layer each.
    pub const MAX_LAYERS: u8 = 32;

    /// A packet that begins with a header of this protocol.
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

    /// A packet that begins with logical link control (IEEE 802.2), as those of 802.11 do
    /// behind their own headers.
    pub const fn from_llc(bytes: &'a [u8]) -> Self {
        Self::starting(Next::Llc, bytes)
    }

    /// All layers in the order of the wire, through all tunnels, and what is left.
    pub const fn layers(&self) -> Layers<'a> {
        Layers::new(self.start)
    }

    /// The layers of this packet alone: up to the one that leads into a tunnel, or to what is
    /// left.
    pub fn own_layers(&self) -> impl Iterator<Item = Layer<'a>> + use<'a> {
        let mut layers = self.layers();
        core::iter::from_fn(move || {
            if layers.entered().is_some() {
                return None;
            }
            layers.next()
        })
    }

    /// What is left behind the last layer that was read, and why.
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

    /// The message of ICMP or ICMPv6.
    pub fn icmp(&self) -> Option<Icmp<'a>> {
        self.own_layers().find_map(|layer| match layer {
            Layer::Icmpv4(message) | Layer::Icmpv6(message) => Some(message),
            _ => None,
        })
    }

    /// The tunnel that this packet is: what [`inner`](Self::inner) is carried in.
    pub fn tunnel(&self) -> Option<Tunnel> {
        self.enter().map(|(tunnel, _)| tunnel)
    }

    /// The packet that this one carries, if it is a tunnel.
    pub fn inner(&self) -> Option<Self> {
        self.enter().map(|(_, inner)| inner)
    }

    /// The packet inside all tunnels: this one, if it is no tunnel.
    pub fn innermost(&self) -> Self {
        let (mut layers, mut start) = (self.layers(), self.start);
        while layers.next().is_some() {
            if layers.entered().is_some() {
                start = layers.place();
            }
        }
        Self { start }
    }

    fn enter(&self) -> Option<(Tunnel, Self)> {
        let mut layers = self.layers();
        loop {
            layers.next()?;
            if let Some(tunnel) = layers.entered() {
                let start = layers.place();
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
        let start = Place { next, input, left };
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
        // With an impossible length, the number of bytes that were not sampled is unknown.
        if let Some(unsampled) = length.checked_sub(self.header.0.len()) {
            packet.start.input.unsampled = unsampled;
        }
        packet
    }
}

impl<'a> Extended80211Payload<'a> {
    /// The packet that this payload is.
    pub const fn dissect(&self) -> Packet<'a> {
        Packet::from_llc(self.data.0)
    }
}
