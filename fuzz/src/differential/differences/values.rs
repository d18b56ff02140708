//! Numbers and texts that a peer converts with loss.

use crate::decoder::Leaf;
use crate::differential::Peer::{self, FlowparserSflow, SflowParser};

/// Enums of `sflow-parser`: the first number, the number of variants, and the index of the variant
/// for all other numbers.
const CHOICES: &[(&str, u64, u64, u32)] = &[
    ("AppStatus", 0, 11, 1),
    ("AsPathType", 1, 2, 0),
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
];

/// An enum with a gap: 0 to 15 and 256 to 303.
const DROP_REASONS: &str = "DropReason";

pub(super) const COLLAPSED: &str = "sflow-parser reads an unknown number as another one";
pub(super) const REPLACED: &str = "flowparser-sflow replaces invalid UTF-8";

/// The reason why a peer's value is the expected one, converted with loss; `None` if it is not.
pub(in crate::differential) fn same_value(
    peer: Peer,
    expected: &Leaf,
    found: &Leaf,
) -> Option<&'static str> {
    match (peer, expected, found) {
        (SflowParser, Leaf::Number(expected), Leaf::Choice { list, index, .. }) => {
            is_collapsed(*expected, list, *index).then_some(COLLAPSED)
        }
        (FlowparserSflow, Leaf::Bytes(expected), Leaf::Bytes(found)) => {
            (String::from_utf8_lossy(expected).as_bytes() == found).then_some(REPLACED)
        }
        _ => None,
    }
}

/// Whether the number has no variant, and the variant is that for such numbers.
fn is_collapsed(number: u64, list: &str, index: u32) -> bool {
    if list == DROP_REASONS {
        let has_variant = (0..16).contains(&number) || (256..304).contains(&number);
        return !has_variant && index == 16;
    }
    CHOICES.iter().any(|(name, first, count, other)| {
        *name == list && !(*first..first + count).contains(&number) && index == *other
    })
}
