//! IP packets from their fragments.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// Bytes of fragments that are kept, with [`OVERHEAD`] for each: in all, and of one source.
const MOST_BYTES: usize = 1 << 20;
const MOST_BYTES_PER_SOURCE: usize = 256 << 10;

/// What a fragment costs beside its bytes.
const OVERHEAD: usize = 64;

/// Packets that are tracked: in all, and of one source.
const MOST_PACKETS: usize = 256;
const MOST_PACKETS_PER_SOURCE: usize = 64;

/// How long a packet waits for its fragments, by the times of the capture.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long after its first fragment a repeated fragment belongs to a packet that is complete:
/// later its identification may be that of another packet.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// The longest payload of an IP packet.
const LONGEST: usize = 65_535;

/// What the fragments of a packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketId {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) identification: u32,
    /// The protocol for IPv4, where it is part of the identity; 0 for IPv6.
    pub(super) protocol: u8,
}

/// A fragment of an IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) id: PacketId,
    /// The protocol of the payload.
    pub(super) protocol: u8,
    pub(super) offset: usize,
    /// Whether others follow it in the packet.
    pub(super) has_more: bool,
    /// Whether the capture has not kept all of it.
    pub(super) is_cut: bool,
    pub(super) data: &'a [u8],
}

/// A packet that is complete.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) source: IpAddr,
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
    /// Fragments that it was made of.
    pub(super) fragments: u64,
}

/// What became of a fragment.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Others are missing.
    Waiting,
    /// It is a copy of another one.
    Duplicate,
    /// It contradicts others, or its packet has been rejected.
    Rejected,
    Complete(Whole),
}

/// Fragments that wait for others.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// By the arrival of their first fragment.
    packets: VecDeque<Pending>,
    bytes: usize,
    /// Packets that were given up.
    given_up: u64,
    /// Packets whose fragments contradict each other.
    rejected: u64,
}

#[derive(Debug)]
struct Pending {
    id: PacketId,
    since: Duration,
    state: State,
    /// In the order of their offsets, without overlaps.
    parts: Vec<Part>,
    /// Bytes of the packet, once its last fragment has been seen.
    length: Option<usize>,
    /// The protocol of the payload, from the first fragment.
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

impl Part {
    fn end(&self) -> usize {
        self.offset + self.data.len()
    }
}

impl Reassembly {
    /// Packets of which fragments are missing.
    pub(super) fn incomplete(&self) -> u64 {
        let open = self.packets.iter().filter(|packet| packet.is_open());
        self.given_up + open.count() as u64
    }

    /// Packets whose fragments contradict each other.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Keeps a fragment until its packet is complete.
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
            && packet.state == State::Complete
            && now.saturating_sub(packet.since) > REPEATED_WITHIN
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
        // What the capture has not kept can complete nothing.
        if fragment.is_cut {
            return Outcome::Waiting;
        }
        match packet.place(fragment) {
            Err(Contradiction) => {
                self.bytes -= packet.close(State::Rejected);
                self.rejected += 1;
                return Outcome::Rejected;
            }
            Ok(None) => return Outcome::Duplicate,
            Ok(Some(place)) => {
                packet.keep(fragment, place);
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

    /// Gives up the oldest packets until the bounds hold, with so many more bytes and, perhaps,
    /// a new packet.
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
            self.given_up += u64::from(packet.is_open());
        }
    }
}

/// A fragment that overlaps another, or lies behind the end of its packet.
struct Contradiction;

impl Pending {
    const fn new(id: PacketId, since: Duration) -> Self {
        Self {
            id,
            since,
            state: State::Open,
            parts: Vec::new(),
            length: None,
            protocol: None,
            bytes: 0,
        }
    }

    fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Where among its parts a fragment belongs; `None` if it is there already.
    fn place(&self, fragment: &Fragment<'_>) -> Result<Option<usize>, Contradiction> {
        let (start, end) = (fragment.offset, fragment.offset + fragment.data.len());
        let place = self.parts.partition_point(|part| part.offset < start);
        if let Some(part) = self.parts.get(place)
            && part.offset == start
            && *part.data == *fragment.data
            && (fragment.has_more || self.length == Some(end))
        {
            return Ok(None);
        }
        let before = place
            .checked_sub(1)
            .and_then(|before| self.parts.get(before));
        let is_apart = before.is_none_or(|part| part.end() <= start)
            && self.parts.get(place).is_none_or(|part| end <= part.offset);
        let last_end = self.parts.last().map_or(0, Part::end);
        let is_inside = match (fragment.has_more, self.length) {
            (true, Some(length)) => end < length,
            (true, None) => true,
            (false, Some(_)) => false,
            (false, None) => last_end <= start,
        };
        // Only the last one may have any length, and none may be empty.
        let is_sound = start < end && end <= LONGEST && (!fragment.has_more || end % 8 == 0);
        match is_apart && is_inside && is_sound {
            true => Ok(Some(place)),
            false => Err(Contradiction),
        }
    }

    fn keep(&mut self, fragment: &Fragment<'_>, place: usize) {
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
        self.parts.insert(place, part);
    }

    /// The protocol of the payload, if all of it is there. Since parts do not overlap and none
    /// is behind the end, their lengths alone decide.
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

    /// Frees what was kept; the bytes that were counted for it.
    fn close(&mut self, state: State) -> usize {
        self.state = state;
        self.parts = Vec::new();
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
    fn fragments_beyond_the_bounds_are_given_up_oldest_first() {
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
        // The youngest is still complete in the end.
        let last = reassembly.insert(&fragment(999, 1, 7000, false, &[1]), SECOND);
        assert!(matches!(last, Outcome::Complete(whole) if whole.payload.len() == 7001));
    }

    #[test]
    fn tiny_fragments_of_one_packet_are_bounded() {
        let mut reassembly = Reassembly::default();
        for offset in (0..65_528).step_by(8) {
            reassembly.insert(&fragment(1, 1, offset, true, &[0; 8]), SECOND);
            assert!(reassembly.bytes <= MOST_BYTES_PER_SOURCE + OVERHEAD + 8);
        }
        assert!(reassembly.incomplete() >= 1);
    }

    #[test]
    fn identification_is_free_again_after_a_while() {
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
    fn fragments_are_forgotten_after_the_timeout() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(1, 1, 0, true, &[1; 8]), SECOND);
        let late = reassembly.insert(&fragment(1, 1, 8, false, &[2; 3]), SECOND * 40);
        assert!(matches!(late, Outcome::Waiting));
        assert_eq!(reassembly.incomplete(), 2);
    }
}
