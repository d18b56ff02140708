//! sFlow 802.11 Structures: counters of a radio.

use crate::structure;
use crate::types::{Counter32, Gauge32};

structure! {
    /// Counters of a wireless interface.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Ieee80211Counters: "ieee80211_counters" {
        dot11_transmitted_fragment_count as dot11TransmittedFragmentCount: Counter32 [frames],
        dot11_multicast_transmitted_frame_count as dot11MulticastTransmittedFrameCount: Counter32 [frames],
        dot11_failed_count as dot11FailedCount: Counter32,
        dot11_retry_count as dot11RetryCount: Counter32,
        dot11_multiple_retry_count as dot11MultipleRetryCount: Counter32,
        dot11_frame_duplicate_count as dot11FrameDuplicateCount: Counter32,
        dot11_rts_success_count as dot11RTSSuccessCount: Counter32,
        dot11_rts_failure_count as dot11RTSFailureCount: Counter32,
        dot11_ack_failure_count as dot11ACKFailureCount: Counter32,
        dot11_received_fragment_count as dot11ReceivedFragmentCount: Counter32 [frames],
        dot11_multicast_received_frame_count as dot11MulticastReceivedFrameCount: Counter32 [frames],
        dot11_fcs_error_count as dot11FCSErrorCount: Counter32,
        dot11_transmitted_frame_count as dot11TransmittedFrameCount: Counter32 [frames],
        dot11_wep_undecryptable_count as dot11WEPUndecryptableCount: Counter32,
        dot11_qo_s_discarded_fragment_count as dot11QoSDiscardedFragmentCount: Counter32 [frames],
        /// Number of associated stations.
        dot11_associated_station_count as dot11AssociatedStationCount: Gauge32,
        dot11_qo_scf_polls_received_count as dot11QoSCFPollsReceivedCount: Counter32,
        dot11_qo_scf_polls_unused_count as dot11QoSCFPollsUnusedCount: Counter32,
        dot11_qo_scf_polls_unusable_count as dot11QoSCFPollsUnusableCount: Counter32,
        dot11_qo_scf_polls_lost_count as dot11QoSCFPollsLostCount: Counter32,
    }
}

structure! {
    /// Utilisation of a radio's channel: busy time relative to time on the channel.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct RadioUtilization: "radio_utilization" {
        elapsed_time: Counter32 [ms],
        on_channel_time: Counter32 [ms],
        on_channel_busy_time: Counter32 [ms],
    }
}
