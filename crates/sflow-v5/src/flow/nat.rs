//! sFlow Port NAT Structures.

use crate::structure;

structure! {
    /// Ports of a packet after translation.
    ///
    /// Source: sFlow Port NAT Structures.
    pub struct ExtendedNatPort: "extended_nat_port" {
        src_port: u32,
        dst_port: u32,
    }
}
