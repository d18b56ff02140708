//! Priority flow control.

use crate::structure;
use crate::types::Counter32;

structure! {
    /// Priority flow control of one priority of a port.
    ///
    /// Source: Host sFlow and sflowtool.
    pub struct Pfc: "pfc" {
        /// Frames sent.
        requests: Counter32,
        /// Frames received.
        indications: Counter32,
        /// Total pause time.
        pause_duration: Counter32 [us],
        /// Number of watchdog expirations.
        storm_detected: Counter32,
        storm_restored: Counter32,
    }
}
