//! sFlow Version 5: counters of interfaces.

use crate::enums::IfDirection;
use crate::structure;
use crate::types::{Counter32, Counter64, Gauge32, Gauge64, Percentage};

structure! {
    /// Counters of an interface.
    ///
    /// Source: sFlow Version 5, `if_counters`.
    pub struct IfCounters: "if_counters" {
        if_index as ifIndex: u32,
        /// `IANAifType`; 6 is Ethernet.
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

structure! {
    /// Errors of a token ring interface.
    ///
    /// Source: sFlow Version 5.
    pub struct TokenringCounters: "tokenring_counters" {
        dot5_stats_line_errors as dot5StatsLineErrors: Counter32,
        dot5_stats_burst_errors as dot5StatsBurstErrors: Counter32,
        dot5_stats_ac_errors as dot5StatsACErrors: Counter32,
        dot5_stats_abort_trans_errors as dot5StatsAbortTransErrors: Counter32,
        dot5_stats_internal_errors as dot5StatsInternalErrors: Counter32,
        dot5_stats_lost_frame_errors as dot5StatsLostFrameErrors: Counter32,
        dot5_stats_receive_congestions as dot5StatsReceiveCongestions: Counter32,
        dot5_stats_frame_copied_errors as dot5StatsFrameCopiedErrors: Counter32,
        dot5_stats_token_errors as dot5StatsTokenErrors: Counter32,
        dot5_stats_soft_errors as dot5StatsSoftErrors: Counter32,
        dot5_stats_hard_errors as dot5StatsHardErrors: Counter32,
        dot5_stats_signal_loss as dot5StatsSignalLoss: Counter32,
        dot5_stats_transmit_beacons as dot5StatsTransmitBeacons: Counter32,
        dot5_stats_recoverys as dot5StatsRecoverys: Counter32,
        dot5_stats_lobe_wires as dot5StatsLobeWires: Counter32,
        dot5_stats_removes as dot5StatsRemoves: Counter32,
        dot5_stats_singles as dot5StatsSingles: Counter32,
        dot5_stats_freq_errors as dot5StatsFreqErrors: Counter32,
    }
}

structure! {
    /// Counters of a 100VG-AnyLAN interface.
    ///
    /// Source: sFlow Version 5.
    pub struct VgCounters: "vg_counters" {
        dot12_in_high_priority_frames as dot12InHighPriorityFrames: Counter32 [frames],
        dot12_in_high_priority_octets as dot12InHighPriorityOctets: Counter64 [bytes],
        dot12_in_norm_priority_frames as dot12InNormPriorityFrames: Counter32 [frames],
        dot12_in_norm_priority_octets as dot12InNormPriorityOctets: Counter64 [bytes],
        dot12_in_ipm_errors as dot12InIPMErrors: Counter32,
        dot12_in_oversize_frame_errors as dot12InOversizeFrameErrors: Counter32,
        dot12_in_data_errors as dot12InDataErrors: Counter32,
        dot12_in_null_addressed_frames as dot12InNullAddressedFrames: Counter32 [frames],
        dot12_out_high_priority_frames as dot12OutHighPriorityFrames: Counter32 [frames],
        dot12_out_high_priority_octets as dot12OutHighPriorityOctets: Counter64 [bytes],
        dot12_transition_into_trainings as dot12TransitionIntoTrainings: Counter32,
        dot12_hc_in_high_priority_octets as dot12HCInHighPriorityOctets: Counter64 [bytes],
        dot12_hc_in_norm_priority_octets as dot12HCInNormPriorityOctets: Counter64 [bytes],
        dot12_hc_out_high_priority_octets as dot12HCOutHighPriorityOctets: Counter64 [bytes],
    }
}

structure! {
    /// Counters of a VLAN.
    ///
    /// Source: sFlow Version 5.
    pub struct VlanCounters: "vlan_counters" {
        vlan_id: u32,
        octets: Counter64 [bytes],
        ucast_pkts as ucastPkts: Counter32 [packets],
        multicast_pkts as multicastPkts: Counter32 [packets],
        broadcast_pkts as broadcastPkts: Counter32 [packets],
        discards: Counter32 [packets],
    }
}

structure! {
    /// Load and memory of a switch or router.
    ///
    /// Source: sFlow Version 5.
    pub struct Processor: "processor" {
        /// Processor utilisation over five seconds.
        cpu_5s: Percentage [0.01 %],
        /// Processor utilisation over one minute.
        cpu_1m: Percentage [0.01 %],
        /// Processor utilisation over five minutes.
        cpu_5m: Percentage [0.01 %],
        total_memory: Gauge64 [bytes],
        free_memory: Gauge64 [bytes],
    }
}
