//! sFlow Host Structures: virtual machines and containers.

use crate::enums::DomainState;
use crate::structure;
use crate::types::{Counter32, Counter64, Gauge32, Gauge64};

structure! {
    /// Resources of a physical host for virtual machines and containers.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtNode: "virt_node" {
        mhz: Gauge32 [MHz],
        /// Number of active processors.
        cpus: Gauge32,
        memory: Gauge64 [bytes],
        memory_free: Gauge64 [bytes],
        /// Number of running virtual machines or containers.
        num_domains: Gauge32,
    }
}

structure! {
    /// Processor time of a virtual machine or container.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtCpu: "virt_cpu" {
        state: DomainState,
        /// Sum over virtual processors. The last sample of a stopped container may contain 0.
        cpu_time as cpuTime: Counter32 [ms],
        /// Number of processors; 0 for a container without a limit.
        nr_virt_cpu as nrVirtCpu: Gauge32,
    }
}

structure! {
    /// Memory of a virtual machine or container.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtMemory: "virt_memory" {
        /// Used memory; includes the page cache for containers.
        memory: Gauge64 [bytes],
        /// Limit. Without a limit it is the memory of the host, a very large number, or all ones.
        max_memory as maxMemory: Gauge64 [bytes],
    }
}

structure! {
    /// Disks of a virtual machine or container.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtDiskIo: "virt_disk_io" {
        /// Logical size.
        capacity: Gauge64 [bytes],
        allocation: Gauge64 [bytes],
        /// Free space. (It is `physical` in the errata, but all implementations send free space.)
        available: Gauge64 [bytes],
        rd_req: Counter32 [operations],
        rd_bytes: Counter64 [bytes],
        wr_req: Counter32 [operations],
        wr_bytes: Counter64 [bytes],
        errs: Counter32,
    }
}

structure! {
    /// Network traffic of a virtual machine or container, as the guest sends and receives it.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtNetIo: "virt_net_io" {
        /// Always 0 from agents that cannot count it.
        rx_bytes: Counter64 [bytes],
        rx_packets: Counter32 [packets],
        rx_errs: Counter32 [packets],
        rx_drop: Counter32 [packets],
        tx_bytes: Counter64 [bytes],
        tx_packets: Counter32 [packets],
        tx_errs: Counter32 [packets],
        tx_drop: Counter32 [packets],
    }
}
