//! Names and texts that a peer spells differently.

use std::borrow::Cow;

use crate::differential::leaf::Leaf;
use crate::differential::peers::Peer::{self, FlowparserSflow};

/// Names of structures that are not the specification's name in camel case.
const NAMES: &[(&str, &[&str])] = &[
    ("sampled_header", &["RawPacketHeader"]),
    ("extended_mpls_LDP_FEC", &["ExtendedMplsLvpFec"]),
    ("extended_ib_lrh", &["ExtendedInfiniBandLrh"]),
    ("extended_ib_grh", &["ExtendedInfiniBandGrh"]),
    (
        "extended_ib_bth",
        &["ExtendedInfiniBandBth", "ExtendedIbBrh"],
    ),
    ("bst_egress_queue", &["ExtendedBstEgressQueue"]),
    ("if_counters", &["GenericInterface"]),
    ("ethernet_counters", &["EthernetInterface"]),
    ("tokenring_counters", &["TokenRing"]),
    ("vg_counters", &["Vg100Interface"]),
    ("vlan_counters", &["Vlan"]),
    ("ieee80211_counters", &["Ieee80211"]),
    ("ib_counters", &["InfiniBandCounters"]),
    ("sfp", &["OpticalSfpQsfp"]),
    ("of_port", &["OpenFlowPort"]),
    ("port_name", &["OpenFlowPortName"]),
    ("host_descr", &["HostDescription"]),
    ("virt_node", &["VirtualNode"]),
    ("virt_cpu", &["VirtualCpu"]),
    ("virt_memory", &["VirtualMemory"]),
    ("virt_disk_io", &["VirtualDiskIo"]),
    ("virt_net_io", &["VirtualNetIo"]),
    ("jvm_runtime", &["JmxRuntime"]),
    ("memcached_counters", &["MemcacheCountersDeprecated"]),
    (
        "bst_device_buffers",
        &["BroadcomDeviceBuffers", "BroadcomBstDeviceBuffers"],
    ),
    ("bst_port_buffers", &["BroadcomPortBuffers"]),
    ("hw_tables", &["BroadcomTables", "BroadcomHwTables"]),
];

/// Enumerations of the peers: the first number, the number of variants, and the index of the variant
/// for all other numbers.
const CHOICES: &[(&str, u64, u64, u32)] = &[
    ("AppStatus", 0, 11, 1),
    ("AsPathType", 1, 2, 0),
    ("HeaderProtocol", 1, 17, u32::MAX),
    ("HttpMethod", 0, 9, 0),
    ("MachineType", 0, 13, 0),
    ("MemcacheCommand", 0, 17, 0),
    ("MemcacheProtocol", 0, 3, 0),
    ("MemcacheStatus", 0, 10, 0),
    ("OsName", 0, 13, 0),
    ("PacketDirection", 0, 3, 0),
    ("ServiceDirection", 1, 2, 0),
    ("TransactionStatus", 0, 5, 1),
    ("UrlDirection", 1, 2, 0),
    ("VirtDomainState", 0, 8, u32::MAX),
];

/// An enumeration with a gap: 0 to 15 and 256 to 303.
const DROP_REASONS: &str = "DropReason";

pub(super) const COLLAPSED: &str = "sflow-parser reads an unknown number as another one";
pub(super) const REPLACED: &str = "flowparser-sflow replaces invalid UTF-8";

/// Whether a peer's name of a structure corresponds to the specification's.
pub(in crate::differential) fn is_name(ours: &str, theirs: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    plain(ours) == plain(theirs)
        || NAMES
            .iter()
            .any(|(name, others)| *name == ours && others.contains(&theirs))
}

/// Whether a peer's variant corresponds to the number, or is its variant for unknown numbers.
pub(in crate::differential) fn is_same_choice(
    ours: &Leaf,
    theirs: &Leaf,
    met: &mut Vec<&'static str>,
) -> bool {
    let (Leaf::Number(ours), Leaf::Choice(list, place)) = (ours, theirs) else {
        return false;
    };
    if *list == DROP_REASONS {
        let number = if *place < 16 { *place } else { place + 240 };
        let has_name = (0..16).contains(ours) || (256..304).contains(ours);
        met.extend((!has_name).then_some(COLLAPSED));
        return *ours == u64::from(number) || !has_name && *place == 16;
    }
    let found = CHOICES.iter().find(|(name, ..)| name == list);
    let (_, first, count, other) = found.expect("a known enumeration");
    let has_name = (*first..first + count).contains(ours);
    met.extend((!has_name).then_some(COLLAPSED));
    *ours == u64::from(*place) + first || !has_name && place == other
}

/// Whether a peer's text is equal, except for invalid UTF-8.
pub(in crate::differential) fn is_same_text(
    peer: Peer,
    ours: &Leaf,
    theirs: &Leaf,
    met: &mut Vec<&'static str>,
) -> bool {
    let (FlowparserSflow, Leaf::Bytes(ours), Leaf::Bytes(theirs)) = (peer, ours, theirs) else {
        return false;
    };
    let Cow::Owned(lossy) = String::from_utf8_lossy(ours) else {
        return false;
    };
    met.push(REPLACED);
    lossy.as_bytes() == theirs
}
