use etherparse::{
    ArpPacketSlice, Ethernet2HeaderSlice, IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice,
    Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, MacsecHeaderSlice,
};

use super::gtp::GtpU;
use super::ip::{Esp, Ipv4};
use super::l2tp::L2tpV3;
use super::link::{Llc, Vlan};
use super::mpls::{ControlWord, Mpls};
use super::overlay::{Geneve, Nsh, Vxlan, VxlanGpe};
use super::ppp::{Ppp, Pppoe};
use super::stop::Rest;
use super::tcp::Tcp;
use super::transport::{Icmp, Ports, Udp};
use super::tunnel::{Erspan, EtherIp, Gre};

/// One header of a packet, or what is left of it.
///
/// A header that was cut is there if what matters of it is: both ports of TCP and UDP, the
/// fixed part of IPv4 and Geneve. Then [`Rest`] says what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer<'a> {
    /// Ethernet II, or IEEE 802.3 if its EtherType is a length.
    Ethernet(Ethernet2HeaderSlice<'a>),
    /// IEEE 802.2, with SNAP.
    Llc(Llc<'a>),
    /// One tag of IEEE 802.1Q.
    Vlan(Vlan<'a>),
    /// IEEE 802.1AE.
    Macsec(MacsecHeaderSlice<'a>),
    /// One MPLS label.
    Mpls(Mpls<'a>),
    /// PPP over Ethernet.
    Pppoe(Pppoe<'a>),
    /// PPP.
    Ppp(Ppp<'a>),
    /// ARP: the whole packet.
    Arp(ArpPacketSlice<'a>),
    /// IPv4 with its options.
    Ipv4(Ipv4<'a>),
    /// IPv6 without extension headers.
    Ipv6(Ipv6HeaderSlice<'a>),
    /// An extension header of IPv6, and which one.
    Ipv6Extension(IpNumber, Ipv6RawExtHeaderSlice<'a>),
    /// The extension header of a fragment.
    Ipv6Fragment(Ipv6FragmentHeaderSlice<'a>),
    /// The authentication header of IPsec.
    Authentication(IpAuthHeaderSlice<'a>),
    /// The encryption of IPsec.
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
    /// Mirrored.
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
    /// The end: what is left, and why.
    Rest(Rest<'a>),
}

impl<'a> Layer<'a> {
    /// A short, stable word, such as `ipv4`.
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

    /// Its bytes, which lie directly behind those of the layer before.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Ethernet(header) => header.slice(),
            Self::Llc(header) => header.bytes(),
            Self::Vlan(vlan) => vlan.header.slice(),
            Self::Macsec(header) => header.slice(),
            Self::Mpls(label) => label.bytes(),
            Self::Pppoe(header) => header.bytes(),
            Self::Ppp(header) => header.bytes(),
            Self::Arp(packet) => packet.slice(),
            Self::Ipv4(header) => header.bytes(),
            Self::Ipv6(header) => header.slice(),
            Self::Ipv6Extension(_, header) => header.slice(),
            Self::Ipv6Fragment(header) => header.slice(),
            Self::Authentication(header) => header.slice(),
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
