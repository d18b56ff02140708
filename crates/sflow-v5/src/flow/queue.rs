//! Queues of a port.

use crate::structure;

structure! {
    /// How long the queue was that a packet was put into.
    ///
    /// Source: structure registry.
    pub struct ExtendedQueueLength: "extended_queue_length" {
        /// Stays the same within the port.
        queue_index as queueIndex: u32,
        /// In segments, just before.
        queue_length as queueLength: u32,
    }
}
