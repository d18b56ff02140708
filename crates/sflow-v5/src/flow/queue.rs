//! Queues of a port.

use crate::structure;

structure! {
    /// The length of the queue when a packet was added to it.
    ///
    /// Source: structure registry.
    pub struct ExtendedQueueLength: "extended_queue_length" {
        /// Constant within the port.
        queue_index as queueIndex: u32,
        /// Length in segments before the packet was added.
        queue_length as queueLength: u32,
    }
}
