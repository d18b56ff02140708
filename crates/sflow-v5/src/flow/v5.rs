//! sFlow Version 5: the packet, and what forwarded it.

use crate::enums::{AsPathKind, Charset, HeaderProtocol, UrlDirection};
use crate::types::{
    Community, Ipv4Address, Ipv6Address, List, MplsLabel, Opaque, Switch32, Text, VlanTag,
};
use crate::{Address, Mac, structure};

structure! {
    /// The first bytes of a packet.
    ///
    /// Source: sFlow Version 5, `sampled_header`.
    pub struct SampledHeader<'a>: "sampled_header" {
        /// What the header begins with.
        protocol: HeaderProtocol,
        /// Of the whole packet on the wire: what is multiplied by the sampling rate.
        frame_length: u32 [bytes],
        /// Taken away before the header was cut: frame check sequence, tags.
        stripped: u32 [bytes],
        /// As many bytes as the agent kept; often not a multiple of four.
        header: Opaque<'a>,
    }
}

structure! {
    /// What a switch knows of a packet. Some agents send 0 for what they do not know.
    ///
    /// Source: sFlow Version 5, `extended_switch`, with the errata.
    pub struct ExtendedSwitch: "extended_switch" {
        /// Of the port, if the packet had no tag.
        src_vlan: Switch32,
        src_priority: Switch32,
        dst_vlan: Switch32,
        dst_priority: Switch32,
    }
}

structure! {
    /// The Ethernet header of a packet whose bytes cannot be had.
    ///
    /// Source: sFlow Version 5.
    pub struct SampledEthernet: "sampled_ethernet" {
        /// Of the frame, with its check sequence; 0 if unknown.
        length: u32 [bytes],
        src_mac: Mac,
        dst_mac: Mac,
        /// EtherType.
        kind as type: u32,
    }
}

structure! {
    /// The IPv4 header of a packet whose bytes cannot be had.
    ///
    /// Source: sFlow Version 5.
    pub struct SampledIpv4: "sampled_ipv4" {
        /// Of the IP packet; 0 if unknown.
        length: u32 [bytes],
        /// 6 is TCP, 17 is UDP.
        protocol: u32,
        src_ip: Ipv4Address,
        dst_ip: Ipv4Address,
        /// Of TCP or UDP; 0 if there is none.
        src_port: u32,
        /// Of TCP or UDP; 0 if there is none.
        dst_port: u32,
        /// In the lowest byte.
        tcp_flags: u32,
        /// The byte of IPv4 that held the type of service.
        tos: u32,
    }
}

structure! {
    /// The IPv6 header of a packet whose bytes cannot be had.
    ///
    /// Source: sFlow Version 5.
    pub struct SampledIpv6: "sampled_ipv6" {
        /// Of the IP packet; 0 if unknown.
        length: u32 [bytes],
        /// Of the first header that is not an extension: 6 is TCP, 17 is UDP.
        protocol: u32,
        src_ip: Ipv6Address,
        dst_ip: Ipv6Address,
        /// Of TCP or UDP; 0 if there is none.
        src_port: u32,
        /// Of TCP or UDP; 0 if there is none.
        dst_port: u32,
        /// In the lowest byte.
        tcp_flags: u32,
        /// The traffic class of IPv6.
        priority: u32,
    }
}

structure! {
    /// Where a router sent a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedRouter: "extended_router" {
        nexthop: Address,
        /// Bits in source prefix.
        src_mask_len: u32,
        /// Bits in destination prefix.
        dst_mask_len: u32,
    }
}

structure! {
    /// Where a packet travels between autonomous systems.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedGateway<'a>: "extended_gateway" {
        /// The border router towards the destination.
        nexthop: Address,
        /// Of this router; 0 if unknown.
        as_number as as: u32,
        /// Of the source; 0 if unknown.
        src_as: u32,
        /// Of the neighbour towards the source; 0 if unknown.
        src_peer_as: u32,
        /// From the next autonomous system to the one of the destination.
        dst_as_path: List<'a, AsPathSegment<'a>>,
        communities: List<'a, Community>,
        localpref: u32,
    }
}

structure! {
    /// One part of the path through autonomous systems.
    ///
    /// Source: sFlow Version 5, `as_path_type`.
    pub struct AsPathSegment<'a>: "as_path_type" {
        kind as type: AsPathKind,
        /// A sequence is in order, a set is not.
        as_number: List<'a, u32>,
    }
}

structure! {
    /// Who uses the two ends of a packet.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedUser<'a>: "extended_user" {
        src_charset: Charset,
        /// At the source.
        src_user: Opaque<'a>,
        dst_charset: Charset,
        /// At the destination.
        dst_user: Opaque<'a>,
    }
}

structure! {
    /// The web request that a packet belongs to. [`HttpRequest`](super::HttpRequest) has taken
    /// its place.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedUrl<'a>: "extended_url" {
        direction: UrlDirection,
        url: Text<'a>,
        /// Host header.
        host: Text<'a>,
    }
}

structure! {
    /// The MPLS labels of a packet. Where only the innermost is known, a stack holds that one.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMpls<'a>: "extended_mpls" {
        nexthop: Address,
        /// As received, outermost first.
        in_stack: List<'a, MplsLabel>,
        /// As sent, outermost first.
        out_stack: List<'a, MplsLabel>,
    }
}

structure! {
    /// Addresses of a packet after translation.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedNat: "extended_nat" {
        /// The same as in the packet if it was not translated.
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
    /// The class of packets that was mapped to an MPLS label; "MPLS FEC" to most decoders.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMplsFtn<'a>: "extended_mpls_FTN" {
        mpls_ftn_descr as mplsFTNDescr: Text<'a>,
        mpls_ftn_mask as mplsFTNMask: u32,
    }
}

structure! {
    /// The prefix that was mapped to an MPLS label; "LVP FEC" to many, after a misprint.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedMplsLdpFec: "extended_mpls_LDP_FEC" {
        mpls_fec_addr_prefix_length as mplsFecAddrPrefixLength: u32,
    }
}

structure! {
    /// VLAN tags that were taken away before the packet was sampled.
    ///
    /// Source: sFlow Version 5.
    pub struct ExtendedVlantunnel<'a>: "extended_vlantunnel" {
        /// Outermost first.
        stack: List<'a, VlanTag>,
    }
}
