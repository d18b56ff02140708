//! sFlow Transit Delay Structures.

use crate::structure;

structure! {
    /// The transit delay of a packet in the switch.
    ///
    /// Source: sFlow Transit Delay Structures.
    pub struct ExtendedTransit: "extended_transit" {
        /// Delay; 2^32 − 1 also means longer delays.
        delay: u32 [ns],
    }
}

structure! {
    /// The depth of the queue that a packet was added to. Accompanies
    /// [`ExtendedEgressQueue`](super::ExtendedEgressQueue).
    ///
    /// Source: sFlow Transit Delay Structures.
    pub struct ExtendedQueue: "extended_queue" {
        /// Bytes already in the queue.
        depth: u32 [bytes],
    }
}
