//! Structures that a peer does not read, or reads in another way.

use crate::differential::peers::Peer::{self, FlowparserSflow, SflowParser};

/// How a peer reads a structure.
#[derive(Clone, Copy, Debug)]
pub(in crate::differential) enum Reading {
    /// Not at all: it keeps the bytes.
    Raw,
    /// Its first fields only.
    First,
    /// With the length of the bytes at this place as a field of its own.
    LengthAt(usize),
    /// With the length of each part of a path as a field of its own.
    PathLengths,
    /// Wrongly, or it refuses the datagram for it.
    Wrong,
}

/// Structures that a peer reads in another way.
pub(super) const READINGS: &[(Peer, Reading, &str, &[&str])] = &[
    (
        SflowParser,
        Reading::Raw,
        "sflow-parser does not know these",
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
        "sflow-parser reads three numbers behind the name",
        &["extended_mpls_vc"],
    ),
    (
        SflowParser,
        Reading::Wrong,
        "sflow-parser reads an address in place of the name",
        &["extended_mpls_FTN"],
    ),
    (
        SflowParser,
        Reading::Wrong,
        "sflow-parser reads the fields of the structure that came after it",
        &["http_request_deprecated"],
    ),
    (
        SflowParser,
        Reading::First,
        "sflow-parser leaves out what was appended to the structure",
        &["host_cpu"],
    ),
    (
        FlowparserSflow,
        Reading::Raw,
        "flowparser-sflow does not know these",
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
        "flowparser-sflow leaves out the last fields",
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
        "flowparser-sflow reads one text where there are three",
        &["app_operation", "app_parent_context"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads fields that are not there",
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
        "flowparser-sflow takes the number of lanes of the module for that of the list",
        &["sfp"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow passes over a field",
        &["lag_port_stats"],
    ),
    (
        FlowparserSflow,
        Reading::Wrong,
        "flowparser-sflow reads eight queues without their number",
        &["bst_port_buffers"],
    ),
    (
        SflowParser,
        Reading::PathLengths,
        "sflow-parser tells lengths besides what has them",
        &["extended_gateway"],
    ),
    (
        FlowparserSflow,
        Reading::LengthAt(3),
        "flowparser-sflow tells lengths besides what has them",
        &["sampled_header"],
    ),
];

/// How a peer reads a structure, if in another way; and why that is wrong.
pub(in crate::differential) fn reading(peer: Peer, name: &str) -> Option<(&'static str, Reading)> {
    READINGS
        .iter()
        .find(|(of, .., names)| *of == peer && names.contains(&name))
        .map(|(_, reading, why, _)| (*why, *reading))
}
