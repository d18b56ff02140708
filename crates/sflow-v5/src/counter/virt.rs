//! sFlow Host Structures: virtual machines and containers.

use crate::enums::DomainState;
use crate::structure;
use crate::types::{Counter32, Counter64, Gauge32, Gauge64};

structure! {
    /// What a physical host has to give to virtual machines and containers.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtNode: "virt_node" {
        mhz: Gauge32 [MHz],
        /// Active processors.
        cpus: Gauge32,
        memory: Gauge64 [bytes],
        memory_free: Gauge64 [bytes],
        /// Virtual machines or containers that run.
        num_domains: Gauge32,
    }
}

structure! {
    /// Processor time of a virtual machine or container.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtCpu: "virt_cpu" {
        state: DomainState,
        /// Summed over virtual processors. A last sample after a stop may say 0.
        cpu_time as cpuTime: Counter32 [ms],
        /// 0 for a container without a limit: do not divide by it unseen.
        nr_virt_cpu as nrVirtCpu: Gauge32,
    }
}

structure! {
    /// Memory of a virtual machine or container.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtMemory: "virt_memory" {
        /// Used, which for containers includes the page cache.
        memory: Gauge64 [bytes],
        /// Without a limit: the memory of the host, a huge number, or all ones.
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
        /// Free. (The errata call it `physical`; all implementations send what is free.)
        available: Gauge64 [bytes],
        rd_req: Counter32 [operations],
        rd_bytes: Counter64 [bytes],
        wr_req: Counter32 [operations],
        wr_bytes: Counter64 [bytes],
        errs: Counter32,
    }
}

structure! {
    /// Network traffic of a virtual machine or container, from its own point of view.
    ///
    /// Source: sFlow Host Structures.
    pub struct VirtNetIo: "virt_net_io" {
        /// Zero for ever from agents that cannot see it.
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
