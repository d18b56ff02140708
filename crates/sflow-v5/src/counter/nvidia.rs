//! sFlow NVML GPU Structures.

use crate::structure;
use crate::types::{Counter32, Gauge32, Gauge64};

structure! {
    /// GPUs of a host or of a container.
    ///
    /// Source: sFlow NVML GPU Structures.
    pub struct NvidiaGpu: "nvidia_gpu" {
        device_count: Gauge32,
        /// Processes with a compute context.
        processes: Gauge32,
        /// Busy time, summed over all GPUs.
        gpu_time: Counter32 [ms],
        /// Busy time of memory, summed over all GPUs.
        mem_time: Counter32 [ms],
        /// Sum over all GPUs.
        mem_total: Gauge64 [bytes],
        /// Sum over all GPUs.
        mem_free: Gauge64 [bytes],
        /// Memory errors since the driver was loaded, summed over all GPUs.
        ecc_errors: Counter32,
        /// Sum over all GPUs.
        energy: Counter32 [mJ],
        /// Maximum of all GPUs.
        temperature: Gauge32 [C],
        /// Maximum of all GPUs.
        fan_speed: Gauge32 [%],
    }
}
