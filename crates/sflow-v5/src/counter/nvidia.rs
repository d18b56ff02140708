//! sFlow NVML GPU Structures.

use crate::structure;
use crate::types::{Counter32, Gauge32, Gauge64};

structure! {
    /// GPUs of a host, or of one container.
    ///
    /// Source: sFlow NVML GPU Structures.
    pub struct NvidiaGpu: "nvidia_gpu" {
        device_count: Gauge32,
        /// That compute on them.
        processes: Gauge32,
        /// Time busy, summed over GPUs.
        gpu_time: Counter32 [ms],
        /// Time that memory was busy, summed.
        mem_time: Counter32 [ms],
        /// Summed over GPUs.
        mem_total: Gauge64 [bytes],
        /// Summed over GPUs.
        mem_free: Gauge64 [bytes],
        /// Errors of memory since the driver started, summed.
        ecc_errors: Counter32,
        /// Summed over GPUs.
        energy: Counter32 [mJ],
        /// Of the hottest.
        temperature: Gauge32 [C],
        /// Of the fastest.
        fan_speed: Gauge32 [%],
    }
}
