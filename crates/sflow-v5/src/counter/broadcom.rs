//! sFlow Broadcom Structures: buffers and forwarding tables of a switch.

use crate::structure;
use crate::types::{Gauge32, List, Percentage};

structure! {
    /// Buffers of a switch: the peak since the last report.
    ///
    /// Source: sFlow Broadcom Buffer Utilization Structures.
    pub struct BstDeviceBuffers: "bst_device_buffers" {
        /// Peak of unicast buffers.
        uc_pc: Percentage [0.01 %],
        /// Peak of multicast buffers.
        mc_pc: Percentage [0.01 %],
    }
}

structure! {
    /// Buffers of a port: the peak since the last report.
    ///
    /// Source: sFlow Broadcom Buffer Utilization Structures.
    pub struct BstPortBuffers<'a>: "bst_port_buffers" {
        ingress_uc_pc: Percentage [0.01 %],
        ingress_mc_pc: Percentage [0.01 %],
        egress_uc_pc: Percentage [0.01 %],
        egress_mc_pc: Percentage [0.01 %],
        /// One value per queue.
        egress_queue_uc_pc: List<'a, Percentage> [0.01 %],
        /// One value per queue.
        egress_queue_mc_pc: List<'a, Percentage> [0.01 %],
    }
}

structure! {
    /// Utilisation of the forwarding tables of a switch.
    ///
    /// Source: sFlow Broadcom Structures.
    pub struct HwTables: "hw_tables" {
        host_entries: Gauge32 [entries],
        host_entries_max: Gauge32 [entries],
        ipv4_entries: Gauge32 [entries],
        ipv4_entries_max: Gauge32 [entries],
        ipv6_entries: Gauge32 [entries],
        ipv6_entries_max: Gauge32 [entries],
        ipv4_ipv6_entries: Gauge32 [entries],
        ipv4_ipv6_entries_max: Gauge32 [entries],
        long_ipv6_entries: Gauge32 [entries],
        long_ipv6_entries_max: Gauge32 [entries],
        total_routes: Gauge32 [entries],
        total_routes_max: Gauge32 [entries],
        ecmp_nexthops: Gauge32 [entries],
        ecmp_nexthops_max: Gauge32 [entries],
        mac_entries: Gauge32 [entries],
        mac_entries_max: Gauge32 [entries],
        ipv4_neighbors: Gauge32 [entries],
        ipv6_neighbors: Gauge32 [entries],
        ipv4_routes: Gauge32 [entries],
        ipv6_routes: Gauge32 [entries],
        acl_ingress_entries: Gauge32 [entries],
        acl_ingress_entries_max: Gauge32 [entries],
        acl_ingress_counters: Gauge32 [entries],
        acl_ingress_counters_max: Gauge32 [entries],
        acl_ingress_meters: Gauge32 [entries],
        acl_ingress_meters_max: Gauge32 [entries],
        acl_ingress_slices: Gauge32 [entries],
        acl_ingress_slices_max: Gauge32 [entries],
        acl_egress_entries: Gauge32 [entries],
        acl_egress_entries_max: Gauge32 [entries],
        acl_egress_counters: Gauge32 [entries],
        acl_egress_counters_max: Gauge32 [entries],
        acl_egress_meters: Gauge32 [entries],
        acl_egress_meters_max: Gauge32 [entries],
        acl_egress_slices: Gauge32 [entries],
        acl_egress_slices_max: Gauge32 [entries],
    }
}
