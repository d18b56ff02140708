//! sFlow Version 5: the packet, and what forwarded it.

use crate::enums::{AsPathKind, Charset, HeaderProtocol, UrlDirection};
use crate::types::{
    Community, Ipv4Address, Ipv6Address, List, MplsLabel, Opaque, Switch32, Text, VlanTag,
};
use crate::{Address, Mac, structure};

structure! {
    /// The header of a packet: its first bytes.
    ///
    /// Source: sFlow Version 5, `sampled_header`.
    pub struct SampledHeader<'a>: "sampled_header" {
        /// Protocol of the first header.
        protocol: HeaderProtocol,
        /// Length of the packet on the wire; multiply it by the sampling rate.
        frame_length: u32 [bytes],
        /// Bytes removed from the packet before its header was sampled: frame check sequence, tags.
        stripped: u32 [bytes],
        /// The sampled bytes; often not a multiple of four.
        header: Opaque<'a>,
    }
}

structure! {
    /// VLANs and priorities of a packet. Some agents send 0 for unknown values.
    ///
    /// Source: sFlow Version 5, `extended_switch`, with the errata.
    pub struct ExtendedSwitch: "extended_switch" {
        /// VLAN; that of the port for untagged packets.
        src_vlan: Switch32,
        src_priority: Switch32,
        dst_vlan: Switch32,
        dst_priority: Switch32,
    }
}

structure! {
    /// The Ethernet header of a packet, if its bytes are unavailable.
    ///
    /// Source: sFlow Version 5.
    pub struct SampledEthernet: "sampled_ethernet" {
        /// Length of the frame with its check sequence; 0 if unknown.
        length: u32 [bytes],
        src_mac: Mac,
        dst_mac: Mac,
        /// EtherType.
        kind as type: u32,
    }
}

structure! {
    /// The IPv4 header of a packet, if its bytes are unavailable.
    ///
    /// Source: sFlow Version 5.
    pub struct SampledIpv4: "sampled_ipv4" {
        /// Length of the IP packet; 0 if unknown.
        length: u32 [bytes],
        /// IP protocol: 6 is TCP, 17 is UDP.
        protocol: u32,
        src_ip: Ipv4Address,
        dst_ip: Ipv4Address,
        /// Port of TCP or UDP; 0 for other protocols.
        src_port: u32,
        /// Port of TCP or UDP; 0 for other protocols.
        dst_port: u32,
        /// Flags of TCP, in the lowest byte.
        tcp_flags: u32,
        /// Type of service of IPv4.
        tos: u32,
    }
}

structure! {
    /// The IPv6 header of a packet, if its bytes are unavailable.
    ///
    /// Source: sFlow Version 5.
    pub struct SampledIpv6: "sampled_ipv6" {
        /// Length of the IP packet; 0 if unknown.
        length: u32 [bytes],
        /// Protocol of the first header that is not an extension: 6 is TCP, 17 is UDP.
        protocol: u32,
        src_ip: Ipv6Address,
        dst_ip: Ipv6Address,
        /// Port of TCP or UDP; 0 for other protocols.
        src_port: u32,
        /// Port of TCP or UDP; 0 for other protocols.
        dst_port: u32,
        /// Flags of TCP, in the lowest byte.
        tcp_flags: u32,
        /// Traffic class of IPv6.
        priority: u32,
    }
}

structure! {
    /// The route of a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedRouter: "extended_router" {
        nexthop: Address,
        /// Prefix length of the source.
        src_mask_len: u32,
        /// Prefix length of the destination.
        dst_mask_len: u32,
    }
}

structure! {
    /// The BGP route of a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedGateway<'a>: "extended_gateway" {
        /// Border router towards the destination.
        nexthop: Address,
        /// AS of the router; 0 if unknown.
        as_number as as: u32,
        /// AS of the source; 0 if unknown.
        src_as: u32,
        /// AS of the peer towards the source; 0 if unknown.
        src_peer_as: u32,
        /// AS path from the next AS to the AS of the destination.
        dst_as_path: List<'a, AsPathSegment<'a>>,
        communities: List<'a, Community>,
        localpref: u32,
    }
}

structure! {
    /// One segment of an AS path.
    ///
    /// Source: sFlow Version 5, `as_path_type`.
    pub struct AsPathSegment<'a>: "as_path_type" {
        kind as type: AsPathKind,
        /// The AS numbers; ordered in a sequence, unordered in a set.
        as_number: List<'a, u32>,
    }
}

structure! {
    /// The users at the source and the destination of a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedUser<'a>: "extended_user" {
        src_charset: Charset,
        /// User at the source.
        src_user: Opaque<'a>,
        dst_charset: Charset,
        /// User at the destination.
        dst_user: Opaque<'a>,
    }
}

structure! {
    /// The web request that a packet belongs to. Superseded by
    /// [`HttpRequest`](super::HttpRequest).
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedUrl<'a>: "extended_url" {
        direction: UrlDirection,
        url: Text<'a>,
        /// The Host header.
        host: Text<'a>,
    }
}

structure! {
    /// The MPLS labels of a packet; only the innermost label if the others are unknown.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMpls<'a>: "extended_mpls" {
        nexthop: Address,
        /// Labels as received, outermost first.
        in_stack: List<'a, MplsLabel>,
        /// Labels as sent, outermost first.
        out_stack: List<'a, MplsLabel>,
    }
}

structure! {
    /// Addresses of a packet after translation.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedNat: "extended_nat" {
        /// Source address; the same as in the packet if it was not translated.
        src_address: Address,
        dst_address: Address,
    }
}

structure! {
    /// The MPLS tunnel of a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMplsTunnel<'a>: "extended_mpls_tunnel" {
        tunnel_lsp_name: Text<'a>,
        tunnel_id: u32,
        tunnel_cos: u32,
    }
}

structure! {
    /// The MPLS virtual circuit of a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMplsVc<'a>: "extended_mpls_vc" {
        vc_instance_name: Text<'a>,
        vll_vc_id: u32,
        vc_label_cos: u32,
    }
}

structure! {
    /// The class of packets that was mapped to an MPLS label; called "MPLS FEC" in most decoders.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMplsFtn<'a>: "extended_mpls_FTN" {
        mpls_ftn_descr as mplsFTNDescr: Text<'a>,
        mpls_ftn_mask as mplsFTNMask: u32,
    }
}

structure! {
    /// The prefix that was mapped to an MPLS label; called "LVP FEC" in many decoders because of a
    /// misprint.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMplsLdpFec: "extended_mpls_LDP_FEC" {
        mpls_fec_addr_prefix_length as mplsFecAddrPrefixLength: u32,
    }
}

structure! {
    /// VLAN tags that were removed before the packet was sampled.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedVlantunnel<'a>: "extended_vlantunnel" {
        /// Outermost first.
        stack: List<'a, VlanTag>,
    }
}
