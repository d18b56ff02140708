//! OpenFlow, as a draft that was never final had it.

use crate::structure;

structure! {
    /// The OpenFlow entry that matched a packet. Deprecated.
    ///
    /// Source: draft of sFlow OpenFlow Structures.
    pub struct ExtendedOpenflowV1: "extended_openflow_v1" {
        flow_cookie: u64,
        /// Fields that the entry ignores, as a bit field.
        flow_match: u32,
        /// Bit field.
        flow_actions: u32,
    }
}
