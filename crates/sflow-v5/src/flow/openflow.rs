//! OpenFlow, as a draft that was never final had it.

use crate::structure;

structure! {
    /// The OpenFlow entry that a packet met. Deprecated.
    ///
    /// Source: draft of sFlow OpenFlow Structures.
    pub struct ExtendedOpenflowV1: "extended_openflow_v1" {
        flow_cookie: u64,
        /// Fields that it does not look at, one bit each.
        flow_match: u32,
        /// One bit each.
        flow_actions: u32,
    }
}
