//! sFlow Host Structures: physical hosts, and the identity of hosts, virtual machines and containers.

use crate::enums::{DataSourceKind, MachineType, OsName};
use crate::types::{
    Counter32, Counter64, Gauge32, Gauge64, GaugeF32, List, Percentage, Text, Uuid,
};
use crate::{Mac, structure};

structure! {
    /// Name and identity of a host, virtual machine or container.
    ///
    /// Source: sFlow Host Structures, `host_descr`, with the errata: the UUID is sixteen bare bytes.
    pub struct HostDescr<'a>: "host_descr" {
        /// Host name; the name of a container. May exceed the 64 bytes of the specification.
        hostname: Text<'a>,
        /// All zero if unknown.
        uuid: Uuid,
        machine_type: MachineType,
        os_name: OsName,
        /// Such as the kernel version.
        os_release: Text<'a>,
    }
}

structure! {
    /// The network adapters of a host, virtual machine or container.
    ///
    /// Source: sFlow Host Structures.
    pub struct HostAdapters<'a>: "host_adapters" {
        /// The adapters; may be empty.
        adapters: List<'a, Adapter<'a>>,
    }
}

structure! {
    /// One network adapter.
    ///
    /// Source: sFlow Host Structures, `host_adapter`.
    pub struct Adapter<'a>: "host_adapter" {
        /// Index of the interface; 0 if unknown, for example inside a virtual machine.
        if_index as ifIndex: u32,
        mac_address: List<'a, Mac>,
    }
}

structure! {
    /// The parent data source of a virtual machine, container or application.
    ///
    /// Source: sFlow Host Structures.
    pub struct HostParent: "host_parent" {
        container_type: DataSourceKind,
        /// Index of the parent data source.
        container_index: u32,
    }
}

structure! {
    /// Load and processor time of a physical host.
    ///
    /// Source: sFlow Host Structures.
    pub struct HostCpu: "host_cpu" {
        /// Load average over a minute.
        load_one: GaugeF32,
        /// Load average over five minutes.
        load_five: GaugeF32,
        /// Load average over fifteen minutes.
        load_fifteen: GaugeF32,
        /// Number of running processes.
        proc_run: Gauge32,
        /// Number of processes.
        proc_total: Gauge32,
        /// Number of processors.
        cpu_num: Gauge32,
        cpu_speed: Gauge32 [MHz],
        /// Time since boot.
        uptime: Gauge32 [s],
        /// Sum over all processors, as all times of this structure; includes `cpu_guest`.
        cpu_user: Counter32 [ms],
        /// Includes `cpu_guest_nice`.
        cpu_nice: Counter32 [ms],
        cpu_system: Counter32 [ms],
        cpu_idle: Counter32 [ms],
        cpu_wio: Counter32 [ms],
        cpu_intr: Counter32 [ms],
        cpu_sintr: Counter32 [ms],
        interrupts: Counter32,
        contexts: Counter32,
        /// Added in December 2014.
        cpu_steal: Option<Counter32> [ms],
        /// Added in December 2014.
        cpu_guest: Option<Counter32> [ms],
        /// Added in December 2014.
        cpu_guest_nice: Option<Counter32> [ms],
    }
}

structure! {
    /// Memory of a physical host.
    ///
    /// Source: sFlow Host Structures.
    pub struct HostMemory: "host_memory" {
        mem_total: Gauge64 [bytes],
        mem_free: Gauge64 [bytes],
        mem_shared: Gauge64 [bytes],
        mem_buffers: Gauge64 [bytes],
        mem_cached: Gauge64 [bytes],
        swap_total: Gauge64 [bytes],
        swap_free: Gauge64 [bytes],
        page_in: Counter32 [pages],
        page_out: Counter32 [pages],
        swap_in: Counter32 [pages],
        swap_out: Counter32 [pages],
    }
}

structure! {
    /// Disks of a physical host, summed.
    ///
    /// Source: sFlow Host Structures.
    pub struct HostDiskIo: "host_disk_io" {
        /// Sum of all partitions.
        disk_total: Gauge64 [bytes],
        disk_free: Gauge64 [bytes],
        /// Utilisation of the fullest partition.
        part_max_used: Percentage [0.01 %],
        reads: Counter32 [operations],
        bytes_read: Counter64 [bytes],
        read_time: Counter32 [ms],
        writes: Counter32 [operations],
        bytes_written: Counter64 [bytes],
        write_time: Counter32 [ms],
    }
}

structure! {
    /// Network traffic of a physical host, summed over all interfaces.
    ///
    /// Source: sFlow Host Structures.
    pub struct HostNetIo: "host_net_io" {
        bytes_in: Counter64 [bytes],
        pkts_in: Counter32 [packets],
        errs_in: Counter32 [packets],
        drops_in: Counter32 [packets],
        bytes_out: Counter64 [bytes],
        pkts_out: Counter32 [packets],
        errs_out: Counter32 [packets],
        drops_out: Counter32 [packets],
    }
}
