//! sFlow Broadcom Buffer Utilization Structures.

use crate::structure;

structure! {
    /// The queue that was chosen for a packet. Superseded by
    /// [`ExtendedEgressQueue`](super::ExtendedEgressQueue).
    ///
    /// Source: sFlow Broadcom Buffer Utilization Structures.
    pub struct BstEgressQueue: "bst_egress_queue" {
        /// Number of the queue at the output port.
        queue: u32,
    }
}
