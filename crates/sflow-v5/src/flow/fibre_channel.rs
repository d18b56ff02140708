//! Fibre Channel.

use crate::structure;

structure! {
    /// The route of a Fibre Channel frame.
    ///
    /// Source: structure registry.
    pub struct ExtendedFc: "extended_fc" {
        /// Mask of the source, `t11FcRouteSrcMask`.
        src_mask_len: u32,
        dst_mask_len: u32,
        /// Address of 24 bits.
        next_hop: u32,
        /// Bit 31: type of the route; bits 30 to 24: protocol; the rest: metric.
        metric: u32,
    }
}
