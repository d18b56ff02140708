//! sFlow Version 5: counters of interfaces.

use crate::{Counter32, Counter64, Gauge32, Gauge64, IfDirection, structure};

structure! {
    /// Counters of an interface.
    ///
    /// Source: sFlow Version 5, `if_counters`.
    pub struct IfCounters: "if_counters" {
        if_index as ifIndex: u32,
        /// IANAifType; 6 is Ethernet.
        if_type as ifType: u32,
        /// 0 if unknown.
        if_speed as ifSpeed: Gauge64 [bit/s],
        if_direction as ifDirection: IfDirection,
        /// Bit 0: administratively up; bit 1: operationally up.
        if_status as ifStatus: Gauge32,
        if_in_octets as ifInOctets: Counter64 [bytes],
        if_in_ucast_pkts as ifInUcastPkts: Counter32 [packets],
        if_in_multicast_pkts as ifInMulticastPkts: Counter32 [packets],
        if_in_broadcast_pkts as ifInBroadcastPkts: Counter32 [packets],
        if_in_discards as ifInDiscards: Counter32 [packets],
        if_in_errors as ifInErrors: Counter32 [packets],
        if_in_unknown_protos as ifInUnknownProtos: Counter32 [packets],
        if_out_octets as ifOutOctets: Counter64 [bytes],
        if_out_ucast_pkts as ifOutUcastPkts: Counter32 [packets],
        if_out_multicast_pkts as ifOutMulticastPkts: Counter32 [packets],
        if_out_broadcast_pkts as ifOutBroadcastPkts: Counter32 [packets],
        if_out_discards as ifOutDiscards: Counter32 [packets],
        if_out_errors as ifOutErrors: Counter32 [packets],
        /// 1 true, 2 false; some agents send 0 and 1.
        if_promiscuous_mode as ifPromiscuousMode: Gauge32,
    }
}

structure! {
    /// Errors of an Ethernet interface.
    ///
    /// Source: sFlow Version 5, `ethernet_counters`; RFC 2358.
    pub struct EthernetCounters: "ethernet_counters" {
        dot3_stats_alignment_errors as dot3StatsAlignmentErrors: Counter32 [frames],
        dot3_stats_fcs_errors as dot3StatsFCSErrors: Counter32 [frames],
        dot3_stats_single_collision_frames as dot3StatsSingleCollisionFrames: Counter32 [frames],
        dot3_stats_multiple_collision_frames as dot3StatsMultipleCollisionFrames: Counter32 [frames],
        dot3_stats_sqe_test_errors as dot3StatsSQETestErrors: Counter32 [frames],
        dot3_stats_deferred_transmissions as dot3StatsDeferredTransmissions: Counter32 [frames],
        dot3_stats_late_collisions as dot3StatsLateCollisions: Counter32 [frames],
        dot3_stats_excessive_collisions as dot3StatsExcessiveCollisions: Counter32 [frames],
        dot3_stats_internal_mac_transmit_errors as dot3StatsInternalMacTransmitErrors: Counter32 [frames],
        dot3_stats_carrier_sense_errors as dot3StatsCarrierSenseErrors: Counter32 [frames],
        dot3_stats_frame_too_longs as dot3StatsFrameTooLongs: Counter32 [frames],
        dot3_stats_internal_mac_receive_errors as dot3StatsInternalMacReceiveErrors: Counter32 [frames],
        dot3_stats_symbol_errors as dot3StatsSymbolErrors: Counter32 [frames],
    }
}
