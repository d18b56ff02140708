//! Steps one and two: did the agent restart, is the datagram late or here twice?

use core::time::Duration;

use crate::timestamp::Timestamp;

/// How far back a datagram can be told from one that comes twice.
const WINDOW: u32 = 64;

/// A datagram that is older than this did not get lost on the way: its agent started again.
const HORIZON: Duration = Duration::from_secs(10);

/// An agent that was not heard for so long is believed that it started again, whatever its
/// uptime says.
const SILENCE: Duration = Duration::from_secs(30);

/// Where a datagram stands in the stream of its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The newest so far; so many between it and the one before are missing.
    Next { missing: u32 },
    /// Older than the newest and here for the first time; `was_missing` unless it is older than
    /// the first one that was heard.
    Reordered { was_missing: bool },
    /// It was here already.
    Repeated,
    /// Too old to tell whether it was here already.
    Late,
    /// The first of a new life of the agent.
    Restarted,
}

/// What a datagram says about its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sequence: u32,
    /// In milliseconds, modulo 2^32.
    pub(crate) uptime: u32,
    pub(crate) received_at: Timestamp,
}

/// The datagrams of an agent so far: the newest, and which of those before it have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    newest: Stamp,
    /// Bit `n`: the datagram `n` before the newest has come.
    seen: u64,
    /// Datagrams from the first one to the newest, come or not.
    sent: u64,
}

impl Stream {
    /// A stream that begins.
    pub(crate) const fn starting_with(first: Stamp) -> Self {
        Self {
            newest: first,
            seen: 1,
            sent: 1,
        }
    }

    /// The newest datagram.
    pub(crate) const fn newest(&self) -> Stamp {
        self.newest
    }

    /// Finds the place of a datagram, and remembers it.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Place {
        if restarted(self.newest, stamp) {
            *self = Self::starting_with(stamp);
            return Place::Restarted;
        }
        let ahead = stamp.sequence.wrapping_sub(self.newest.sequence);
        if is_forward(ahead) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = stamp;
            self.sent += u64::from(ahead);
            return Place::Next { missing: ahead - 1 };
        }
        let behind = self.newest.sequence.wrapping_sub(stamp.sequence);
        if behind >= WINDOW {
            return Place::Late;
        }
        let bit = 1 << behind;
        if self.seen & bit != 0 {
            return Place::Repeated;
        }
        self.seen |= bit;
        Place::Reordered {
            was_missing: u64::from(behind) < self.sent,
        }
    }
}

/// Whether the agent started again between these two datagrams.
///
/// The sequence alone does not tell: an agent that has sent thirty datagrams and starts again
/// looks like one whose datagrams are late. But a late datagram was sent a moment ago, which
/// uptime and arrival together show. And an agent that started again has done so since it was
/// heard last: otherwise it is late by far, or another one that goes by the same name.
fn restarted(newest: Stamp, stamp: Stamp) -> bool {
    let uptime_back = newest.uptime.wrapping_sub(stamp.uptime);
    let uptime_back = if is_forward(uptime_back) {
        Duration::from_millis(uptime_back.into())
    } else {
        Duration::ZERO
    };
    if is_forward(stamp.sequence.wrapping_sub(newest.sequence)) {
        return uptime_back > HORIZON;
    }
    let behind = newest.sequence.wrapping_sub(stamp.sequence);
    let has_no_uptime = newest.uptime == 0 && stamp.uptime == 0;
    let begins = has_no_uptime && stamp.sequence <= 1 && behind >= WINDOW;
    let silent = stamp.received_at - newest.received_at;
    let may_have_started = uptime_back.is_zero()
        || Duration::from_millis(stamp.uptime.into()) <= silent + HORIZON
        || silent > SILENCE;
    begins || uptime_back + silent > HORIZON && may_have_started
}

/// Whether a difference modulo 2^32 points forward.
pub(crate) const fn is_forward(difference: u32) -> bool {
    difference != 0 && difference < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(sequence: u32, uptime_s: u32, received_s: u64) -> Stamp {
        Stamp {
            sequence,
            uptime: uptime_s.wrapping_mul(1000),
            received_at: Timestamp::from_secs(received_s),
        }
    }

    #[test]
    fn a_restart_is_told_from_a_late_datagram() {
        let cases = [
            ("goes on", stamp(10, 100, 1000), stamp(11, 101, 1001), false),
            (
                "with loss",
                stamp(10, 100, 1000),
                stamp(5000, 400, 1300),
                false,
            ),
            ("late", stamp(10, 100, 1000), stamp(8, 99, 1001), false),
            (
                "long before the newest",
                stamp(9000, 100, 1000),
                stamp(7, 99, 1001),
                false,
            ),
            (
                "sequence wraps",
                stamp(u32::MAX, 100, 1000),
                stamp(0, 101, 1001),
                false,
            ),
            (
                "uptime wraps",
                stamp(10, 4_294_967, 1000),
                stamp(11, 5, 1006),
                false,
            ),
            ("no uptime", stamp(10, 0, 1000), stamp(11, 0, 1010), false),
            (
                "no uptime, late",
                stamp(10, 0, 1000),
                stamp(9, 0, 1001),
                false,
            ),
            (
                "the first one, late",
                stamp(9000, 5, 1000),
                stamp(1, 1, 1001),
                false,
            ),
            (
                "begins again",
                stamp(9000, 50, 1000),
                stamp(1, 1, 1006),
                true,
            ),
            (
                "no uptime, begins again",
                stamp(9000, 0, 1000),
                stamp(1, 0, 1006),
                true,
            ),
            (
                "begins again, young",
                stamp(30, 100, 1000),
                stamp(1, 1, 1003),
                true,
            ),
            (
                "begins again, first ones lost",
                stamp(9000, 900, 1000),
                stamp(40, 20, 1022),
                true,
            ),
            (
                "behind one that had sent less",
                stamp(10, 900, 1000),
                stamp(40, 20, 1022),
                true,
            ),
            (
                "late by far",
                stamp(10, 100, 1000),
                stamp(8, 80, 1001),
                false,
            ),
            (
                "another one",
                stamp(9000, 900, 1000),
                stamp(70, 200, 1001),
                false,
            ),
            (
                "another one, alone since",
                stamp(9000, 900, 1000),
                stamp(77, 231, 1031),
                true,
            ),
            (
                "no uptime, silent since",
                stamp(30, 0, 1000),
                stamp(5, 0, 1011),
                true,
            ),
        ];
        for (case, newest, next, expected) in cases {
            assert_eq!(restarted(newest, next), expected, "{case}");
        }
    }

    #[test]
    fn each_datagram_has_one_place() {
        let mut stream = Stream::starting_with(stamp(u32::MAX - 1, 100, 1000));
        let cases = [
            (u32::MAX - 1, Place::Repeated),
            (1, Place::Next { missing: 2 }),
            (0, Place::Reordered { was_missing: true }),
            (0, Place::Repeated),
            (u32::MAX, Place::Reordered { was_missing: true }),
            (64, Place::Next { missing: 62 }),
            (1, Place::Repeated),
            (2, Place::Reordered { was_missing: true }),
            (0, Place::Late),
            (129, Place::Next { missing: 64 }),
            (64, Place::Late),
            (66, Place::Reordered { was_missing: true }),
        ];
        for (step, (sequence, expected)) in cases.into_iter().enumerate() {
            assert_eq!(
                stream.place(stamp(sequence, 100, 1000)),
                expected,
                "step {step}"
            );
        }
    }

    #[test]
    fn what_was_sent_before_the_first_was_not_missing() {
        let mut stream = Stream::starting_with(stamp(500, 100, 1000));
        let before = stream.place(stamp(498, 100, 1000));
        assert_eq!(before, Place::Reordered { was_missing: false });
        assert_eq!(
            stream.place(stamp(502, 100, 1000)),
            Place::Next { missing: 1 }
        );
        let between = stream.place(stamp(501, 100, 1000));
        assert_eq!(between, Place::Reordered { was_missing: true });
        let before = stream.place(stamp(499, 100, 1000));
        assert_eq!(before, Place::Reordered { was_missing: false });
    }

    #[test]
    fn a_restart_begins_a_new_stream() {
        let mut stream = Stream::starting_with(stamp(500, 100, 1000));
        assert_eq!(stream.place(stamp(1, 1, 1010)), Place::Restarted);
        assert_eq!(stream.place(stamp(2, 2, 1011)), Place::Next { missing: 0 });
        assert_eq!(stream.place(stamp(2, 2, 1011)), Place::Repeated);
    }
}
