//! sFlow InfiniBand Structures.

use crate::structure;
use crate::types::Ipv6Address;

structure! {
    /// Local route headers of an InfiniBand packet, as received and as sent.
    ///
    /// Source: sFlow InfiniBand Structures.
    pub struct ExtendedIbLrh: "extended_ib_lrh" {
        src_vl: u32,
        src_sl: u32,
        src_dlid: u32,
        src_slid: u32,
        src_lnh: u32,
        dst_vl: u32,
        dst_sl: u32,
        dst_dlid: u32,
        dst_slid: u32,
        dst_lnh: u32,
    }
}

structure! {
    /// Global route header of an InfiniBand packet.
    ///
    /// Source: sFlow InfiniBand Structures.
    pub struct ExtendedIbGrh: "extended_ib_grh" {
        flow_label: u32,
        tc: u32,
        /// GID, formatted like an IPv6 address.
        s_gid: Ipv6Address,
        d_gid: Ipv6Address,
        next_header: u32,
        /// Length of the payload.
        length: u32 [bytes],
    }
}

structure! {
    /// Base transport header of an InfiniBand packet.
    ///
    /// Source: sFlow InfiniBand Structures.
    pub struct ExtendedIbBth: "extended_ib_bth" {
        pkey: u32,
        dst_qp: u32,
        opcode: u32,
    }
}
