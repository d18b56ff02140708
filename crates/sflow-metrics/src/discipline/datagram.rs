//! Steps one and two: does a datagram continue the sequence of its agent, late or twice or not?

use core::time::Duration;

use crate::timestamp::Timestamp;

/// How far back a datagram can be distinguished from a repeated one.
const WINDOW: u32 = 64;

/// A datagram older than this was not delayed on the way: its agent restarted.
const HORIZON: Duration = Duration::from_secs(10);

/// An agent without a datagram for this long may have restarted, whatever its uptime is.
const SILENCE: Duration = Duration::from_secs(30);

/// Datagrams that an agent sends per second at most. A larger step of the sequence number is a
/// jump, not loss.
const MOST_PER_SECOND: f64 = 10_000.0;

/// A sequence has stopped after this many of its longest recent gaps between two datagrams.
const GAPS: f64 = 1.5;

/// A sequence has not stopped before this.
const SHORTEST_STOP: Duration = Duration::from_secs(1);

/// The longest gap is that of about the last two periods of this length.
const GAP_PERIOD: Duration = Duration::from_secs(64);

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
    /// It does not continue the sequence: the first of a new one, or forged.
    Jump,
    /// It belongs to a sequence that was found to be forged.
    Rejected,
    /// It continues the sequence before an assumed restart, which did not happen.
    Resumed,
    /// It confirms that the agent restarted. The datagrams of the new sequence before it, as far
    /// as they were kept, have to be processed first.
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
    /// The agent's uptime is not in milliseconds: only sequence numbers count.
    ignores_uptime: bool,
    gaps: Gaps,
}

/// The longest recent time between two datagrams.
#[derive(Clone, Copy, Debug)]
struct Gaps {
    period_began: Timestamp,
    this_period: Duration,
    last_period: Duration,
}

impl Stream {
    /// A stream that begins.
    pub(crate) const fn starting_with(first: Stamp) -> Self {
        Self {
            newest: first,
            seen: 1,
            sent: 1,
            ignores_uptime: false,
            gaps: Gaps {
                period_began: first.received_at,
                this_period: Duration::ZERO,
                last_period: Duration::ZERO,
            },
        }
    }

    /// The newest datagram.
    pub(crate) const fn newest(&self) -> Stamp {
        self.newest
    }

    /// The same stream, of an agent whose uptime cannot be used.
    pub(crate) const fn without_uptime(self) -> Self {
        Self {
            ignores_uptime: true,
            ..self
        }
    }

    /// Whether uptimes are not compared.
    pub(crate) const fn ignores_uptime(&self) -> bool {
        self.ignores_uptime
    }

    /// Finds the place of a datagram, and remembers it unless it is a jump.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Place {
        let ahead = stamp.sequence.wrapping_sub(self.newest.sequence);
        if is_forward(ahead) {
            if !follows(self.newest, stamp, self.ignores_uptime) {
                return Place::Jump;
            }
            if let Some(gap) = stamp.received_at.checked_since(self.newest.received_at) {
                self.gaps.record(gap, stamp.received_at);
            }
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = stamp;
            self.sent += u64::from(ahead);
            return Place::Next { missing: ahead - 1 };
        }
        let behind = self.newest.sequence.wrapping_sub(stamp.sequence);
        if behind >= WINDOW {
            return if !self.ignores_uptime && was_sent_lately(self.newest, stamp) {
                Place::Late
            } else {
                Place::Jump
            };
        }
        if restarted(self.newest, stamp) {
            return Place::Jump;
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

    /// Whether no datagram continued the sequence for longer than usual.
    pub(crate) fn has_stopped(&self, now: Timestamp) -> bool {
        let longest = self.gaps.longest().mul_f64(GAPS);
        let silent = now.checked_since(self.newest.received_at);
        // Where the clock was set back nothing is known.
        silent.is_none_or(|silent| silent > longest.max(SHORTEST_STOP))
    }

    /// Whether a datagram that does not continue the sequence looks like the first ones after a
    /// restart: its agent was started since the newest.
    pub(crate) fn resembles_restart(&self, stamp: Stamp) -> bool {
        let silent = stamp.received_at - self.newest.received_at;
        if self.newest.uptime == 0 && stamp.uptime == 0 {
            return stamp.sequence <= WINDOW;
        }
        Duration::from_millis(stamp.uptime.into()) <= silent + HORIZON
    }
}

impl Gaps {
    fn record(&mut self, gap: Duration, now: Timestamp) {
        let longest = self.longest();
        // A pause is not the pace.
        let gap = if longest.is_zero() {
            gap
        } else {
            gap.min(longest.max(SHORTEST_STOP).saturating_mul(2))
        };
        let is_over = now
            .checked_since(self.period_began)
            .is_none_or(|elapsed| elapsed > GAP_PERIOD);
        if is_over {
            self.period_began = now;
            self.last_period = core::mem::take(&mut self.this_period);
        }
        self.this_period = self.this_period.max(gap);
    }

    fn longest(&self) -> Duration {
        self.this_period.max(self.last_period)
    }
}

/// Whether one datagram can come behind another in one sequence: it is numbered higher, by no
/// more than an agent can have sent meanwhile, and the agent's uptime has not gone back, nor
/// forward by more than the time that has passed.
pub(crate) fn follows(newest: Stamp, next: Stamp, ignores_uptime: bool) -> bool {
    let ahead = next.sequence.wrapping_sub(newest.sequence);
    // `None` where our clock was set back: then nothing bounds the uptime.
    let elapsed = next.received_at.checked_since(newest.received_at);
    let most = at_most(MOST_PER_SECOND, elapsed.unwrap_or_default());
    if !is_forward(ahead) || ahead > most {
        return false;
    }
    if ignores_uptime {
        return true;
    }
    let forward = next.uptime.wrapping_sub(newest.uptime);
    if forward != 0 && !is_forward(forward) {
        return Duration::from_millis(forward.wrapping_neg().into()) <= HORIZON;
    }
    let forward = Duration::from_millis(forward.into());
    elapsed.is_none_or(|elapsed| forward <= elapsed + elapsed / 4 + HORIZON)
}

/// How many can have been sent within a time, at so many per second and a tenth of a second of
/// delay.
pub(crate) fn at_most(per_second: f64, elapsed: Duration) -> u32 {
    (per_second * (elapsed.as_secs_f64() + 0.1)) as u32
}

/// Whether a datagram numbered lower than the newest belongs to the same sequence.
pub(crate) fn precedes(newest: Stamp, stamp: Stamp) -> bool {
    let behind = newest.sequence.wrapping_sub(stamp.sequence);
    behind < WINDOW && !restarted(newest, stamp)
}

/// Whether uptimes and arrival show that a datagram was sent shortly before the newest one.
fn was_sent_lately(newest: Stamp, stamp: Stamp) -> bool {
    let back = newest.uptime.wrapping_sub(stamp.uptime);
    let silent = stamp.received_at - newest.received_at;
    newest.uptime != 0
        && (back == 0 || is_forward(back))
        && Duration::from_millis(back.into()) <= HORIZON
        && silent <= HORIZON
}

/// Whether the agent restarted between these two datagrams, of which the second is not numbered
/// higher.
///
/// The sequence alone does not show it: an agent that has sent thirty datagrams and restarts
/// looks like one whose datagrams are late. But a late datagram was sent a moment ago, which
/// uptime and arrival together show. And an agent that restarted has done so since its newest
/// datagram: otherwise it is late by far, or of another agent with the same identity.
fn restarted(newest: Stamp, stamp: Stamp) -> bool {
    let uptime_back = newest.uptime.wrapping_sub(stamp.uptime);
    let uptime_back = if is_forward(uptime_back) {
        Duration::from_millis(uptime_back.into())
    } else {
        Duration::ZERO
    };
    let silent = stamp.received_at - newest.received_at;
    let may_have_started = uptime_back.is_zero()
        || Duration::from_millis(stamp.uptime.into()) <= silent + HORIZON
        || silent > SILENCE;
    uptime_back + silent > HORIZON && may_have_started
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
    fn jump_is_distinguished_from_late_datagram() {
        const NEXT: fn(Place) -> bool = |place| matches!(place, Place::Next { .. });
        const OLD: fn(Place) -> bool = |place| {
            let is_reordered = matches!(place, Place::Reordered { .. });
            is_reordered || matches!(place, Place::Repeated | Place::Late)
        };
        const JUMP: fn(Place) -> bool = |place| place == Place::Jump;
        let top = u32::MAX;
        let cases = [
            ("goes on", stamp(10, 100, 1000), stamp(11, 101, 1001), NEXT),
            (
                "with loss",
                stamp(10, 100, 1000),
                stamp(5000, 400, 1300),
                NEXT,
            ),
            ("late", stamp(10, 100, 1000), stamp(8, 99, 1001), OLD),
            (
                "long before the newest",
                stamp(9000, 100, 1000),
                stamp(7, 99, 1001),
                OLD,
            ),
            (
                "sequence wraps",
                stamp(top, 100, 1000),
                stamp(0, 101, 1001),
                NEXT,
            ),
            (
                "uptime wraps",
                stamp(10, 4_294_967, 1000),
                stamp(11, 5, 1006),
                NEXT,
            ),
            ("no uptime", stamp(10, 0, 1000), stamp(11, 0, 1010), NEXT),
            (
                "no uptime, late",
                stamp(10, 0, 1000),
                stamp(9, 0, 1001),
                OLD,
            ),
            (
                "the first one, late",
                stamp(9000, 5, 1000),
                stamp(1, 1, 1001),
                OLD,
            ),
            (
                "begins again",
                stamp(9000, 50, 1000),
                stamp(1, 1, 1006),
                JUMP,
            ),
            (
                "no uptime, begins again",
                stamp(9000, 0, 1000),
                stamp(1, 0, 1006),
                JUMP,
            ),
            (
                "begins again, young",
                stamp(30, 100, 1000),
                stamp(1, 1, 1003),
                JUMP,
            ),
            (
                "begins again, first ones lost",
                stamp(9000, 900, 1000),
                stamp(40, 20, 1022),
                JUMP,
            ),
            (
                "behind one that had sent less",
                stamp(10, 900, 1000),
                stamp(40, 20, 1022),
                JUMP,
            ),
            ("late by far", stamp(10, 100, 1000), stamp(8, 80, 1001), OLD),
            (
                "another one",
                stamp(9000, 900, 1000),
                stamp(70, 200, 1001),
                JUMP,
            ),
            (
                "another one, alone since",
                stamp(9000, 900, 1000),
                stamp(77, 231, 1031),
                JUMP,
            ),
            (
                "no uptime, silent since",
                stamp(30, 0, 1000),
                stamp(5, 0, 1011),
                JUMP,
            ),
            (
                "more than was sent",
                stamp(10, 100, 1000),
                stamp(2_000_000_000, 103, 1003),
                JUMP,
            ),
            (
                "more than was sent, nearly",
                stamp(10, 100, 1000),
                stamp(31_080, 103, 1003),
                JUMP,
            ),
            (
                "uptime ahead of time",
                stamp(10, 100, 1000),
                stamp(11, 9000, 1010),
                JUMP,
            ),
            (
                "our clock forward",
                stamp(10, 100, 1000),
                stamp(11, 110, 4610),
                NEXT,
            ),
            (
                "our clock back",
                stamp(10, 100, 9000),
                stamp(11, 160, 1000),
                NEXT,
            ),
            (
                "ticks of a tenth",
                stamp(10, 100, 1000),
                stamp(11, 101, 1010),
                NEXT,
            ),
        ];
        for (case, newest, next, expected) in cases {
            let place = Stream::starting_with(newest).place(next);
            assert!(expected(place), "{case}: {place:?}");
        }
    }

    #[test]
    fn sequence_has_stopped_after_its_longest_gap() {
        let mut stream = Stream::starting_with(stamp(1, 100, 1000));
        for number in 0..30_u32 {
            let burst = stamp(
                2 + 2 * number,
                110 + 10 * number,
                1010 + u64::from(number) * 10,
            );
            stream.place(burst);
            stream.place(Stamp {
                sequence: burst.sequence + 1,
                ..burst
            });
        }
        assert!(!stream.has_stopped(Timestamp::from_secs(1300 + 15)));
        assert!(stream.has_stopped(Timestamp::from_secs(1300 + 16)));
        // A pause of an hour is not its pace.
        stream.place(stamp(62, 3900, 1300 + 3500));
        assert!(stream.has_stopped(Timestamp::from_secs(4800 + 31)));
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
}
