//! Headers that no field announces, such as those behind an MPLS label stack.
//!
//! Bytes are accepted only if the checksum of IPv4 and the lengths agree; a datagram that was never
//! sent is worse than none.

/// A packet may be shorter than what carries it by the padding of a short Ethernet frame and by
/// its check sequence.
const PADDING: usize = 54;

/// VLAN tags in front of an EtherType at most.
const MOST_TAGS: usize = 4;

/// Extension headers of IPv6 that are followed.
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
        // Left to the interface to calculate: the length alone has to show it.
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
            // UDP: it fills the packet.
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

/// Whether a packet of this length can be all of these bytes but padding. The capture may have cut
/// it.
fn agrees(data: &[u8], length: usize) -> bool {
    length.saturating_add(PADDING) >= data.len()
}

/// The sum of 16-bit words in ones' complement: all ones over a header with a right checksum.
fn sum(header: &[u8]) -> u32 {
    let (words, _) = header.as_chunks::<2>();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}
