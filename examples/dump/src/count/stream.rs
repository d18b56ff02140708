/// The number of recent datagrams that are remembered. One that is older counts as a restart.
const WINDOW: u32 = 32;

/// Milliseconds by which the uptime of a late datagram may be lower. Above, the agent restarted.
const LATE: u32 = 5_000;

/// Counts of one sub-agent, from its sequence numbers and uptime.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) datagrams: u64,
    pub(super) samples: u64,
    pub(super) records: u64,
    /// The first received sequence number.
    pub(super) first: u32,
    /// The highest sequence number since the last restart.
    pub(super) last: u32,
    pub(super) late: u64,
    pub(super) twice: u64,
    pub(super) restarts: u64,
    /// Datagrams sent since the first, by sequence numbers.
    sent: u64,
    uptime: u32,
    /// Sequence number and uptime of recent datagrams, at the index of the number modulo the window.
    seen: [Option<(u32, u32)>; WINDOW as usize],
}

impl Stream {
    pub(super) fn new(sequence: u32) -> Self {
        Self {
            datagrams: 0,
            samples: 0,
            records: 0,
            first: sequence,
            last: sequence,
            late: 0,
            twice: 0,
            restarts: 0,
            sent: 0,
            uptime: 0,
            seen: [None; WINDOW as usize],
        }
    }

    /// Datagrams that were sent and not received. Late ones are received.
    pub(super) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.datagrams - self.twice)
    }

    /// Counts a datagram.
    pub(super) fn receive(&mut self, sequence: u32, uptime: u32) {
        self.datagrams += 1;
        let ahead = sequence.wrapping_sub(self.last);
        let behind = self.last.wrapping_sub(sequence);
        if self.datagrams == 1 {
            self.sent = 1;
        } else if self.seen_at(sequence) == Some(uptime) {
            self.twice += 1;
            return;
        } else if self.went_back(uptime) {
            // Slightly older and not received yet: late. Otherwise the agent restarted.
            if behind < WINDOW && self.seen_at(sequence).is_none() && self.is_late(uptime) {
                self.late(sequence, uptime);
                return;
            }
            self.restart();
        } else if ahead == 0 {
            self.twice += 1;
        } else if ahead < 1 << 31 {
            self.sent += u64::from(ahead);
        } else if behind < WINDOW && self.seen_at(sequence).is_none() {
            self.late(sequence, uptime);
            return;
        } else {
            self.restart();
        }
        self.last = sequence;
        self.uptime = uptime;
        self.remember(sequence, uptime);
    }

    fn late(&mut self, sequence: u32, uptime: u32) {
        self.late += 1;
        // A datagram from before the first was not counted as sent.
        let since_first = self.last.wrapping_sub(self.first);
        if self.restarts == 0 && self.last.wrapping_sub(sequence) > since_first {
            self.sent += 1;
        }
        self.remember(sequence, uptime);
    }

    fn restart(&mut self) {
        self.restarts += 1;
        self.sent += 1;
        self.seen = [None; WINDOW as usize];
    }

    /// Whether the uptime decreased, except by wrapping after 49 days.
    fn went_back(&self, uptime: u32) -> bool {
        const HOUR: u32 = 3_600_000;
        uptime < self.uptime && uptime.wrapping_sub(self.uptime) > HOUR
    }

    fn is_late(&self, uptime: u32) -> bool {
        self.uptime.wrapping_sub(uptime) < LATE
    }

    /// The uptime of a recent datagram by its sequence number.
    fn seen_at(&self, sequence: u32) -> Option<u32> {
        let slot = self.seen.get((sequence % WINDOW) as usize)?;
        slot.filter(|(number, _)| *number == sequence)
            .map(|(_, uptime)| uptime)
    }

    fn remember(&mut self, sequence: u32, uptime: u32) {
        if let Some(slot) = self.seen.get_mut((sequence % WINDOW) as usize) {
            *slot = Some((sequence, uptime));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts lost, late, twice and restarts, from sequence numbers and uptimes.
    fn counts(datagrams: impl IntoIterator<Item = (u32, u32)>) -> [u64; 4] {
        let mut datagrams = datagrams.into_iter().peekable();
        let mut stream = Stream::new(datagrams.peek().unwrap().0);
        datagrams.for_each(|(sequence, uptime)| stream.receive(sequence, uptime));
        [stream.lost(), stream.late, stream.twice, stream.restarts]
    }

    /// The counts for one datagram per second.
    fn regular(sequences: &[u32]) -> [u64; 4] {
        let uptime = |sequence: u32| 1_000_000 + sequence.wrapping_mul(1000);
        counts(
            sequences
                .iter()
                .map(|sequence| (*sequence, uptime(*sequence))),
        )
    }

    #[test]
    fn consecutive_numbers_have_no_loss() {
        assert_eq!(regular(&[7]), [0, 0, 0, 0]);
        assert_eq!(regular(&[7, 8, 9]), [0, 0, 0, 0]);
        let wrapping = [(u32::MAX - 1, 10), (u32::MAX, 20), (0, 30), (1, 40)];
        assert_eq!(counts(wrapping), [0, 0, 0, 0]);
    }

    #[test]
    fn gap_in_numbers_is_lost() {
        assert_eq!(regular(&[7, 9]), [1, 0, 0, 0]);
        assert_eq!(regular(&[7, 1007, 1010]), [1001, 0, 0, 0]);
        assert_eq!(counts([(u32::MAX, 20), (1, 40)]), [1, 0, 0, 0]);
    }

    #[test]
    fn reordered_datagram_is_late() {
        assert_eq!(regular(&[7, 9, 8, 10]), [0, 1, 0, 0]);
        assert_eq!(regular(&[7, 11, 9, 8]), [1, 2, 0, 0]);
        assert_eq!(counts([(0, 40), (u32::MAX, 30), (1, 50)]), [0, 1, 0, 0]);
        // From before the first one, so that it was not lost.
        assert_eq!(regular(&[7, 6, 8]), [0, 1, 0, 0]);
        // Within one millisecond.
        assert_eq!(counts([(7, 40), (9, 40), (8, 40)]), [0, 1, 0, 0]);
    }

    #[test]
    fn repeated_datagram_is_counted_twice() {
        assert_eq!(regular(&[7, 7, 8, 8, 8]), [0, 0, 3, 0]);
        assert_eq!(regular(&[7, 8, 9, 7]), [0, 0, 1, 0]);
        assert_eq!(regular(&[7, 9, 8, 8]), [0, 1, 1, 0]);
        // An agent with a constant sequence number.
        assert_eq!(counts([(0, 10), (0, 1010), (0, 2010)]), [0, 0, 2, 0]);
    }

    #[test]
    fn decreased_uptime_is_a_restart() {
        assert_eq!(
            counts([(500, 900_000), (501, 901_000), (1, 10), (2, 1010)]),
            [0, 0, 0, 1]
        );
        // Shortly after a start, with a number that was already received.
        assert_eq!(
            counts([(1, 10), (2, 1010), (1, 11), (2, 1011)]),
            [0, 0, 0, 1]
        );
        // Earlier losses are kept.
        assert_eq!(
            counts([(5, 5000), (7, 7000), (1, 10), (3, 3000)]),
            [2, 0, 0, 1]
        );
        // With a higher number.
        assert_eq!(counts([(5, 900_000), (9, 200)]), [0, 0, 0, 1]);
        // Only the sequence number decreased.
        assert_eq!(counts([(5000, 900_000), (1, 901_000)]), [0, 0, 0, 1]);
    }

    #[test]
    fn wrapped_uptime_is_not_a_restart() {
        assert_eq!(counts([(7, u32::MAX - 500), (8, 500)]), [0, 0, 0, 0]);
        // After 30 days.
        assert_eq!(counts([(70_000, 2_592_000_000), (1, 500)]), [0, 0, 0, 1]);
    }
}
