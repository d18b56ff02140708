//! Queues of a port.

use crate::structure;
use crate::types::Counter32;

structure! {
    /// Length of one queue of a port when packets were added to it: a histogram with upper bounds
    /// in segments, inclusive. One record per queue.
    ///
    /// Source: structure registry.
    pub struct QueueLength: "queue_length" {
        /// Constant within the port.
        queue_index as queueIndex: u32,
        segment_size as segmentSize: u32 [bytes],
        queue_segments as queueSegments: u32,
        queue_length0 as queueLength0: Counter32 [packets],
        queue_length1 as queueLength1: Counter32 [packets],
        queue_length2 as queueLength2: Counter32 [packets],
        queue_length4 as queueLength4: Counter32 [packets],
        queue_length8 as queueLength8: Counter32 [packets],
        queue_length32 as queueLength32: Counter32 [packets],
        queue_length128 as queueLength128: Counter32 [packets],
        queue_length1024 as queueLength1024: Counter32 [packets],
        queue_length_more as queueLengthMore: Counter32 [packets],
        dropped: Counter32 [packets],
    }
}
