//! Recognises headers that no preceding field identifies, such as those after an MPLS label stack.
//!
//! The IPv4 checksum and the lengths must match: a missed datagram is better than one that was
//! never sent.

/// Bytes by which a packet may be shorter than its frame: the padding of a short Ethernet frame and
/// the frame check sequence.
const PADDING: usize = 54;

/// The maximum number of VLAN tags before an EtherType.
const MOST_TAGS: usize = 4;

/// The maximum number of IPv6 extension headers.
const MOST_EXTENSIONS: usize = 4;

/// Whether these bytes are a packet of IPv4 or IPv6.
pub(super) fn is_ip(data: &[u8]) -> bool {
    match data.first().map(|first| first >> 4) {
        Some(4) => is_ipv4(data),
        Some(6) => is_ipv6(data),
        _ => false,
    }
}

/// Whether these bytes are an Ethernet frame that contains IP or 802.2.
pub(super) fn is_ethernet(data: &[u8]) -> bool {
    let Some((_, mut rest)) = data.split_at_checked(12) else {
        return false;
    };
    for _ in 0..=MOST_TAGS {
        let Some((&number, payload)) = rest.split_first_chunk() else {
            return false;
        };
        match u16::from_be_bytes(number) {
            0x0800 => return is_ipv4(payload),
            0x86dd => return is_ipv6(payload),
            0x8100 | 0x88a8 | 0x9100 => rest = payload.get(2..).unwrap_or_default(),
            length @ 0..=1500 => {
                // SNAP, and OSI.
                let is_known = matches!(payload, [0xaa, 0xaa, 3, ..] | [0xfe, 0xfe, 3, ..]);
                return is_known && agrees(payload, length.into());
            }
            _ => return false,
        }
    }
    false
}

fn is_ipv4(data: &[u8]) -> bool {
    let Some(&[first, _, high, low, _, _, _, _, _, _, upper, lower, ..]) = data.first_chunk::<20>()
    else {
        return false;
    };
    let header_length = usize::from(first & 0x0f) * 4;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(header) = data.get(..header_length) else {
        return false;
    };
    if first >> 4 != 4 || header_length < 20 || length < header_length {
        return false;
    }
    match [upper, lower] {
        // Checksum offload: only the length can be checked.
        [0, 0] => length == data.len(),
        _ => agrees(data, length) && sum(header) == 0xffff,
    }
}

fn is_ipv6(data: &[u8]) -> bool {
    let Some((&[first, _, _, _, high, low, mut next, ..], mut rest)) =
        data.split_first_chunk::<40>()
    else {
        return false;
    };
    let mut left = usize::from(u16::from_be_bytes([high, low]));
    if first >> 4 != 6 || left == 0 || !agrees(rest, left) {
        return false;
    }
    for _ in 0..MOST_EXTENSIONS {
        match next {
            // Hop by hop, routing, destination options.
            0 | 43 | 60 => {
                let [following, eights, ..] = *rest else {
                    return true;
                };
                let size = (usize::from(eights) + 1) * 8;
                let Some(shorter) = left.checked_sub(size) else {
                    return false;
                };
                left = shorter;
                rest = rest.get(size..).unwrap_or_default();
                next = following;
            }
            // UDP, which must fill the packet.
            17 => {
                return match *rest {
                    [_, _, _, _, high, low, ..] => {
                        usize::from(u16::from_be_bytes([high, low])) == left
                    }
                    _ => true,
                };
            }
            // Other protocols that can lead to a datagram.
            4 | 41 | 44 | 47 | 51 | 97 | 135 | 137 | 139 | 140 => return true,
            _ => return false,
        }
    }
    false
}

/// Whether a packet of this length fills the data up to padding. It may be longer, if the capture
/// truncated it.
fn agrees(data: &[u8], length: usize) -> bool {
    length.saturating_add(PADDING) >= data.len()
}

/// The ones' complement sum of 16-bit words: 0xffff for a header with a valid checksum.
fn sum(header: &[u8]) -> u32 {
    let (words, _) = header.as_chunks::<2>();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}
