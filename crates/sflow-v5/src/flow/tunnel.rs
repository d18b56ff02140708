//! sFlow Tunnel Structures: headers of encapsulation.
//!
//! An egress structure describes a header that is added behind the sampling point, an ingress
//! structure a header that was removed before it. A sample may have several structures of one kind
//! for nested tunnels.

use crate::types::{Ipv4Address, Ipv6Address};
use crate::{Mac, structure};

structure! {
    /// The Ethernet header that is added to a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedL2TunnelEgress: "extended_L2_tunnel_egress" {
        /// Length of the frame with its check sequence; 0 if unknown.
        length: u32 [bytes],
        src_mac: Mac,
        dst_mac: Mac,
        /// EtherType.
        kind as type: u32,
    }
}

structure! {
    /// The Ethernet header that was removed from a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedL2TunnelIngress: "extended_L2_tunnel_ingress" {
        /// Length of the frame with its check sequence; 0 if unknown.
        length: u32 [bytes],
        src_mac: Mac,
        dst_mac: Mac,
        /// EtherType.
        kind as type: u32,
    }
}

structure! {
    /// The IPv4 header that is added to a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv4TunnelEgress: "extended_ipv4_tunnel_egress" {
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
    /// The IPv4 header that was removed from a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv4TunnelIngress: "extended_ipv4_tunnel_ingress" {
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
    /// The IPv6 header that is added to a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv6TunnelEgress: "extended_ipv6_tunnel_egress" {
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
    /// The IPv6 header that was removed from a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv6TunnelIngress: "extended_ipv6_tunnel_ingress" {
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
    /// Offset of the inner packet that is forwarded after decapsulation.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedDecapsulateEgress: "extended_decapsulate_egress" {
        /// Offset from the start of the sampled header.
        inner_header_offset: u32 [bytes],
    }
}

structure! {
    /// Offset of the inner packet that was received before encapsulation.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedDecapsulateIngress: "extended_decapsulate_ingress" {
        /// Offset from the start of the sampled header.
        inner_header_offset: u32 [bytes],
    }
}

structure! {
    /// The virtual network that a packet is sent to.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedVniEgress: "extended_vni_egress" {
        /// VXLAN uses 24 bits of it.
        vni: u32,
    }
}

structure! {
    /// The virtual network that a packet came from.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedVniIngress: "extended_vni_ingress" {
        vni: u32,
    }
}
