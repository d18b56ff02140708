//! Datagrams that do not continue their agent's sequence, kept until it is known whether a new
//! sequence began.
//!
//! A jump takes effect when a second datagram continues it and the old sequence has stopped: the
//! agent restarted. Until then, what is forged changes nothing; and of an agent that restarted
//! nothing is lost, since the kept datagrams are processed then.
//!
//! If both sequences go on, the new one is used beside the old one. What both report is unknown.

use core::time::Duration;
use std::collections::VecDeque;

use sflow_v5::{Datagram, Header};

use super::datagram::{BURST, Stamp, Stream, follows, precedes};
use crate::timestamp::Timestamp;

/// Possible new sequences of one agent: enough that forged datagrams, or those of other line cards,
/// between two genuine ones do not displace the first of these. If there are more, the first half
/// of them is retained until it is old, so that some are continued however many take turns.
const MOST_SEQUENCES: usize = 128;

/// A possible new sequence that was not continued for so long can be dropped for another one.
const RETENTION: Duration = Duration::from_secs(120);

/// Possible new sequences that are part of the state of an agent. Memory for more is charged.
const INCLUDED: usize = 16;

/// Possible new sequences that take no more memory than one that is in use.
const PER_LINE: usize = 4;

/// Bytes kept of one agent at most.
const MOST_BYTES: usize = 256 << 10;

/// The possible new sequences of an agent.
#[derive(Debug, Default)]
pub(crate) struct Jumps {
    sequences: VecDeque<Sequence>,
    bytes: usize,
}

/// A sequence goes on beside another one after so many datagrams, between which the other one
/// has gone on, too.
const MOST_BESIDE: u64 = 2;

/// A possible new sequence.
#[derive(Debug)]
struct Sequence {
    newest: Stamp,
    /// Datagrams of it, kept or not.
    count: u64,
    /// How many of these were reported as rejected.
    reported: u64,
    /// Whether a current sequence has gone on after its first datagram.
    is_beside: bool,
    /// Whether not more are missing between its datagrams than can be at any time.
    is_close: bool,
    /// Whether its uptimes agree with those of the current sequence.
    is_odd: bool,
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

/// What a datagram that is a jump comes to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It may be the first of a new sequence, or continue one while the old one goes on.
    /// Datagrams in the second field were given up for it.
    Undecided { rejected: u64, is_first: bool },
    /// It was here already.
    Repeated,
    /// It is of a new sequence, which has begun with these datagrams.
    Confirmed(Confirmed),
    /// It is of a sequence that goes on beside the current one.
    Beside(Confirmed),
}

/// A new sequence.
#[derive(Debug)]
pub(crate) struct Confirmed {
    pub(crate) kept: Vec<Kept>,
    /// Whether uptimes cannot be compared: they contradict two datagrams that continue the old
    /// sequence by their numbers.
    pub(crate) without_uptime: bool,
    /// Datagrams of the other possible sequences.
    pub(crate) rejected: u64,
}

impl Jumps {
    /// Examines a datagram that does not continue the current sequence. If it `is_odd`, its uptime
    /// does, so that its agent did not restart.
    pub(crate) fn examine(&mut self, current: &Stream, stamp: Stamp, is_odd: bool) -> Outcome {
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
            // All three are in one sequence, and only uptimes contradict it.
            without_uptime = follows(newest, last, true) && follows(last, stamp, true);
            without_uptime
        });
        let Some(place) = known else {
            let mut rejected = 0;
            if self.sequences.len() >= MOST_SEQUENCES {
                let is_old = self.sequences.front().is_some_and(|oldest| {
                    stamp.received_at - oldest.newest.received_at > RETENTION
                });
                let place = if is_old { 0 } else { MOST_SEQUENCES / 2 };
                if let Some(dropped) = self.sequences.remove(place) {
                    self.bytes -= dropped.bytes();
                    rejected = dropped.unreported();
                }
            }
            self.sequences.push_back(Sequence {
                newest: stamp,
                count: 1,
                reported: 0,
                is_beside: false,
                is_close: true,
                is_odd,
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
        sequence.is_odd &= is_odd;
        let ahead = stamp.sequence.wrapping_sub(last.sequence);
        sequence.is_close &= ahead <= BURST || precedes(last, stamp);
        let has_stopped = current.has_stopped(stamp.received_at) && !is_odd;
        let is_beside = sequence.is_beside
            && sequence.is_close
            && sequence.count + 1 >= MOST_BESIDE
            && !sequence.is_odd;
        if !has_stopped && !is_beside {
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
            return Outcome::Beside(confirmed);
        }
        confirmed.rejected = self.sequences.iter().map(Sequence::unreported).sum();
        self.sequences.clear();
        self.bytes = 0;
        Outcome::Confirmed(confirmed)
    }

    /// A current sequence goes on. Returns how many datagrams were rejected by that.
    pub(crate) fn outlive(&mut self) -> u64 {
        let mut rejected = 0;
        for sequence in &mut self.sequences {
            rejected += sequence.unreported();
            sequence.reported = sequence.count;
            sequence.is_beside = true;
        }
        rejected
    }

    /// Takes the datagrams out that were kept of possible sequences with odd numbers, or of all
    /// possible sequences, in the order of their arrival. Those from another UDP port than the
    /// current sequence are left.
    pub(crate) fn take_odd(&mut self, current: &Stream, all: bool) -> Vec<Kept> {
        let mut kept = Vec::new();
        self.sequences.retain_mut(|sequence| {
            let is_taken = (sequence.is_odd || all) && !current.is_of_other_port(sequence.newest);
            if is_taken {
                kept.append(&mut sequence.kept);
            }
            !is_taken
        });
        self.bytes -= kept.iter().map(Kept::bytes).sum::<usize>();
        kept.sort_by_key(|kept| kept.stamp.received_at);
        kept
    }

    /// Memory for the possible sequences, as a number of sequences in use.
    pub(crate) fn lines_to_charge(&self) -> usize {
        let charged = self.sequences.len().saturating_sub(INCLUDED);
        charged.div_ceil(PER_LINE)
    }

    /// Drops the newest sequences for which memory is charged. Returns how many datagrams were
    /// rejected by that.
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

    /// Notes that the possible sequence of a datagram is not of the agent's odd numbers.
    pub(crate) fn deny_odd(&mut self, stamp: Stamp) {
        let mut sequences = self.sequences.iter_mut();
        if let Some(sequence) = sequences.find(|sequence| sequence.newest == stamp) {
            sequence.is_odd = false;
        }
    }

    /// Whether no sequence is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Keeps a datagram that was examined just now and is undecided, if it fits into so many bytes;
    /// returns how many it takes.
    pub(crate) fn keep(&mut self, stamp: Stamp, datagram: &Datagram<'_>, free: usize) -> usize {
        let (samples, count) = datagram.encoded_samples();
        let free = free.min(MOST_BYTES.saturating_sub(self.bytes));
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

    /// Bytes of the kept datagrams.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the newest of them came.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let newest = self.sequences.iter().map(|it| it.newest.received_at);
        newest.max()
    }

    /// How many there are that were not reported as rejected.
    pub(crate) fn unreported(&self) -> u64 {
        self.sequences.iter().map(Sequence::unreported).sum()
    }
}

impl Confirmed {
    /// The first datagram that is known of the sequence of this one.
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
    /// What it takes.
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
    use crate::ingest::sequencing::datagram::Place;

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
    fn restart_is_confirmed_when_the_old_sequence_has_stopped() {
        let mut jumps = Jumps::default();
        let first = jumps.examine(&stream(), stamp(1, 5_000, 1020), false);
        assert!(matches!(first, Outcome::Undecided { .. }));
        let copy = jumps.examine(&stream(), stamp(1, 5_000, 1020), false);
        assert!(matches!(copy, Outcome::Repeated));
        let early = jumps.examine(&stream(), stamp(2, 5_000, 1024), false);
        assert!(matches!(early, Outcome::Undecided { .. }), "it may go on");
        let Outcome::Confirmed(confirmed) = jumps.examine(&stream(), stamp(3, 15_000, 1030), false)
        else {
            panic!("twenty seconds without the old sequence");
        };
        assert_eq!((confirmed.rejected, confirmed.without_uptime), (0, false));
        assert_eq!(jumps.unreported(), 0);
    }

    #[test]
    fn random_datagrams_between_do_not_displace_the_first() {
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
            panic!("it continues the first");
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
        assert!(jumps.sequences.len() <= MOST_SEQUENCES);
        assert_eq!(rejected + jumps.unreported(), 1000);
    }

    #[test]
    fn sequences_beyond_the_included_ones_are_charged() {
        let mut jumps = Jumps::default();
        for number in 0..40_u32 {
            assert_eq!(
                jumps.lines_to_charge(),
                number.saturating_sub(16).div_ceil(4) as usize
            );
            let forged = stamp(number.wrapping_mul(2_654_435_761), number << 22, 1011);
            jumps.examine(&stream(), forged, false);
        }
        assert_eq!(jumps.drop_charged(), 24);
        assert_eq!((jumps.lines_to_charge(), jumps.unreported()), (0, 16));
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
