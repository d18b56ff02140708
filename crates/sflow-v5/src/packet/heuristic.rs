//! Identifies headers that no field announces: behind an MPLS label stack, or in an L2TPv3 session.
//!
//! Bytes are identified as IP or Ethernet only if the checksum of IPv4 and the lengths are
//! consistent: no address is better than a wrong one.

use super::protocol::EtherType;

use super::input::Input;

/// Maximum number of bytes behind a packet: the padding of a short Ethernet frame, and its check
/// sequence.
const PADDING: usize = 54;

/// Maximum number of VLAN tags in front of an EtherType.
const MAX_TAGS: usize = 4;

/// Maximum number of IPv6 extension headers that are followed.
const MAX_EXTENSIONS: usize = 4;

/// Whether the input is an IPv4 or IPv6 packet.
pub(super) fn is_ip(input: Input<'_>) -> bool {
    match input.bytes.first().map(|byte| byte >> 4) {
        Some(4) => is_ipv4(input),
        Some(6) => is_ipv6(input),
        _ => false,
    }
}

/// Whether the input is an Ethernet frame: its payload is consistent with its EtherType.
pub(super) fn is_ethernet(input: Input<'_>) -> bool {
    let Some((_, mut behind)) = input.bytes.split_at_checked(12) else {
        return false;
    };
    for _ in 0..=MAX_TAGS {
        let Some(([high, low], payload)) = behind.split_first_chunk() else {
            return false;
        };
        let rest = Input {
            bytes: payload,
            ..input
        };
        match EtherType(u16::from_be_bytes([*high, *low])) {
            EtherType::IPV4 => return is_ipv4(rest),
            EtherType::IPV6 => return is_ipv6(rest),
            // Ethernet and IPv4 addresses of their usual sizes.
            EtherType::ARP => return payload.starts_with(&[0, 1, 8, 0, 6, 4]),
            EtherType::VLAN | EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED => {
                behind = payload.get(2..).unwrap_or_default();
            }
            kind if kind.is_length() => return is_llc(rest, usize::from(kind.0)),
            _ => return false,
        }
    }
    false
}

/// Name of the IP header, and number of its bytes that are needed to check it.
pub(super) fn needed(input: Input<'_>) -> (&'static str, usize) {
    match input.bytes.first() {
        Some(byte) if byte >> 4 == 4 => ("ipv4", usize::from((byte & 0x0f) << 2).max(20)),
        Some(byte) if byte >> 4 == 6 => ("ipv6", 40),
        Some(_) => ("", 0),
        None => ("ip", 20),
    }
}

fn is_ipv4(input: Input<'_>) -> bool {
    let Some(&[first, _, high, low, _, _, _, _, _, _, upper, lower, ..]) =
        input.bytes.first_chunk::<20>()
    else {
        return false;
    };
    let header_length = usize::from((first & 0x0f) << 2);
    let length = usize::from(u16::from_be_bytes([high, low]));
    let header = input.bytes.get(..header_length);
    if first >> 4 != 4 || header_length < 20 || length < header_length {
        return false;
    }
    if [upper, lower] == [0, 0] {
        // No checksum: the length has to be exact instead.
        return header.is_some() && is_exactly(input, length);
    }
    let is_long_enough = length.saturating_add(PADDING) >= input.bytes.len();
    header.is_some_and(|header| is_long_enough && sum(header) == 0xffff)
}

fn is_ipv6(input: Input<'_>) -> bool {
    let Some((header, mut behind)) = input.bytes.split_first_chunk::<40>() else {
        return false;
    };
    let [first, _, _, _, high, low, mut next, ..] = *header;
    let payload = usize::from(u16::from_be_bytes([high, low]));
    if first >> 4 != 6 || payload == 0 || !is_consistent(input, payload.saturating_add(40)) {
        return false;
    }
    let mut left = payload;
    for _ in 0..MAX_EXTENSIONS {
        match next {
            // Hop by hop, routing, destination options.
            0 | 43 | 60 => {
                let [following, eights] = match behind {
                    [following, eights, ..] => [*following, *eights],
                    _ => return true,
                };
                let size = usize::from(eights).saturating_add(1).saturating_mul(8);
                if size > left {
                    return false;
                }
                left = left.saturating_sub(size);
                behind = behind.get(size..).unwrap_or_default();
                next = following;
            }
            // UDP: its length is that of the packet.
            17 => {
                return match behind {
                    [_, _, _, _, high, low, ..] => {
                        let length = u16::from_be_bytes([*high, *low]);
                        usize::from(length) == left
                    }
                    _ => true,
                };
            }
            // TCP: its header has at least five words.
            6 => return behind.get(12).is_none_or(|offset| offset >> 4 >= 5),
            // Other protocols in IPv6.
            4 | 33 | 41 | 44 | 46 | 47 | 50 | 51 | 58 | 59 | 89 | 94 | 97 | 103 | 112 | 115
            | 132 | 135 | 136 | 137 | 139 | 140 | 143 => return true,
            _ => return false,
        }
    }
    false
}

/// Logical link control behind the length of an IEEE 802.3 frame.
fn is_llc(input: Input<'_>, length: usize) -> bool {
    // Spanning tree, SNAP, OSI, and NetWare.
    let is_known = [
        [0x42, 0x42, 3],
        [0xaa, 0xaa, 3],
        [0xfe, 0xfe, 3],
        [0xe0, 0xe0, 3],
    ]
    .iter()
    .any(|header| input.bytes.starts_with(header));
    is_known && is_consistent(input, length)
}

/// Whether a packet of this length can be the input: it may be padded.
fn is_consistent(input: Input<'_>, length: usize) -> bool {
    let is_longer = |left: usize| length.saturating_add(PADDING) >= left;
    match input.length() {
        Some(left) => length <= left && is_longer(left),
        None => is_longer(input.bytes.len()),
    }
}

/// Whether the length is exactly that of the input, or of the part that was sampled.
fn is_exactly(input: Input<'_>, length: usize) -> bool {
    length == input.bytes.len() || Some(length) == input.length()
}

/// The ones' complement sum of 16-bit words: all ones for a header with a valid checksum.
fn sum(header: &[u8]) -> u32 {
    let (words, _) = header.as_chunks::<2>();
    let words = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)));
    // At most thirty words: folding the carry twice is enough.
    let sum = words.fold(0_u32, u32::saturating_add);
    let sum = (sum & 0xffff).saturating_add(sum >> 16);
    (sum & 0xffff).saturating_add(sum >> 16)
}
