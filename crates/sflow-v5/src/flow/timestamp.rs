//! Timestamps of sampled packets.

use crate::structure;

structure! {
    /// The time at which a packet was sampled.
    ///
    /// Source: structure registry; Host sFlow.
    pub struct ExtendedTimestamp: "extended_timestamp" {
        /// Time since 1970-01-01 00:00 UTC.
        nanoseconds: u64 [ns],
    }
}
