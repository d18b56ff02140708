/// Datagrams that are remembered one by one; what comes later than that is taken for a restart.
const WINDOW: u32 = 32;

/// Milliseconds that an uptime may be behind without the agent having started again.
const LATE: u32 = 5_000;

/// What the sequence numbers of one sub-agent tell.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) datagrams: u64,
    pub(super) samples: u64,
    pub(super) records: u64,
    /// The first sequence number that was seen.
    pub(super) first: u32,
    /// The last one, by the agent's count.
    pub(super) last: u32,
    pub(super) late: u64,
    pub(super) twice: u64,
    pub(super) restarts: u64,
    /// How many the agent has sent from the first one on, as far as its numbers tell.
    sent: u64,
    uptime: u32,
    /// The latest ones, each in the place of its number modulo the window: number and uptime.
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

    /// Datagrams that were sent and did not come; those that came late did.
    pub(super) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.datagrams - self.twice)
    }

    /// A datagram has come.
    pub(super) fn take(&mut self, sequence: u32, uptime: u32) {
        self.datagrams += 1;
        let ahead = sequence.wrapping_sub(self.last);
        let behind = self.last.wrapping_sub(sequence);
        if self.datagrams == 1 {
            self.sent = 1;
        } else if self.seen_at(sequence) == Some(uptime) {
            self.twice += 1;
            return;
        } else if self.went_back(uptime) {
            // Slightly older and not seen yet: overtaken. Otherwise the agent is a new one.
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
        // One from before the first was not missed.
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

    /// Whether the uptime is smaller, other than by having wrapped after 49 days.
    fn went_back(&self, uptime: u32) -> bool {
        const HOUR: u32 = 3_600_000;
        uptime < self.uptime && uptime.wrapping_sub(self.uptime) > HOUR
    }

    fn is_late(&self, uptime: u32) -> bool {
        self.uptime.wrapping_sub(uptime) < LATE
    }

    /// The uptime of the datagram with this number, if it is one of the latest.
    fn seen_at(&self, sequence: u32) -> Option<u32> {
        let place = self.seen.get((sequence % WINDOW) as usize)?;
        place
            .filter(|(number, _)| *number == sequence)
            .map(|(_, uptime)| uptime)
    }

    fn remember(&mut self, sequence: u32, uptime: u32) {
        if let Some(place) = self.seen.get_mut((sequence % WINDOW) as usize) {
            *place = Some((sequence, uptime));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost, late, twice, restarts after these datagrams.
    fn told(datagrams: impl IntoIterator<Item = (u32, u32)>) -> [u64; 4] {
        let mut datagrams = datagrams.into_iter().peekable();
        let mut stream = Stream::new(datagrams.peek().unwrap().0);
        datagrams.for_each(|(sequence, uptime)| stream.take(sequence, uptime));
        [stream.lost(), stream.late, stream.twice, stream.restarts]
    }

    /// One a second.
    fn regular(sequences: &[u32]) -> [u64; 4] {
        let uptime = |sequence: u32| 1_000_000 + sequence.wrapping_mul(1000);
        told(
            sequences
                .iter()
                .map(|sequence| (*sequence, uptime(*sequence))),
        )
    }

    #[test]
    fn numbers_in_a_row() {
        assert_eq!(regular(&[7]), [0, 0, 0, 0]);
        assert_eq!(regular(&[7, 8, 9]), [0, 0, 0, 0]);
        let wrapping = [(u32::MAX - 1, 10), (u32::MAX, 20), (0, 30), (1, 40)];
        assert_eq!(told(wrapping), [0, 0, 0, 0]);
    }

    #[test]
    fn lost() {
        assert_eq!(regular(&[7, 9]), [1, 0, 0, 0]);
        assert_eq!(regular(&[7, 1007, 1010]), [1001, 0, 0, 0]);
        assert_eq!(told([(u32::MAX, 20), (1, 40)]), [1, 0, 0, 0]);
    }

    #[test]
    fn overtaken() {
        assert_eq!(regular(&[7, 9, 8, 10]), [0, 1, 0, 0]);
        assert_eq!(regular(&[7, 11, 9, 8]), [1, 2, 0, 0]);
        assert_eq!(told([(0, 40), (u32::MAX, 30), (1, 50)]), [0, 1, 0, 0]);
        // From before the first one: nothing is missing.
        assert_eq!(regular(&[7, 6, 8]), [0, 1, 0, 0]);
        // Within one millisecond.
        assert_eq!(told([(7, 40), (9, 40), (8, 40)]), [0, 1, 0, 0]);
    }

    #[test]
    fn twice() {
        assert_eq!(regular(&[7, 7, 8, 8, 8]), [0, 0, 3, 0]);
        assert_eq!(regular(&[7, 8, 9, 7]), [0, 0, 1, 0]);
        assert_eq!(regular(&[7, 9, 8, 8]), [0, 1, 1, 0]);
        // An agent that does not count.
        assert_eq!(told([(0, 10), (0, 1010), (0, 2010)]), [0, 0, 2, 0]);
    }

    #[test]
    fn started_again() {
        assert_eq!(
            told([(500, 900_000), (501, 901_000), (1, 10), (2, 1010)]),
            [0, 0, 0, 1]
        );
        // Soon after it had started, under a number that was seen.
        assert_eq!(told([(1, 10), (2, 1010), (1, 11), (2, 1011)]), [0, 0, 0, 1]);
        // What was lost before stays lost, and counting begins anew.
        assert_eq!(
            told([(5, 5000), (7, 7000), (1, 10), (3, 3000)]),
            [2, 0, 0, 1]
        );
        // With a number that is ahead: it has sent more since than before.
        assert_eq!(told([(5, 900_000), (9, 200)]), [0, 0, 0, 1]);
        // The sequence alone.
        assert_eq!(told([(5000, 900_000), (1, 901_000)]), [0, 0, 0, 1]);
    }

    #[test]
    fn an_uptime_that_wraps_is_no_restart() {
        assert_eq!(told([(7, u32::MAX - 500), (8, 500)]), [0, 0, 0, 0]);
        // After 30 days.
        assert_eq!(told([(70_000, 2_592_000_000), (1, 500)]), [0, 0, 0, 1]);
    }
}
