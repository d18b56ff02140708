//! sFlow Broadcom Buffer Utilization Structures.

use crate::structure;

structure! {
    /// The queue that was chosen for a packet, as
    /// [`ExtendedEgressQueue`](super::ExtendedEgressQueue) says it today.
    ///
    /// Source: sFlow Broadcom Buffer Utilization Structures.
    pub struct BstEgressQueue: "bst_egress_queue" {
        /// Number of the queue at the output port.
        queue: u32,
    }
}
