//! Open vSwitch datapaths.

use crate::structure;
use crate::types::{Counter32, Gauge32};

structure! {
    /// The flow cache of an Open vSwitch datapath.
    ///
    /// Source: structure registry; Open vSwitch.
    pub struct OvsDpStats: "ovs_dp_stats" {
        hits: Counter32 [packets],
        misses: Counter32 [packets],
        lost: Counter32 [packets],
        mask_hits: Counter32 [lookups],
        flows: Gauge32,
        masks: Gauge32,
    }
}
