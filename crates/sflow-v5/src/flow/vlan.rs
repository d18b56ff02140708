//! VLAN tags of a packet as it came in and as it went out.

use crate::structure;
use crate::types::{List, VlanTag};

structure! {
    /// VLAN tags of a packet as received.
    ///
    /// Source: structure registry.
    pub struct ExtendedVlanin<'a>: "extended_vlanin" {
        /// Outermost first.
        stack: List<'a, VlanTag>,
    }
}

structure! {
    /// VLAN tags of a packet as sent.
    ///
    /// Source: structure registry.
    pub struct ExtendedVlanout<'a>: "extended_vlanout" {
        /// Outermost first.
        stack: List<'a, VlanTag>,
    }
}
