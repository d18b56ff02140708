//! Datagrams that do not continue the sequence of their agent. They are kept until it is known
//! whether a new sequence began.
//!
//! A jump takes effect when a second datagram continues it and the old sequence has stopped: the
//! agent restarted. Forged datagrams have no effect until then, and no datagram of a restarted agent
//! is lost, since the kept ones are processed then.
//!
//! If both sequences continue, the new one is used in parallel. Values that both report are unknown.

use core::time::Duration;
use std::collections::VecDeque;

use sflow_v5::{Datagram, Header};

use super::number::BURST;
use super::stamp::{Stamp, follows, precedes};
use super::stream::Stream;
use crate::timestamp::Timestamp;

/// Maximum number of possible new sequences of one agent. It is large enough that datagrams that are
/// forged or come from other line cards do not displace the first one of a genuine sequence. Beyond
/// it, the older half is retained for [`RETENTION`], so that some sequences are continued.
const MAX_SEQUENCES: usize = 128;

/// Time after which a possible new sequence that was not continued can be replaced.
const RETENTION: Duration = Duration::from_secs(120);

/// Number of possible new sequences that are included in the memory of an agent. More are charged.
const INCLUDED: usize = 16;

/// Number of possible new sequences that use as much memory as a sequence in use.
const PER_STREAM: usize = 4;

/// Maximum size of the kept datagrams of one agent in bytes.
const MAX_BYTES: usize = 256 << 10;

/// The possible new sequences of an agent.
#[derive(Debug, Default)]
pub(crate) struct Jumps {
    sequences: VecDeque<Sequence>,
    bytes: usize,
}

/// Number of datagrams after which a sequence is used in parallel, if the other sequence has
/// continued between them.
const MIN_PARALLEL: u64 = 2;

/// A possible new sequence.
#[derive(Debug)]
struct Sequence {
    newest: Stamp,
    /// Number of datagrams, kept or not.
    count: u64,
    /// Number of datagrams that were counted as rejected.
    reported: u64,
    /// Whether a current sequence has continued after the first datagram.
    is_parallel: bool,
    /// Whether at most [`BURST`] datagrams are missing between two of them.
    is_close: bool,
    /// Whether the uptimes continue the current sequence, and only the numbers do not.
    is_misnumbered: bool,
    kept: Vec<Kept>,
}

/// A datagram that was kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) stamp: Stamp,
    header: Header,
    samples: Box<[u8]>,
    count: u32,
}

/// The result of examining a jump.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It may be the first of a new sequence, or continue one while the old one continues as well.
    /// `rejected` datagrams were dropped for it.
    Undecided { rejected: u64, is_first: bool },
    /// Received before.
    Repeated,
    /// It confirms a new sequence that began with these datagrams.
    Confirmed(Confirmed),
    /// It confirms a sequence that continues in parallel to the current one.
    Parallel(Confirmed),
}

/// A confirmed sequence.
#[derive(Debug)]
pub(crate) struct Confirmed {
    pub(crate) kept: Vec<Kept>,
    /// Whether uptimes have to be ignored, because they contradict numbers that continue the old
    /// sequence.
    pub(crate) without_uptime: bool,
    /// Number of datagrams of the other possible sequences.
    pub(crate) rejected: u64,
}

impl Jumps {
    /// Examines a datagram that does not continue the current sequence. `is_misnumbered` if its
    /// uptime does, which shows that the agent did not restart.
    pub(crate) fn examine(
        &mut self,
        current: &Stream,
        stamp: Stamp,
        is_misnumbered: bool,
    ) -> Outcome {
        let ignores_uptime = current.ignores_uptime();
        let newest = current.newest();
        let mut without_uptime = false;
        let known = self.sequences.iter().position(|sequence| {
            let last = sequence.newest;
            let is_of_port = last.port == stamp.port || last.port == 0 || stamp.port == 0;
            if !is_of_port && stamp.sequence.wrapping_sub(last.sequence) != 1 {
                return false;
            }
            if last.sequence == stamp.sequence && last.uptime == stamp.uptime {
                return true;
            }
            if follows(last, stamp, ignores_uptime) || precedes(last, stamp) {
                return true;
            }
            // All three datagrams belong to one sequence, and only the uptimes contradict it.
            without_uptime = follows(newest, last, true) && follows(last, stamp, true);
            without_uptime
        });
        let Some(place) = known else {
            let mut rejected = 0;
            if self.sequences.len() >= MAX_SEQUENCES {
                let is_old = self.sequences.front().is_some_and(|oldest| {
                    stamp.received_at - oldest.newest.received_at > RETENTION
                });
                let place = if is_old { 0 } else { MAX_SEQUENCES / 2 };
                if let Some(dropped) = self.sequences.remove(place) {
                    self.bytes -= dropped.bytes();
                    rejected = dropped.unreported();
                }
            }
            self.sequences.push_back(Sequence {
                newest: stamp,
                count: 1,
                reported: 0,
                is_parallel: false,
                is_close: true,
                is_misnumbered,
                kept: Vec::new(),
            });
            return Outcome::Undecided {
                rejected,
                is_first: true,
            };
        };
        let sequence = &mut self.sequences[place];
        let last = sequence.newest;
        if last.sequence == stamp.sequence && last.uptime == stamp.uptime {
            return Outcome::Repeated;
        }
        sequence.is_misnumbered &= is_misnumbered;
        let ahead = stamp.sequence.wrapping_sub(last.sequence);
        sequence.is_close &= ahead <= BURST || precedes(last, stamp);
        let has_stopped = current.has_stopped(stamp.received_at) && !is_misnumbered;
        let is_parallel = sequence.is_parallel
            && sequence.is_close
            && sequence.count + 1 >= MIN_PARALLEL
            && !sequence.is_misnumbered;
        if !has_stopped && !is_parallel {
            sequence.count += 1;
            if follows(last, stamp, true) {
                sequence.newest = stamp;
            }
            return Outcome::Undecided {
                rejected: 0,
                is_first: false,
            };
        }
        let Some(mut sequence) = self.sequences.remove(place) else {
            return Outcome::Repeated;
        };
        self.bytes -= sequence.bytes();
        let mut confirmed = Confirmed {
            kept: core::mem::take(&mut sequence.kept),
            without_uptime: without_uptime || ignores_uptime,
            rejected: 0,
        };
        if !has_stopped {
            return Outcome::Parallel(confirmed);
        }
        confirmed.rejected = self.sequences.iter().map(Sequence::unreported).sum();
        self.sequences.clear();
        self.bytes = 0;
        Outcome::Confirmed(confirmed)
    }

    /// Records that a current sequence continues; returns the number of datagrams that are rejected
    /// by that.
    pub(crate) fn reject_all(&mut self) -> u64 {
        let mut rejected = 0;
        for sequence in &mut self.sequences {
            rejected += sequence.unreported();
            sequence.reported = sequence.count;
            sequence.is_parallel = true;
        }
        rejected
    }

    /// Removes and returns the kept datagrams of misnumbered sequences, or of all sequences, in order
    /// of arrival. Those from another UDP port than the current sequence remain.
    pub(crate) fn take_misnumbered(&mut self, current: &Stream, all: bool) -> Vec<Kept> {
        let mut kept = Vec::new();
        self.sequences.retain_mut(|sequence| {
            let is_taken =
                (sequence.is_misnumbered || all) && !current.is_of_other_port(sequence.newest);
            if is_taken {
                kept.append(&mut sequence.kept);
            }
            !is_taken
        });
        self.bytes -= kept.iter().map(Kept::bytes).sum::<usize>();
        kept.sort_by_key(|kept| kept.stamp.received_at);
        kept
    }

    /// Memory of the possible sequences, as a number of sequences in use.
    pub(crate) fn streams_to_charge(&self) -> usize {
        let charged = self.sequences.len().saturating_sub(INCLUDED);
        charged.div_ceil(PER_STREAM)
    }

    /// Drops the newest sequences, for which memory is charged; returns the number of rejected
    /// datagrams.
    pub(crate) fn drop_charged(&mut self) -> u64 {
        let mut rejected = 0;
        let kept = INCLUDED.min(self.sequences.len());
        for sequence in self.sequences.drain(kept..) {
            self.bytes -= sequence.bytes();
            rejected += sequence.unreported();
        }
        self.sequences.shrink_to_fit();
        rejected
    }

    /// Records that the possible sequence of a datagram is not misnumbered.
    pub(crate) fn clear_misnumbered(&mut self, stamp: Stamp) {
        let mut sequences = self.sequences.iter_mut();
        if let Some(sequence) = sequences.find(|sequence| sequence.newest == stamp) {
            sequence.is_misnumbered = false;
        }
    }

    /// Whether all sequences were removed.
    pub(crate) fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Keeps an undecided datagram that was just examined, if it fits into `free` bytes; returns its
    /// size.
    pub(crate) fn keep(&mut self, stamp: Stamp, datagram: &Datagram<'_>, free: usize) -> usize {
        let (samples, count) = datagram.encoded_samples();
        let free = free.min(MAX_BYTES.saturating_sub(self.bytes));
        let bytes = samples.len() + size_of::<Kept>();
        if bytes > free {
            return 0;
        }
        let mut sequences = self.sequences.iter_mut().rev();
        let sequence =
            sequences.find(|sequence| sequence.newest == stamp || precedes(sequence.newest, stamp));
        let Some(sequence) = sequence else { return 0 };
        sequence.kept.push(Kept {
            stamp,
            header: datagram.header,
            samples: samples.into(),
            count,
        });
        self.bytes += bytes;
        bytes
    }

    /// Size of the kept datagrams in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Time of the newest datagram.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let newest = self.sequences.iter().map(|it| it.newest.received_at);
        newest.max()
    }

    /// Number of datagrams that were not counted as rejected.
    pub(crate) fn unreported(&self) -> u64 {
        self.sequences.iter().map(Sequence::unreported).sum()
    }
}

impl Confirmed {
    /// The first known datagram of the sequence.
    pub(crate) fn first(&self, stamp: Stamp) -> Stamp {
        self.kept.first().map_or(stamp, |kept| kept.stamp)
    }
}

impl Sequence {
    fn unreported(&self) -> u64 {
        self.count - self.reported
    }

    fn bytes(&self) -> usize {
        let kept = self.kept.iter();
        kept.map(Kept::bytes).sum()
    }
}

impl Kept {
    /// Size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.samples.len() + size_of::<Self>()
    }

    pub(crate) fn datagram(&self) -> Datagram<'_> {
        Datagram::from_encoded_samples(self.header, &self.samples, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::sequencing::stream::Place;

    fn stamp(sequence: u32, uptime_ms: u32, received_s: u64) -> Stamp {
        Stamp {
            sequence,
            uptime: uptime_ms,
            port: 0,
            received_at: Timestamp::from_secs(received_s),
        }
    }

    fn stream() -> Stream {
        let mut stream = Stream::starting_with(stamp(100, 100_000, 1000));
        stream.place(stamp(101, 110_000, 1010));
        stream
    }

    #[test]
    fn restart_is_confirmed_when_old_sequence_has_stopped() {
        let mut jumps = Jumps::default();
        let first = jumps.examine(&stream(), stamp(1, 5_000, 1020), false);
        assert!(matches!(first, Outcome::Undecided { .. }));
        let copy = jumps.examine(&stream(), stamp(1, 5_000, 1020), false);
        assert!(matches!(copy, Outcome::Repeated));
        let early = jumps.examine(&stream(), stamp(2, 5_000, 1024), false);
        assert!(
            matches!(early, Outcome::Undecided { .. }),
            "the old sequence may continue"
        );
        let Outcome::Confirmed(confirmed) = jumps.examine(&stream(), stamp(3, 15_000, 1030), false)
        else {
            panic!("the old sequence has stopped for 20 s");
        };
        assert_eq!((confirmed.rejected, confirmed.without_uptime), (0, false));
        assert_eq!(jumps.unreported(), 0);
    }

    #[test]
    fn random_datagrams_do_not_displace_first() {
        let mut jumps = Jumps::default();
        jumps.examine(&stream(), stamp(1, 5_000, 1020), false);
        for number in 0..12_u32 {
            let random = number.wrapping_mul(2_654_435_761);
            let forged = stamp(random | 1 << 20, !random, 1021 + u64::from(number));
            assert!(matches!(
                jumps.examine(&stream(), forged, false),
                Outcome::Undecided { .. }
            ));
        }
        let Outcome::Confirmed(confirmed) = jumps.examine(&stream(), stamp(2, 25_000, 1040), false)
        else {
            panic!("continues the first");
        };
        assert_eq!(confirmed.rejected, 12);
    }

    #[test]
    fn memory_is_bounded() {
        let mut jumps = Jumps::default();
        let mut rejected = 0;
        for number in 0..1000_u32 {
            let forged = stamp(number.wrapping_mul(2_654_435_761), number << 22, 1011);
            if let Outcome::Undecided { rejected: more, .. } =
                jumps.examine(&stream(), forged, false)
            {
                rejected += more;
            }
        }
        assert!(jumps.sequences.len() <= MAX_SEQUENCES);
        assert_eq!(rejected + jumps.unreported(), 1000);
    }

    #[test]
    fn sequences_beyond_the_included_ones_are_charged() {
        let mut jumps = Jumps::default();
        for number in 0..40_u32 {
            assert_eq!(
                jumps.streams_to_charge(),
                number.saturating_sub(16).div_ceil(4) as usize
            );
            let forged = stamp(number.wrapping_mul(2_654_435_761), number << 22, 1011);
            jumps.examine(&stream(), forged, false);
        }
        assert_eq!(jumps.drop_charged(), 24);
        assert_eq!((jumps.streams_to_charge(), jumps.unreported()), (0, 16));
    }

    #[test]
    fn uptime_in_other_units_is_ignored_when_numbers_agree() {
        // Microseconds, modulo 2^32.
        let mut jumps = Jumps::default();
        let first = stamp(102, 120_000_000, 1020);
        assert_eq!(stream().place(first), Place::Jump);
        jumps.examine(&stream(), first, false);
        let second = stamp(103, 130_000_000, 1030);
        let Outcome::Confirmed(confirmed) = jumps.examine(&stream(), second, false) else {
            panic!("three in sequence");
        };
        assert!(confirmed.without_uptime);
    }
}
