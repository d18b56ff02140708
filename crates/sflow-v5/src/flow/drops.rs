//! sFlow Dropped Packet Notification Structures, and their additions by Linux: why and where.

use crate::enums::AclDirection;
use crate::structure;
use crate::types::Text;

structure! {
    /// The queue that was chosen for a packet, at the output interface of the sample.
    ///
    /// Source: sFlow Dropped Packet Notification Structures.
    pub struct ExtendedEgressQueue: "extended_egress_queue" {
        /// Number of the queue at the output port.
        queue: u32,
    }
}

structure! {
    /// The access list that dropped a packet.
    ///
    /// Source: sFlow Dropped Packet Notification Structures.
    pub struct ExtendedAcl<'a>: "extended_acl" {
        number: u32,
        name: Text<'a>,
        direction: AclDirection,
    }
}

structure! {
    /// The function that dropped a packet.
    ///
    /// Source: sFlow Dropped Packet Notification Structures.
    pub struct ExtendedFunction<'a>: "extended_function" {
        /// Symbol, such as a function of the kernel.
        symbol: Text<'a>,
    }
}

structure! {
    /// The devlink trap for which the hardware dropped a packet.
    ///
    /// Source: structure registry; Host sFlow.
    pub struct ExtendedHwTrap<'a>: "extended_hw_trap" {
        group: Text<'a>,
        trap: Text<'a>,
    }
}

structure! {
    /// The reason for which the Linux kernel dropped a packet.
    ///
    /// Source: structure registry; Host sFlow.
    pub struct ExtendedLinuxDropReason<'a>: "extended_linux_drop_reason" {
        /// Name of the reason.
        reason: Text<'a>,
    }
}
