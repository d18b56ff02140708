//! Packets that left the fast path of a switch.

use crate::structure;
use crate::types::Counter32;

structure! {
    /// Packets that left the fast path of a switch, by reason.
    ///
    /// Source: structure registry.
    pub struct SlowPathCounts: "slow_path_counts" {
        unknown: Counter32 [packets],
        other: Counter32 [packets],
        cam_miss: Counter32 [packets],
        cam_full: Counter32 [packets],
        no_hw_support: Counter32 [packets],
        cntrl: Counter32 [packets],
    }
}
