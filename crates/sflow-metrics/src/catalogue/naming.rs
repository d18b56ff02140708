//! Public names of what stands in counter records.

use crate::entity::EntityKind;

/// How the numbers of one structure are called.
pub(super) struct Naming {
    /// The structure, by the specification's name.
    pub(super) structure: &'static str,
    /// What has it.
    pub(super) kind: EntityKind,
    /// The start of the specification's field names that is left out.
    pub(super) strip: &'static str,
    /// What stands there instead; the rest is in lower case.
    pub(super) prefix: &'static str,
    /// Fields whose public name follows no rule.
    pub(super) exceptions: &'static [(&'static str, &'static str)],
}

impl Naming {
    pub(super) fn of(structure: &str) -> Option<&'static Self> {
        NAMINGS.iter().find(|naming| naming.structure == structure)
    }

    /// The public name of a field.
    pub(super) fn name(&self, field: &str) -> String {
        match self
            .exceptions
            .iter()
            .find(|(exception, _)| *exception == field)
        {
            Some((_, name)) => (*name).to_owned(),
            None => {
                let rest = field.strip_prefix(self.strip).unwrap_or(field);
                format!("{}{}", self.prefix, rest.to_ascii_lowercase())
            }
        }
    }
}

const fn named(structure: &'static str, kind: EntityKind, prefix: &'static str) -> Naming {
    Naming {
        structure,
        kind,
        strip: "",
        prefix,
        exceptions: &[],
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
];
