//! Metrics that are computed from others.

use crate::entity::EntityKind::{self, Container, Host, Interface, Other};

/// `scale × top ÷ bottom`, each a sum of raw metrics by name.
///
/// A term with `?` is skipped if it is unknown, but at least one term must be known. Any other
/// unknown term makes the value unknown. An empty `bottom` is 1.
pub(super) struct Derived {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: EntityKind,
    pub(super) scale: f64,
    pub(super) top: &'static str,
    pub(super) bottom: &'static str,
}

/// The raw metric of a container with a value of its host.
pub(super) const HOST_PROCESSORS: &str = "vir_host_cpu_num";

/// The raw metric that formulas use only if it is plausible.
pub(super) const SPEED: &str = "ifspeed";

/// The time of all processors. Guest time is part of user time.
const CPU_TOTAL: &str = "cpu_idle_time + cpu_user_time + cpu_system_time + cpu_nice_time? \
                         + cpu_wio_time? + cpu_intr_time? + cpu_sintr_time? + cpu_steal_time?";

const fn derived(
    kind: EntityKind,
    name: &'static str,
    unit: &'static str,
    scale: f64,
    top: &'static str,
    bottom: &'static str,
) -> Derived {
    Derived {
        name,
        unit,
        kind,
        scale,
        top,
        bottom,
    }
}

const fn share_of_cpu(name: &'static str, top: &'static str) -> Derived {
    derived(Host, name, "%", 100.0, top, CPU_TOTAL)
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
    derived(
        Host,
        "mem_used",
        "bytes",
        1.0,
        "mem_total - mem_free - mem_buffers - mem_cached",
        "",
    ),
    derived(
        Host,
        "mem_utilization",
        "%",
        100.0,
        "mem_total - mem_free - mem_buffers - mem_cached",
        "mem_total",
    ),
    derived(
        Host,
        "swap_utilization",
        "%",
        100.0,
        "swap_total - swap_free",
        "swap_total",
    ),
    derived(
        Host,
        "disk_utilization",
        "%",
        100.0,
        "disk_total - disk_free",
        "disk_total",
    ),
    derived(Host, "disk_read_latency", "ms", 1.0, "read_time", "reads"),
    derived(
        Host,
        "disk_write_latency",
        "ms",
        1.0,
        "write_time",
        "writes",
    ),
    derived(
        Container,
        "vir_cpu_utilization",
        "%",
        0.1,
        "vir_cpu_time",
        "",
    ),
    derived(
        Container,
        "vir_cpu_cores",
        "cores",
        0.001,
        "vir_cpu_time",
        "",
    ),
    derived(
        Container,
        "vir_cpu_limit_utilization",
        "%",
        0.1,
        "vir_cpu_time",
        "vir_cpu_num",
    ),
    derived(
        Container,
        "vir_cpu_host_utilization",
        "%",
        0.1,
        "vir_cpu_time",
        HOST_PROCESSORS,
    ),
    derived(
        Container,
        "vir_mem_utilization",
        "%",
        100.0,
        "vir_mem_used",
        "vir_mem_total",
    ),
    derived(
        Interface,
        "ifinutilization",
        "%",
        800.0,
        "ifinoctets",
        SPEED,
    ),
    derived(
        Interface,
        "ifoututilization",
        "%",
        800.0,
        "ifoutoctets",
        SPEED,
    ),
    derived(
        Interface,
        "ifinpkts",
        "packets/s",
        1.0,
        "ifinucastpkts? + ifinmulticastpkts? + ifinbroadcastpkts?",
        "",
    ),
    derived(
        Interface,
        "ifoutpkts",
        "packets/s",
        1.0,
        "ifoutucastpkts? + ifoutmulticastpkts? + ifoutbroadcastpkts?",
        "",
    ),
    derived(
        Other,
        "ovs_dp_missrate",
        "%",
        100.0,
        "ovs_dp_misses",
        "ovs_dp_hits + ovs_dp_misses",
    ),
    derived(
        Other,
        "nvml_gpu_utilization",
        "%",
        0.1,
        "nvml_gputime",
        "nvml_device_count",
    ),
    derived(
        Other,
        "nvml_mem_utilization",
        "%",
        100.0,
        "nvml_mem_total - nvml_mem_free",
        "nvml_mem_total",
    ),
    derived(Other, "nvml_power", "W", 0.001, "nvml_energy", ""),
    derived(
        Container,
        "vir_nvml_gputime",
        "ms/s",
        1.0,
        "nvml_gputime",
        "",
    ),
    derived(
        Other,
        "radio_utilization",
        "%",
        100.0,
        "radio_on_channel_busy_time",
        "radio_on_channel_time",
    ),
    derived(
        Other,
        "processor_mem_utilization",
        "%",
        100.0,
        "processor_total_memory - processor_free_memory",
        "processor_total_memory",
    ),
    derived(
        Other,
        "jvm_heap_utilization",
        "%",
        100.0,
        "jvm_heap_used",
        "jvm_heap_max",
    ),
    derived(
        Other,
        "http_requests",
        "requests/s",
        1.0,
        "http_method_get_count? + http_method_post_count? + http_method_head_count? \
         + http_method_put_count? + http_method_delete_count? + http_method_option_count? \
         + http_method_trace_count? + http_method_connect_count? + http_method_other_count?",
        "",
    ),
    derived(
        Other,
        "http_server_errors",
        "%",
        100.0,
        "http_status_5xx_count",
        "http_status_1xx_count? + http_status_2xx_count + http_status_3xx_count? \
         + http_status_4xx_count? + http_status_5xx_count + http_status_other_count?",
    ),
    derived(
        Other,
        "app_requests",
        "operations/s",
        1.0,
        "app_success? + app_other? + app_timeout? + app_internal_error? + app_bad_request? \
         + app_forbidden? + app_too_large? + app_not_implemented? + app_not_found? \
         + app_unavailable? + app_unauthorized?",
        "",
    ),
    derived(
        Other,
        "memcache_hit_rate",
        "%",
        100.0,
        "memcache_get_hits",
        "memcache_get_hits + memcache_get_misses",
    ),
];
