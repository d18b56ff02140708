//! sFlow InfiniBand Structures.

use crate::structure;
use crate::types::{Counter32, Counter64};

structure! {
    /// Counters of an InfiniBand port.
    ///
    /// Source: sFlow InfiniBand Structures.
    pub struct IbCounters: "ib_counters" {
        port_xmit_pkts as PortXmitPkts: Counter64 [packets],
        port_rcv_pkts as PortRcvPkts: Counter64 [packets],
        symbol_error_counter as SymbolErrorCounter: Counter32,
        link_error_recovery_counter as LinkErrorRecoveryCounter: Counter32,
        link_downed_counter as LinkDownedCounter: Counter32,
        port_rcv_errors as PortRcvErrors: Counter32,
        port_rcv_remote_physical_errors as PortRcvRemotePhysicalErrors: Counter32,
        port_rcv_switch_relay_errors as PortRcvSwitchRelayErrors: Counter32,
        port_xmit_discards as PortXmitDiscards: Counter32,
        port_xmit_constraint_errors as PortXmitConstraintErrors: Counter32,
        port_rcv_constraint_errors as PortRcvConstraintErrors: Counter32,
        local_link_integrity_errors as LocalLinkIntegrityErrors: Counter32,
        excessive_buffer_overrun_errors as ExcessiveBufferOverrunErrors: Counter32,
        vl15_dropped as VL15Dropped: Counter32,
    }
}
