use super::gtp::GtpU;
use super::ip::{Authentication, Esp, Ipv4, Ipv6, Ipv6Extension, Ipv6Fragment};
use super::l2tp::L2tpV3;
use super::link::{Arp, EthernetHeader, Llc, Macsec, Vlan};
use super::mpls::{ControlWord, Mpls};
use super::overlay::{Geneve, Nsh, Vxlan, VxlanGpe};
use super::ppp::{Ppp, Pppoe};
use super::protocol::IpNumber;
use super::rest::Rest;
use super::tcp::Tcp;
use super::transport::{Icmp, Ports, Udp};
use super::tunnel::{Erspan, EtherIp, Gre};

/// One header of a packet, or the rest of it.
///
/// A truncated header is a layer if its essential part is present: both ports of TCP and UDP, the
/// fixed part of IPv4 and Geneve. The [`Rest`] then reports what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer<'a> {
    /// Ethernet II, or IEEE 802.3 if its EtherType is a length.
    Ethernet(EthernetHeader<'a>),
    /// IEEE 802.2, with SNAP.
    Llc(Llc<'a>),
    /// One tag of IEEE 802.1Q.
    Vlan(Vlan<'a>),
    /// IEEE 802.1AE.
    Macsec(Macsec<'a>),
    /// One MPLS label.
    Mpls(Mpls<'a>),
    /// PPP over Ethernet.
    Pppoe(Pppoe<'a>),
    /// PPP.
    Ppp(Ppp<'a>),
    /// ARP, with the complete packet.
    Arp(Arp<'a>),
    /// IPv4 with its options.
    Ipv4(Ipv4<'a>),
    /// IPv6 without extension headers.
    Ipv6(Ipv6<'a>),
    /// An extension header of IPv6, with its own protocol number.
    Ipv6Extension(IpNumber, Ipv6Extension<'a>),
    /// The fragment header of IPv6.
    Ipv6Fragment(Ipv6Fragment<'a>),
    /// The authentication header of IPsec.
    Authentication(Authentication<'a>),
    /// The encapsulating security payload of IPsec.
    Esp(Esp<'a>),
    /// TCP with its options.
    Tcp(Tcp<'a>),
    /// UDP.
    Udp(Udp<'a>),
    /// SCTP, DCCP or UDP-Lite.
    Ports(Ports<'a>),
    /// ICMP.
    Icmpv4(Icmp<'a>),
    /// ICMPv6.
    Icmpv6(Icmp<'a>),
    /// IGMP.
    Igmp(Icmp<'a>),
    /// Generic routing encapsulation.
    Gre(Gre<'a>),
    /// ERSPAN: a mirrored frame follows.
    Erspan(Erspan<'a>),
    /// VXLAN.
    Vxlan(Vxlan<'a>),
    /// Geneve with its options.
    Geneve(Geneve<'a>),
    /// VXLAN with the generic protocol extension.
    VxlanGpe(VxlanGpe<'a>),
    /// A network service header.
    Nsh(Nsh<'a>),
    /// The user plane of GTP, with its extension headers.
    GtpU(GtpU<'a>),
    /// L2TPv3.
    L2tpV3(L2tpV3<'a>),
    /// Ethernet in IP.
    EtherIp(EtherIp<'a>),
    /// The control word of a pseudowire.
    ControlWord(ControlWord<'a>),
    /// The bytes that were not read, and the reason.
    Rest(Rest<'a>),
}

impl<'a> Layer<'a> {
    /// A short, stable identifier, such as `ipv4`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ethernet(_) => "ethernet",
            Self::Llc(_) => "llc",
            Self::Vlan(_) => "vlan",
            Self::Macsec(_) => "macsec",
            Self::Mpls(_) => "mpls",
            Self::Pppoe(_) => "pppoe",
            Self::Ppp(_) => "ppp",
            Self::Arp(_) => "arp",
            Self::Ipv4(_) => "ipv4",
            Self::Ipv6(_) => "ipv6",
            Self::Ipv6Extension(..) => "ipv6_extension",
            Self::Ipv6Fragment(_) => "ipv6_fragment",
            Self::Authentication(_) => "authentication",
            Self::Esp(_) => "esp",
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::Ports(ports) => ports.name(),
            Self::Icmpv4(_) => "icmpv4",
            Self::Icmpv6(_) => "icmpv6",
            Self::Igmp(_) => "igmp",
            Self::Gre(_) => "gre",
            Self::Erspan(_) => "erspan",
            Self::Vxlan(_) => "vxlan",
            Self::Geneve(_) => "geneve",
            Self::VxlanGpe(_) => "vxlan_gpe",
            Self::Nsh(_) => "nsh",
            Self::GtpU(_) => "gtp_u",
            Self::L2tpV3(_) => "l2tp_v3",
            Self::EtherIp(_) => "ether_ip",
            Self::ControlWord(_) => "control_word",
            Self::Rest(_) => "rest",
        }
    }

    /// The bytes of the header, which directly follow those of the previous layer.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Ethernet(header) => header.bytes(),
            Self::Llc(header) => header.bytes(),
            Self::Vlan(vlan) => vlan.bytes(),
            Self::Macsec(header) => header.bytes(),
            Self::Mpls(label) => label.bytes(),
            Self::Pppoe(header) => header.bytes(),
            Self::Ppp(header) => header.bytes(),
            Self::Arp(packet) => packet.bytes(),
            Self::Ipv4(header) => header.bytes(),
            Self::Ipv6(header) => header.bytes(),
            Self::Ipv6Extension(_, header) => header.bytes(),
            Self::Ipv6Fragment(header) => header.bytes(),
            Self::Authentication(header) => header.bytes(),
            Self::Esp(header) => header.bytes(),
            Self::Tcp(header) => header.bytes(),
            Self::Udp(header) => header.bytes(),
            Self::Ports(header) => header.bytes(),
            Self::Icmpv4(header) | Self::Icmpv6(header) | Self::Igmp(header) => header.bytes(),
            Self::Gre(header) => header.bytes(),
            Self::Erspan(header) => header.bytes(),
            Self::Vxlan(header) => header.bytes(),
            Self::Geneve(header) => header.bytes(),
            Self::VxlanGpe(header) => header.bytes(),
            Self::Nsh(header) => header.bytes(),
            Self::GtpU(header) => header.bytes(),
            Self::L2tpV3(header) => header.bytes(),
            Self::EtherIp(header) => header.bytes(),
            Self::ControlWord(word) => word.bytes(),
            Self::Rest(rest) => rest.bytes,
        }
    }
}
