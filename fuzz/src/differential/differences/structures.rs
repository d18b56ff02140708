//! Structures that a peer does not read or misreads.

use crate::differential::Peer::{self, FlowparserSflow, SflowParser};

/// How a peer reads a structure.
#[derive(Clone, Copy, Debug)]
pub(in crate::differential) enum Reading {
    /// As bytes.
    Raw,
    /// Only the first fields.
    First,
    /// Wrongly, or the peer rejects the datagram.
    Wrong,
}

/// Structures that a peer does not read or misreads.
pub(super) const READINGS: &[(Peer, Reading, &str, &[&str])] = &[
    (
        SflowParser,
        Reading::Raw,
        "sflow-parser does not know these structures",
        &[
            "extended_timestamp",
            "pfc",
            "vdi",
            "pmacct_class_old",
            "pmacct_tag",
            "pmacct_class",
            "rtmetric",
            "rtflow",
        ],
    ),
    (
        SflowParser,
        Reading::Wrong,
        "sflow-parser reads a MAC address without its padding",
        &[
            "sampled_ethernet",
            "extended_L2_tunnel_egress",
            "extended_L2_tunnel_ingress",
            "lag_port_stats",
        ],
    ),
    (
        SflowParser,
        Reading::Wrong,
        "sflow-parser reads three numbers after the name",
        &["extended_mpls_vc"],
    ),
    (
        SflowParser,
        Reading::Wrong,
        "sflow-parser reads an address instead of the name",
        &["extended_mpls_FTN"],
    ),
    (
        SflowParser,
        Reading::Wrong,
        "sflow-parser reads the fields of the following structure",
        &["http_request_deprecated"],
    ),
    (
        SflowParser,
        Reading::First,
        "sflow-parser omits the appended fields",
        &["host_cpu"],
    ),
    (
        FlowparserSflow,
        Reading::Raw,
        "flowparser-sflow does not know these structures",
        &[
            "extended_80211_aggregation",
            "extended_openflow_v1",
            "extended_fc",
            "extended_queue_length",
            "extended_vlanin",
            "extended_vlanout",
            "transaction",
            "extended_nfs_storage_transaction",
            "extended_scsi_storage_transaction",
            "extended_http_transaction",
            "http_request_deprecated",
            "extended_nav_timing",
            "bst_egress_queue",
            "pmacct_class_old",
            "pmacct_tag",
            "pmacct_class",
            "memcached_counters",
            "pfc",
            "vdi",
            "rtmetric",
            "rtflow",
        ],
    ),
    (
        FlowparserSflow,
        Reading::First,
        "flowparser-sflow omits the last fields",
        &[
            "extended_gateway",
            "extended_ib_grh",
            "extended_ib_bth",
            "host_cpu",
        ],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads a MAC address without its padding",
        &["extended_80211_rx", "extended_80211_tx"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads one text instead of three",
        &["app_operation", "app_parent_context"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads fields that do not exist",
        &[
            "app_operations",
            "ib_counters",
            "mib2_icmp_group",
            "vg_counters",
        ],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads the number of lanes as the length of the list",
        &["sfp"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow skips a field",
        &["lag_port_stats"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads eight queues without their number",
        &["bst_port_buffers"],
    ),
];

/// How a peer misreads a structure, and the reason; `None` if it reads it correctly.
pub(in crate::differential) fn reading(peer: Peer, name: &str) -> Option<(&'static str, Reading)> {
    READINGS
        .iter()
        .find(|(of, .., names)| *of == peer && names.contains(&name))
        .map(|(_, reading, why, _)| (*why, *reading))
}
