//! sFlow Tunnel Structures: headers that are put around a packet, or were.
//!
//! An egress structure says what will be added behind the sampling point, an ingress structure
//! what was removed before it. A sample may have several of one kind: tunnels inside each other.

use crate::types::{Ipv4Address, Ipv6Address};
use crate::{Mac, structure};

structure! {
    /// The Ethernet header that is put around a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedL2TunnelEgress: "extended_L2_tunnel_egress" {
        /// Of the frame, with its check sequence; 0 if unknown.
        length: u32 [bytes],
        src_mac: Mac,
        dst_mac: Mac,
        /// EtherType.
        kind as type: u32,
    }
}

structure! {
    /// The Ethernet header that was around a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedL2TunnelIngress: "extended_L2_tunnel_ingress" {
        /// Of the frame, with its check sequence; 0 if unknown.
        length: u32 [bytes],
        src_mac: Mac,
        dst_mac: Mac,
        /// EtherType.
        kind as type: u32,
    }
}

structure! {
    /// The IPv4 header that is put around a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv4TunnelEgress: "extended_ipv4_tunnel_egress" {
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
    /// The IPv4 header that was around a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv4TunnelIngress: "extended_ipv4_tunnel_ingress" {
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
    /// The IPv6 header that is put around a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv6TunnelEgress: "extended_ipv6_tunnel_egress" {
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
    /// The IPv6 header that was around a packet.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedIpv6TunnelIngress: "extended_ipv6_tunnel_ingress" {
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
    /// Where the packet begins that goes on alone, inside the sampled one.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedDecapsulateEgress: "extended_decapsulate_egress" {
        /// From the start of the sampled header.
        inner_header_offset: u32 [bytes],
    }
}

structure! {
    /// Where the packet begins that came alone, inside the sampled one.
    ///
    /// Source: sFlow Tunnel Structures.
    pub struct ExtendedDecapsulateIngress: "extended_decapsulate_ingress" {
        /// From the start of the sampled header.
        inner_header_offset: u32 [bytes],
    }
}

structure! {
    /// The virtual network that a packet goes to.
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
