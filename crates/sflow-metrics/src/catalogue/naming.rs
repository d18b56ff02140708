//! Public names of the fields of counter records.

use super::text::{Span, Text, is_same, starts_with};
use crate::entity::EntityKind;

/// The names of the fields of a structure.
#[derive(Clone, Copy)]
pub(super) struct Naming {
    /// The name of the structure in the specification.
    pub(super) structure: &'static str,
    /// The kind of entity that reports it.
    pub(super) kind: EntityKind,
    /// Prefix of field names in the specification that is removed.
    strip: &'static str,
    /// Prefix of public names; `None` is the name of the structure. The rest is in lower case.
    prefix: Option<&'static str>,
    /// Fields with other public names.
    exceptions: &'static [(&'static str, &'static str)],
}

impl Naming {
    /// The names for a structure.
    pub(super) const fn of(structure: &'static str) -> Self {
        let mut at = 0;
        while at < NAMINGS.len() {
            if is_same(NAMINGS[at].structure, structure) {
                return NAMINGS[at];
            }
            at += 1;
        }
        Self {
            structure,
            kind: EntityKind::Other,
            strip: "",
            prefix: None,
            exceptions: &[],
        }
    }

    /// Writes the public name of a field.
    pub(super) const fn name(&self, field: &str, text: &mut Text) -> Span {
        let mut at = 0;
        while at < self.exceptions.len() {
            let (exception, name) = self.exceptions[at];
            if is_same(exception, field) {
                return text.push([name]);
            }
            at += 1;
        }
        let skipped = if starts_with(field, self.strip) {
            self.strip.len()
        } else {
            0
        };
        match self.prefix {
            Some(prefix) => text.push_name(prefix, field, skipped),
            None => {
                let start = text.start();
                text.push([self.structure, "_"]);
                text.push_name("", field, skipped);
                text.since(start)
            }
        }
    }
}

const fn named(structure: &'static str, kind: EntityKind, prefix: &'static str) -> Naming {
    Naming {
        structure,
        kind,
        strip: "",
        prefix: Some(prefix),
        exceptions: &[],
    }
}

impl Naming {
    const fn without(self, strip: &'static str) -> Self {
        Self { strip, ..self }
    }
}

const NAMINGS: &[Naming] = &[
    named("if_counters", EntityKind::Interface, ""),
    Naming {
        strip: "dot3Stats",
        ..named("ethernet_counters", EntityKind::Interface, "eth_")
    },
    Naming {
        // The public names are those of the percentages.
        exceptions: &[
            ("cpu_user", "cpu_user_time"),
            ("cpu_nice", "cpu_nice_time"),
            ("cpu_system", "cpu_system_time"),
            ("cpu_idle", "cpu_idle_time"),
            ("cpu_wio", "cpu_wio_time"),
            ("cpu_intr", "cpu_intr_time"),
            ("cpu_sintr", "cpu_sintr_time"),
            ("cpu_steal", "cpu_steal_time"),
            ("cpu_guest", "cpu_guest_time"),
            ("cpu_guest_nice", "cpu_guest_nice_time"),
        ],
        ..named("host_cpu", EntityKind::Host, "")
    },
    named("host_memory", EntityKind::Host, ""),
    named("host_disk_io", EntityKind::Host, ""),
    named("host_net_io", EntityKind::Host, ""),
    named("mib2_ip_group", EntityKind::Host, ""),
    named("mib2_icmp_group", EntityKind::Host, ""),
    named("mib2_tcp_group", EntityKind::Host, ""),
    named("mib2_udp_group", EntityKind::Host, ""),
    named("virt_node", EntityKind::Host, "vnode_"),
    Naming {
        exceptions: &[("cpuTime", "vir_cpu_time"), ("nrVirtCpu", "vir_cpu_num")],
        ..named("virt_cpu", EntityKind::Container, "vir_")
    },
    Naming {
        exceptions: &[("memory", "vir_mem_used"), ("maxMemory", "vir_mem_total")],
        ..named("virt_memory", EntityKind::Container, "vir_")
    },
    Naming {
        exceptions: &[
            ("rd_req", "vir_disk_reads"),
            ("rd_bytes", "vir_disk_bytes_read"),
            ("wr_req", "vir_disk_writes"),
            ("wr_bytes", "vir_disk_bytes_written"),
        ],
        ..named("virt_disk_io", EntityKind::Container, "vir_disk_")
    },
    Naming {
        exceptions: &[
            ("rx_bytes", "vir_bytes_in"),
            ("rx_packets", "vir_pkts_in"),
            ("rx_errs", "vir_errs_in"),
            ("rx_drop", "vir_drops_in"),
            ("tx_bytes", "vir_bytes_out"),
            ("tx_packets", "vir_pkts_out"),
            ("tx_errs", "vir_errs_out"),
            ("tx_drop", "vir_drops_out"),
        ],
        ..named("virt_net_io", EntityKind::Container, "vir_")
    },
    Naming {
        exceptions: &[
            ("user_time", "app_usertime"),
            ("system_time", "app_systemtime"),
        ],
        ..named("app_resources", EntityKind::Other, "app_")
    },
    named("ovs_dp_stats", EntityKind::Other, "ovs_dp_"),
    named("tokenring_counters", EntityKind::Interface, "tr_").without("dot5Stats"),
    named("vg_counters", EntityKind::Interface, "vg_").without("dot12"),
    named("vlan_counters", EntityKind::Other, "vlan_"),
    named("ieee80211_counters", EntityKind::Interface, "wifi_").without("dot11"),
    named("lag_port_stats", EntityKind::Interface, "agg_").without("dot3adAggPortStats"),
    named("slow_path_counts", EntityKind::Other, "slow_path_"),
    named("ib_counters", EntityKind::Interface, "ib_"),
    named("sfp", EntityKind::Interface, "opt_").without("module_"),
    named("pfc", EntityKind::Interface, "pfc_"),
    Naming {
        exceptions: &[
            ("cpu_5s", "cpu_5sec"),
            ("cpu_1m", "cpu_1min"),
            ("cpu_5m", "cpu_5min"),
        ],
        ..named("processor", EntityKind::Other, "processor_")
    },
    named("radio_utilization", EntityKind::Other, "radio_"),
    named("queue_length", EntityKind::Interface, "queue_").without("queue"),
    named("jvm_statistics", EntityKind::Other, "jvm_"),
    named("memcached_counters", EntityKind::Other, "memcached_"),
    named("memcache_counters", EntityKind::Other, "memcache_"),
    named("http_counters", EntityKind::Other, "http_"),
    named("app_operations", EntityKind::Other, "app_"),
    named("app_workers", EntityKind::Other, "app_"),
    named("bst_device_buffers", EntityKind::Other, "bst_"),
    named("bst_port_buffers", EntityKind::Interface, "bst_"),
    named("hw_tables", EntityKind::Other, "hw_"),
    Naming {
        exceptions: &[("gpu_time", "nvml_gputime"), ("mem_time", "nvml_memtime")],
        ..named("nvidia_gpu", EntityKind::Other, "nvml_")
    },
];
