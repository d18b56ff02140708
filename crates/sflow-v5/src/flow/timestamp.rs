//! Timestamps of sampled packets.

use crate::structure;

structure! {
    /// When a packet was seen.
    ///
    /// Source: structure registry; Host sFlow.
    pub struct ExtendedTimestamp: "extended_timestamp" {
        /// UTC, since 1970-01-01.
        nanoseconds: u64 [ns],
    }
}
