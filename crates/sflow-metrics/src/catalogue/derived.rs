//! Metrics that are computed from others.

use crate::entity::EntityKind;

/// `scale × top ÷ bottom`, each a sum of raw metrics by name.
///
/// A term that ends in `?` is left out while it is unknown (one at least must be known); any
/// other makes the whole unknown. An empty bottom is one.
pub(super) struct Derived {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: EntityKind,
    pub(super) scale: f64,
    pub(super) top: &'static str,
    pub(super) bottom: &'static str,
}

/// The raw metric that a container takes from its host.
pub(super) const HOST_PROCESSORS: &str = "vir_host_cpu_num";

/// All time of all processors: guest time is part of user time, and not counted twice.
const CPU_TOTAL: &str = "cpu_idle_time + cpu_user_time + cpu_system_time + cpu_nice_time? \
                         + cpu_wio_time? + cpu_intr_time? + cpu_sintr_time? + cpu_steal_time?";

const fn share_of_cpu(name: &'static str, top: &'static str) -> Derived {
    let kind = EntityKind::Host;
    Derived {
        name,
        unit: "%",
        kind,
        scale: 100.0,
        top,
        bottom: CPU_TOTAL,
    }
}

const fn host(
    name: &'static str,
    unit: &'static str,
    scale: f64,
    top: &'static str,
    bottom: &'static str,
) -> Derived {
    Derived {
        name,
        unit,
        kind: EntityKind::Host,
        scale,
        top,
        bottom,
    }
}

const fn container(
    name: &'static str,
    unit: &'static str,
    scale: f64,
    top: &'static str,
    bottom: &'static str,
) -> Derived {
    Derived {
        name,
        unit,
        kind: EntityKind::Container,
        scale,
        top,
        bottom,
    }
}

const fn interface(
    name: &'static str,
    unit: &'static str,
    scale: f64,
    top: &'static str,
    bottom: &'static str,
) -> Derived {
    Derived {
        name,
        unit,
        kind: EntityKind::Interface,
        scale,
        top,
        bottom,
    }
}

pub(super) const DERIVED: &[Derived] = &[
    share_of_cpu(
        "cpu_utilization",
        "cpu_user_time + cpu_system_time + cpu_nice_time? + cpu_wio_time? + cpu_intr_time? \
         + cpu_sintr_time? + cpu_steal_time?",
    ),
    share_of_cpu("cpu_user", "cpu_user_time"),
    share_of_cpu("cpu_nice", "cpu_nice_time"),
    share_of_cpu("cpu_system", "cpu_system_time"),
    share_of_cpu("cpu_idle", "cpu_idle_time"),
    share_of_cpu("cpu_wio", "cpu_wio_time"),
    share_of_cpu("cpu_intr", "cpu_intr_time"),
    share_of_cpu("cpu_sintr", "cpu_sintr_time"),
    share_of_cpu("cpu_steal", "cpu_steal_time"),
    share_of_cpu("cpu_guest", "cpu_guest_time"),
    share_of_cpu("cpu_guest_nice", "cpu_guest_nice_time"),
    host(
        "mem_used",
        "bytes",
        1.0,
        "mem_total - mem_free - mem_buffers - mem_cached",
        "",
    ),
    host(
        "mem_utilization",
        "%",
        100.0,
        "mem_total - mem_free - mem_buffers - mem_cached",
        "mem_total",
    ),
    host(
        "swap_utilization",
        "%",
        100.0,
        "swap_total - swap_free",
        "swap_total",
    ),
    host(
        "disk_utilization",
        "%",
        100.0,
        "disk_total - disk_free",
        "disk_total",
    ),
    host("disk_read_latency", "ms", 1.0, "read_time", "reads"),
    host("disk_write_latency", "ms", 1.0, "write_time", "writes"),
    container("vir_cpu_utilization", "%", 0.1, "vir_cpu_time", ""),
    container("vir_cpu_cores", "cores", 0.001, "vir_cpu_time", ""),
    container(
        "vir_cpu_limit_utilization",
        "%",
        0.1,
        "vir_cpu_time",
        "vir_cpu_num",
    ),
    container(
        "vir_cpu_host_utilization",
        "%",
        0.1,
        "vir_cpu_time",
        HOST_PROCESSORS,
    ),
    container(
        "vir_mem_utilization",
        "%",
        100.0,
        "vir_mem_used",
        "vir_mem_total",
    ),
    interface("ifinutilization", "%", 800.0, "ifinoctets", "ifspeed"),
    interface("ifoututilization", "%", 800.0, "ifoutoctets", "ifspeed"),
    interface(
        "ifinpkts",
        "packets/s",
        1.0,
        "ifinucastpkts? + ifinmulticastpkts? + ifinbroadcastpkts?",
        "",
    ),
    interface(
        "ifoutpkts",
        "packets/s",
        1.0,
        "ifoutucastpkts? + ifoutmulticastpkts? + ifoutbroadcastpkts?",
        "",
    ),
    Derived {
        name: "ovs_dp_missrate",
        unit: "%",
        kind: EntityKind::Other,
        scale: 100.0,
        top: "ovs_dp_misses",
        bottom: "ovs_dp_hits + ovs_dp_misses",
    },
];
