//! Virtual desktops.

use crate::structure;
use crate::types::{Counter32, Gauge32};

structure! {
    /// A server of virtual desktops. Known only from one collector; meanings are derived from the
    /// names.
    ///
    /// Source: sflowtool.
    pub struct Vdi: "vdi" {
        sessions_current: Gauge32 [sessions],
        sessions_total: Counter32 [sessions],
        sessions_duration: Counter32 [s],
        rx_bytes: Counter32 [bytes],
        tx_bytes: Counter32 [bytes],
        rx_packets: Counter32 [packets],
        tx_packets: Counter32 [packets],
        rx_packets_lost: Counter32 [packets],
        tx_packets_lost: Counter32 [packets],
        rtt_min_ms: Gauge32 [ms],
        rtt_max_ms: Gauge32 [ms],
        rtt_avg_ms: Gauge32 [ms],
        audio_rx_bytes: Counter32 [bytes],
        audio_tx_bytes: Counter32 [bytes],
        audio_tx_limit: Gauge32,
        img_rx_bytes: Counter32 [bytes],
        img_tx_bytes: Counter32 [bytes],
        img_frames: Counter32,
        img_qual_min: Gauge32,
        img_qual_max: Gauge32,
        img_qual_avg: Gauge32,
        usb_rx_bytes: Counter32 [bytes],
        usb_tx_bytes: Counter32 [bytes],
    }
}
