//! sFlow Transit Delay Structures.

use crate::structure;

structure! {
    /// How long a packet was under way inside the switch.
    ///
    /// Source: sFlow Transit Delay Structures.
    pub struct ExtendedTransit: "extended_transit" {
        /// 2^32 − 1 is that or longer.
        delay: u32 [ns],
    }
}

structure! {
    /// How full the queue was that a packet was put into; stands beside
    /// [`ExtendedEgressQueue`](super::ExtendedEgressQueue).
    ///
    /// Source: sFlow Transit Delay Structures.
    pub struct ExtendedQueue: "extended_queue" {
        /// Already in the queue.
        depth: u32 [bytes],
    }
}
