//! sFlow Host Structures: the socket of an application, and the ends of a packet on a host.

use crate::enums::DataSourceKind;
use crate::structure;
use crate::types::{Ipv4Address, Ipv6Address};

structure! {
    /// The connection of an application over IPv4.
    ///
    /// Source: sFlow Host Structures.
    pub struct ExtendedSocketIpv4: "extended_socket_ipv4" {
        /// IP protocol: 6 is TCP, 17 is UDP.
        protocol: u32,
        local_ip: Ipv4Address,
        remote_ip: Ipv4Address,
        local_port: u32,
        remote_port: u32,
    }
}

structure! {
    /// The connection of an application over IPv6.
    ///
    /// Source: sFlow Host Structures.
    pub struct ExtendedSocketIpv6: "extended_socket_ipv6" {
        /// IP protocol: 6 is TCP, 17 is UDP.
        protocol: u32,
        local_ip: Ipv6Address,
        remote_ip: Ipv6Address,
        local_port: u32,
        remote_port: u32,
    }
}

structure! {
    /// The data sources of sender and receiver of a packet: containers, pods, services. Zero is an
    /// unknown data source.
    ///
    /// Source: structure registry; Host sFlow.
    pub struct ExtendedEntities: "extended_entities" {
        /// Data source of the sender.
        src_ds_class: DataSourceKind,
        src_ds_index: u32,
        /// Data source of the receiver.
        dst_ds_class: DataSourceKind,
        dst_ds_index: u32,
    }
}
