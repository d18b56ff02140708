//! sFlow Version 5: the packet, and what forwarded it.

use crate::{HeaderProtocol, Opaque, structure};

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
    /// What a switch knows of a packet. 2^32 − 1 is "unknown"; some agents send 0.
    ///
    /// Source: sFlow Version 5, `extended_switch`, with the errata.
    pub struct ExtendedSwitch: "extended_switch" {
        src_vlan: u32,
        src_priority: u32,
        dst_vlan: u32,
        dst_priority: u32,
    }
}
