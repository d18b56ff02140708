//! Numbers of protocols.

use core::fmt;

use crate::padding::pad;

/// The EtherType of a frame: the protocol of what follows.
///
/// Source: IEEE 802 Numbers (IANA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(
    /// The number.
    pub u16,
);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
    /// Transparent Ethernet bridging: a complete frame follows.
    pub const BRIDGED_ETHERNET: Self = Self(0x6558);
    /// A tag of IEEE 802.1Q.
    pub const VLAN: Self = Self(0x8100);
    /// IPv6.
    pub const IPV6: Self = Self(0x86dd);
    /// PPP in GRE, as in PPTP.
    pub const PPP: Self = Self(0x880b);
    /// MPLS.
    pub const MPLS: Self = Self(0x8847);
    /// MPLS with an upstream-assigned label, formerly multicast.
    pub const MPLS_UPSTREAM: Self = Self(0x8848);
    /// A PPPoE session.
    pub const PPPOE_SESSION: Self = Self(0x8864);
    /// An outer tag of IEEE 802.1ad.
    pub const PROVIDER_BRIDGING: Self = Self(0x88a8);
    /// MACsec (IEEE 802.1AE).
    pub const MACSEC: Self = Self(0x88e5);
    /// A network service header (RFC 8300).
    pub const NSH: Self = Self(0x894f);
    /// An outer VLAN tag, as some vendors number it.
    pub const VLAN_DOUBLE_TAGGED: Self = Self(0x9100);

    /// Whether the number is the length of an IEEE 802.3 frame, and not an EtherType.
    pub const fn is_length(self) -> bool {
        self.0 < 0x0600
    }
}

impl fmt::Display for EtherType {
    /// Hexadecimal, `0x0800`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("0x{:04x}", self.0))
    }
}

macro_rules! ip_numbers {
    ($($(#[$doc:meta])* $constant:ident = $number:literal $name:literal,)*) => {
        impl IpNumber {
            $($(#[$doc])* pub const $constant: Self = Self($number);)*

            /// The keyword that IANA has registered, for the protocols listed here.
            pub const fn keyword(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

/// The protocol number of an IP packet: the protocol of what follows a header.
///
/// Source: Assigned Internet Protocol Numbers (IANA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpNumber(
    /// The number.
    pub u8,
);

ip_numbers! {
    /// Hop-by-hop options of IPv6.
    HOP_BY_HOP = 0 "HOPOPT",
    /// ICMP.
    ICMP = 1 "ICMP",
    /// IGMP.
    IGMP = 2 "IGMP",
    /// IPv4 in IP.
    IPV4 = 4 "IPv4",
    /// TCP.
    TCP = 6 "TCP",
    /// UDP.
    UDP = 17 "UDP",
    /// DCCP.
    DCCP = 33 "DCCP",
    /// IPv6 in IP.
    IPV6 = 41 "IPv6",
    /// A routing header of IPv6.
    IPV6_ROUTE = 43 "IPv6-Route",
    /// The fragment header of IPv6.
    IPV6_FRAGMENT = 44 "IPv6-Frag",
    /// Resource reservation.
    RSVP = 46 "RSVP",
    /// Generic routing encapsulation.
    GRE = 47 "GRE",
    /// The encapsulating security payload of IPsec.
    ESP = 50 "ESP",
    /// The authentication header of IPsec.
    AUTHENTICATION = 51 "AH",
    /// ICMPv6.
    ICMPV6 = 58 "IPv6-ICMP",
    /// No next header in IPv6.
    IPV6_NO_NEXT_HEADER = 59 "IPv6-NoNxt",
    /// Destination options of IPv6.
    IPV6_OPTIONS = 60 "IPv6-Opts",
    /// EIGRP.
    EIGRP = 88 "EIGRP",
    /// OSPF.
    OSPF = 89 "OSPFIGP",
    /// Ethernet in IP (RFC 3378).
    ETHER_IP = 97 "ETHERIP",
    /// Protocol independent multicast.
    PIM = 103 "PIM",
    /// VRRP.
    VRRP = 112 "VRRP",
    /// L2TPv3.
    L2TP = 115 "L2TP",
    /// SCTP.
    SCTP = 132 "SCTP",
    /// The mobility header of IPv6.
    MOBILITY_HEADER = 135 "Mobility Header",
    /// UDP-Lite.
    UDP_LITE = 136 "UDPLite",
    /// MPLS in IP.
    MPLS_IN_IP = 137 "MPLS-in-IP",
    /// Host identity protocol.
    HIP = 139 "HIP",
    /// Shim6.
    SHIM6 = 140 "Shim6",
    /// Ethernet in IPv6 (RFC 8986).
    ETHERNET = 143 "Ethernet",
}

impl fmt::Display for IpNumber {
    /// The number, and the keyword if there is one: `6 (TCP)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keyword() {
            Some(keyword) => pad(f, format_args!("{} ({keyword})", self.0)),
            None => self.0.fmt(f),
        }
    }
}
