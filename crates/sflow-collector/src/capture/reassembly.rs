//! Reassembly of IP fragments.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::time::Duration;

/// The maximum number of buffered bytes, with [`OVERHEAD`] per fragment: in total and per source.
const MOST_BYTES: usize = 1 << 20;
const MOST_BYTES_PER_SOURCE: usize = 256 << 10;

/// Bytes of memory per fragment in addition to its data.
const OVERHEAD: usize = 64;

/// The maximum number of tracked packets: in total and per source.
const MOST_PACKETS: usize = 256;
const MOST_PACKETS_PER_SOURCE: usize = 64;

/// The time in the capture after which an incomplete packet is dropped.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The time after its first fragment for which a complete or rejected packet is remembered. Later
/// fragments with its identification start a new packet.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// The maximum number of fragments of a complete packet whose digests are kept.
const MOST_DIGESTS: usize = 64;

/// The longest payload of an IP packet.
const LONGEST: usize = 65_535;

/// The fields that the fragments of a packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketId {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) identification: u32,
    /// The protocol of an IPv4 packet; 0 for IPv6, where it is not part of the identity.
    pub(super) protocol: u8,
}

/// A fragment of an IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) id: PacketId,
    /// The protocol of the payload.
    pub(super) protocol: u8,
    pub(super) offset: usize,
    /// Whether it is not the last fragment.
    pub(super) has_more: bool,
    /// Whether the capture truncated it.
    pub(super) is_cut: bool,
    pub(super) data: &'a [u8],
}

/// A complete packet.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) source: IpAddr,
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
    /// The number of fragments.
    pub(super) fragments: u64,
}

/// The result of adding a fragment.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Other fragments are missing.
    Waiting,
    /// A copy of another fragment.
    Duplicate,
    /// The fragment contradicts others, or its packet was already rejected.
    Rejected,
    Complete(Whole),
}

/// The fragments of incomplete packets.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// In the order of their first fragments.
    packets: VecDeque<Pending>,
    bytes: usize,
    /// Incomplete packets that were dropped.
    dropped: u64,
    rejected: u64,
}

#[derive(Debug)]
struct Pending {
    id: PacketId,
    since: Duration,
    state: State,
    /// Sorted by offset, without overlaps.
    parts: Vec<Part>,
    /// The digests of the first parts of a complete packet.
    digests: Vec<Digest>,
    /// The length of the payload, known from the last fragment.
    length: Option<usize>,
    /// The protocol of the payload, known from the first fragment.
    protocol: Option<u8>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Complete,
    Rejected,
}

#[derive(Debug)]
struct Part {
    offset: usize,
    data: Box<[u8]>,
}

/// Identifies a fragment of a complete packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digest {
    offset: usize,
    hash: u64,
}

impl Digest {
    fn new(offset: usize, data: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        let hash = hasher.finish();
        Self { offset, hash }
    }
}

impl Part {
    fn end(&self) -> usize {
        self.offset + self.data.len()
    }
}

impl Reassembly {
    /// The number of packets with missing fragments.
    pub(super) fn incomplete(&self) -> u64 {
        let open = self.packets.iter().filter(|packet| packet.is_open());
        self.dropped + open.count() as u64
    }

    /// The number of packets whose fragments contradict each other.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Adds a fragment.
    pub(super) fn insert(&mut self, fragment: &Fragment<'_>, now: Duration) -> Outcome {
        while self
            .packets
            .front()
            .is_some_and(|packet| now.saturating_sub(packet.since) > TIMEOUT)
        {
            self.remove(0);
        }
        let mut index = self
            .packets
            .iter()
            .position(|packet| packet.id == fragment.id);
        if let Some(known) = index
            && let Some(packet) = self.packets.get(known)
            && packet.state != State::Open
            && (now.saturating_sub(packet.since) > REPEATED_WITHIN || packet.differs(fragment))
        {
            self.remove(known);
            index = None;
        }
        let size = fragment.data.len() + OVERHEAD;
        let index = match index {
            Some(index) => index,
            None => {
                self.evict(fragment.id, size, true);
                self.packets.push_back(Pending::new(fragment.id, now));
                self.packets.len() - 1
            }
        };
        let Some(packet) = self.packets.get_mut(index) else {
            return Outcome::Rejected;
        };
        match packet.state {
            State::Complete => return Outcome::Duplicate,
            State::Rejected => return Outcome::Rejected,
            State::Open => {}
        }
        // A truncated fragment cannot complete its packet.
        if fragment.is_cut {
            return Outcome::Waiting;
        }
        match packet.position(fragment) {
            Err(Contradiction) => {
                self.bytes -= packet.close(State::Rejected);
                self.rejected += 1;
                return Outcome::Rejected;
            }
            Ok(None) => return Outcome::Duplicate,
            Ok(Some(index)) => {
                packet.insert(fragment, index);
                packet.bytes += size;
                self.bytes += size;
            }
        }
        let Some(protocol) = packet.complete() else {
            self.evict(fragment.id, 0, false);
            return Outcome::Waiting;
        };
        let whole = Whole {
            source: fragment.id.source,
            protocol,
            payload: packet.payload(),
            fragments: packet.parts.len() as u64,
        };
        self.bytes -= packet.close(State::Complete);
        Outcome::Complete(whole)
    }

    /// Drops the oldest packets until there is space for `bytes` more and, if `is_new`, one more
    /// packet.
    fn evict(&mut self, id: PacketId, bytes: usize, is_new: bool) {
        let packets = usize::from(is_new);
        loop {
            let of_source = |packet: &&Pending| packet.id.source == id.source;
            let count = self.packets.iter().filter(of_source).count();
            let used = self.packets.iter().filter(of_source);
            let used: usize = used.map(|packet| packet.bytes).sum();
            let is_source_full =
                count + packets > MOST_PACKETS_PER_SOURCE || used + bytes > MOST_BYTES_PER_SOURCE;
            let is_full =
                self.packets.len() + packets > MOST_PACKETS || self.bytes + bytes > MOST_BYTES;
            let oldest = match (is_source_full, is_full) {
                (true, _) => self.packets.iter().position(|packet| of_source(&packet)),
                (false, true) => Some(0),
                (false, false) => return,
            };
            match oldest {
                Some(oldest) if oldest < self.packets.len() => self.remove(oldest),
                _ => return,
            }
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(packet) = self.packets.remove(index) {
            self.bytes -= packet.bytes;
            self.dropped += u64::from(packet.is_open());
        }
    }
}

/// A fragment that overlaps another, or exceeds the length of its packet.
struct Contradiction;

impl Pending {
    const fn new(id: PacketId, since: Duration) -> Self {
        Self {
            id,
            since,
            state: State::Open,
            parts: Vec::new(),
            digests: Vec::new(),
            length: None,
            protocol: None,
            bytes: 0,
        }
    }

    fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// The index at which to insert a fragment; `None` for a duplicate.
    fn position(&self, fragment: &Fragment<'_>) -> Result<Option<usize>, Contradiction> {
        let (start, end) = (fragment.offset, fragment.offset + fragment.data.len());
        let index = self.parts.partition_point(|part| part.offset < start);
        if let Some(part) = self.parts.get(index)
            && part.offset == start
            && *part.data == *fragment.data
            && (fragment.has_more || self.length == Some(end))
        {
            return Ok(None);
        }
        let before = index
            .checked_sub(1)
            .and_then(|before| self.parts.get(before));
        let is_apart = before.is_none_or(|part| part.end() <= start)
            && self.parts.get(index).is_none_or(|part| end <= part.offset);
        let last_end = self.parts.last().map_or(0, Part::end);
        let is_inside = match (fragment.has_more, self.length) {
            (true, Some(length)) => end < length,
            (true, None) => true,
            (false, Some(_)) => false,
            (false, None) => last_end <= start,
        };
        // No fragment is empty, and all but the last have a multiple of 8 bytes.
        let is_valid = start < end && end <= LONGEST && (!fragment.has_more || end % 8 == 0);
        match is_apart && is_inside && is_valid {
            true => Ok(Some(index)),
            false => Err(Contradiction),
        }
    }

    fn insert(&mut self, fragment: &Fragment<'_>, index: usize) {
        if !fragment.has_more {
            self.length = Some(fragment.offset + fragment.data.len());
        }
        if fragment.offset == 0 {
            self.protocol = Some(fragment.protocol);
        }
        let part = Part {
            offset: fragment.offset,
            data: fragment.data.into(),
        };
        self.parts.insert(index, part);
    }

    /// The protocol of the payload, if the packet is complete. Since parts neither overlap nor
    /// exceed the length, comparing the total length is sufficient.
    fn complete(&self) -> Option<u8> {
        let kept: usize = self.parts.iter().map(|part| part.data.len()).sum();
        self.protocol.filter(|_| self.length == Some(kept))
    }

    fn payload(&self) -> Vec<u8> {
        self.parts
            .iter()
            .flat_map(|part| part.data.iter().copied())
            .collect()
    }

    /// Whether the packet is complete and had another fragment at this offset. The sender reuses
    /// the identification; some use 0 for all packets.
    fn differs(&self, fragment: &Fragment<'_>) -> bool {
        let digest = Digest::new(fragment.offset, fragment.data);
        self.digests
            .iter()
            .any(|known| known.offset == digest.offset && *known != digest)
    }

    /// Frees the parts and returns the bytes that were counted for them.
    fn close(&mut self, state: State) -> usize {
        self.state = state;
        let parts = std::mem::take(&mut self.parts);
        if state == State::Complete {
            let parts = parts.iter().take(MOST_DIGESTS);
            self.digests = parts
                .map(|part| Digest::new(part.offset, &part.data))
                .collect();
        }
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fragment(
        source: u32,
        identification: u32,
        offset: usize,
        has_more: bool,
        data: &[u8],
    ) -> Fragment<'_> {
        Fragment {
            id: PacketId {
                source: IpAddr::V4(Ipv4Addr::from(source)),
                destination: IpAddr::V4(Ipv4Addr::LOCALHOST),
                identification,
                protocol: 17,
            },
            protocol: 17,
            offset,
            has_more,
            is_cut: false,
            data,
        }
    }

    #[test]
    fn fragments_above_the_limits_are_dropped_oldest_first() {
        let mut reassembly = Reassembly::default();
        let data = [7; 1400];
        for identification in 0..10_000 {
            let outcome = reassembly.insert(&fragment(1, identification, 0, true, &data), SECOND);
            assert!(matches!(outcome, Outcome::Waiting));
            assert!(reassembly.bytes <= MOST_BYTES_PER_SOURCE);
        }
        assert_eq!(reassembly.incomplete(), 10_000);
        assert_eq!(reassembly.packets.len(), MOST_PACKETS_PER_SOURCE);
        for source in 2..1000 {
            for offset in [0, 1400, 2800, 4200, 5600] {
                reassembly.insert(&fragment(source, 1, offset, true, &data), SECOND);
                assert!(reassembly.bytes <= MOST_BYTES);
                assert!(reassembly.packets.len() <= MOST_PACKETS);
            }
        }
        // The most recent packet can still be completed.
        let last = reassembly.insert(&fragment(999, 1, 7000, false, &[1]), SECOND);
        assert!(matches!(last, Outcome::Complete(whole) if whole.payload.len() == 7001));
    }

    #[test]
    fn memory_of_tiny_fragments_is_bounded() {
        let mut reassembly = Reassembly::default();
        for offset in (0..65_528).step_by(8) {
            reassembly.insert(&fragment(1, 1, offset, true, &[0; 8]), SECOND);
            assert!(reassembly.bytes <= MOST_BYTES_PER_SOURCE + OVERHEAD + 8);
        }
        assert!(reassembly.incomplete() >= 1);
    }

    #[test]
    fn identification_can_be_reused_after_one_second() {
        let mut reassembly = Reassembly::default();
        for round in 0..3 {
            let now = SECOND * (10 * round + 1);
            let first = reassembly.insert(&fragment(1, 1, 0, true, &[1; 8]), now);
            assert!(matches!(first, Outcome::Waiting));
            let second = reassembly.insert(&fragment(1, 1, 8, false, &[2; 3]), now);
            assert!(matches!(second, Outcome::Complete(whole) if whole.fragments == 2));
            let again = reassembly.insert(&fragment(1, 1, 8, false, &[2; 3]), now);
            assert!(matches!(again, Outcome::Duplicate));
        }
        assert_eq!(reassembly.incomplete(), 0);
    }

    #[test]
    fn sender_with_constant_identification_is_reassembled() {
        for order in [[0, 1], [1, 0]] {
            let mut reassembly = Reassembly::default();
            for number in 0..100_u8 {
                let data = [number; 11];
                let parts = [
                    fragment(1, 0, 0, true, &data[..8]),
                    fragment(1, 0, 8, false, &data[8..]),
                ];
                let parts = order.map(|index: usize| parts[index]);
                let first = reassembly.insert(&parts[0], SECOND);
                assert!(matches!(first, Outcome::Waiting), "{first:?}");
                let second = reassembly.insert(&parts[1], SECOND);
                assert!(
                    matches!(&second, Outcome::Complete(whole) if whole.payload == data),
                    "{second:?}"
                );
                for part in &parts {
                    let again = reassembly.insert(part, SECOND);
                    assert!(matches!(again, Outcome::Duplicate), "{again:?}");
                }
            }
            assert_eq!((reassembly.incomplete(), reassembly.rejected()), (0, 0));
        }
    }

    #[test]
    fn rejected_packet_is_remembered_for_one_second() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(1, 0, 0, true, &[1; 8]), SECOND);
        let overlap = reassembly.insert(&fragment(1, 0, 0, true, &[2; 16]), SECOND);
        assert!(matches!(overlap, Outcome::Rejected), "{overlap:?}");
        let same = reassembly.insert(&fragment(1, 0, 8, false, &[1; 3]), SECOND);
        assert!(matches!(same, Outcome::Rejected), "{same:?}");
        let now = SECOND * 3;
        reassembly.insert(&fragment(1, 0, 0, true, &[3; 8]), now);
        let next = reassembly.insert(&fragment(1, 0, 8, false, &[3; 3]), now);
        assert!(matches!(next, Outcome::Complete(_)), "{next:?}");
    }

    #[test]
    fn incomplete_packet_is_dropped_after_timeout() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(1, 1, 0, true, &[1; 8]), SECOND);
        let late = reassembly.insert(&fragment(1, 1, 8, false, &[2; 3]), SECOND * 40);
        assert!(matches!(late, Outcome::Waiting));
        assert_eq!(reassembly.incomplete(), 2);
    }
}
