//! sFlow OpenFlow Structures: identity of a port.

use crate::structure;
use crate::types::Text;

structure! {
    /// The OpenFlow identity of a port.
    ///
    /// Source: sFlow OpenFlow Structures.
    pub struct OfPort: "of_port" {
        datapath_id: u64,
        /// OpenFlow 1.1 or later; 0xfffffffe is the local port.
        port_no: u32,
    }
}

structure! {
    /// The name of a port or interface.
    ///
    /// Source: sFlow OpenFlow Structures.
    pub struct PortName<'a>: "port_name" {
        name: Text<'a>,
    }
}
