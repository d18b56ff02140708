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

/// An agent can exceed its mean rate of datagrams by this factor for a while.
const MOST_TIMES_MEAN: f64 = 1_000.0;

/// Datagrams that can be missing between two, whatever the time between them.
pub(crate) const BURST: u32 = 1_000;

/// A sequence has stopped after this many of its longest recent gaps between two datagrams.
const GAPS: f64 = 1.5;

/// A sequence has not stopped before this.
const SHORTEST_STOP: Duration = Duration::from_secs(1);

/// The longest gap is that of about the last two periods of this length.
const GAP_PERIOD: Duration = Duration::from_secs(64);

/// Uptime and arrival of two datagrams of one agent differ by less than this: processing and the
/// way take time, and some agents count whole seconds.
const AGREEMENT: Duration = Duration::from_secs(2);

/// A number that is lower by less time than this can be of datagrams that two threads of an agent
/// sent at the same time.
const CONCURRENT: u32 = 100;

/// Numbers that make no sense, after which all of them are distrusted.
const MOST_ODD: u8 = 3;

/// Numbers that make no sense count together if there is not more time between two of them.
const ODD_PERIOD: Duration = Duration::from_secs(300);

/// Consecutive numbers, after which numbers are trusted again.
const REGULAR: u8 = 64;

/// Equal steps of the numbers by more than one, after which nothing is missing between them.
const STRIDES: u8 = 20;

/// Consecutive datagrams without an uptime that are numbered lower than the newest, after which
/// numbers are distrusted.
const MOST_BEHIND: u8 = 8;

/// Consecutive datagrams with one uptime that do not continue each other, after which arrival
/// alone orders them.
const MOST_UNNUMBERED: u8 = 8;

/// Changes of the UDP port in a sequence, after which ports distinguish nothing.
const MOST_PORTS: u8 = 4;

/// A sequence has ended without a datagram for so many of its longest recent gaps.
const END_GAPS: u32 = 3;

/// A sequence has not ended before this, and has after the other one.
const SHORTEST_END: Duration = Duration::from_secs(10);
const LONGEST_END: Duration = Duration::from_secs(120);

/// Where a datagram stands in the stream of its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The newest so far; so many between it and the one before are missing.
    Next { missing: u32 },
    /// The newest so far, and none is missing: the agent numbers in steps, so that so many that
    /// were counted as missing before are not.
    Strided { found: u64 },
    /// Older than the newest and here for the first time; `was_missing` unless it is older than
    /// the first one that was heard.
    Reordered { was_missing: bool },
    /// It was here already.
    Repeated,
    /// Too old to tell whether it was here already.
    Late,
    /// It does not continue the sequence: the first of a new one, or forged.
    Jump,
    /// Its number does not continue the sequence, but its uptime does: the agent numbers in
    /// another way.
    Odd,
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
    /// The UDP port of the sender; 0 if it is unknown.
    pub(crate) port: u16,
    pub(crate) received_at: Timestamp,
}

/// The datagrams of an agent so far: the newest, and which of those before it have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    newest: Stamp,
    /// When the first one came.
    began_at: Timestamp,
    /// Bit `n`: the datagram `n` before the newest has come.
    seen: u64,
    /// Datagrams from the first one to the newest, come or not.
    sent: u64,
    /// The agent's uptime is not in milliseconds: only sequence numbers count.
    ignores_uptime: bool,
    gaps: Gaps,
    numbering: Numbering,
}

/// How an agent numbers its datagrams.
#[derive(Clone, Copy, Debug)]
struct Numbering {
    /// Whether the numbers make no sense: uptimes alone order the datagrams.
    is_distrusted: bool,
    /// Numbers that made no sense since the numbering was last regular.
    odd: u8,
    odd_at: Timestamp,
    /// Consecutive numbers, while they are distrusted.
    regular: u8,
    stride: Stride,
    /// Consecutive datagrams without an uptime that are numbered lower than the newest.
    behind: u8,
    /// Consecutive datagrams with the uptime of the newest that do not continue the sequence.
    unnumbered: u8,
    /// Hash of the content of the last copy of the newest datagram.
    copy: Option<u64>,
    /// How often one sequence has changed its UDP port.
    ports: u8,
    /// Whether several sequences share this one: each datagram is the next.
    is_shared: bool,
    /// Number and uptime of the newest datagrams, while numbers are distrusted.
    recent: [(u32, u32); 8],
}

/// The difference between the numbers of two datagrams, or samples, of which nothing is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stride {
    last: u32,
    /// Consecutive differences that are equal to the last.
    equal: u8,
    is_known: bool,
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
            began_at: first.received_at,
            seen: 1,
            sent: 1,
            ignores_uptime: false,
            gaps: Gaps {
                period_began: first.received_at,
                this_period: Duration::ZERO,
                last_period: Duration::ZERO,
            },
            numbering: Numbering {
                is_distrusted: false,
                odd: 0,
                odd_at: Timestamp::ZERO,
                regular: 0,
                stride: Stride::ONE,
                behind: 0,
                unnumbered: 0,
                copy: None,
                ports: 0,
                is_shared: false,
                recent: [(first.sequence, first.uptime); 8],
            },
        }
    }

    /// The UDP port of the newest datagram; 0 if it is unknown.
    pub(crate) const fn port(&self) -> u16 {
        if self.numbering.ports < MOST_PORTS {
            self.newest.port
        } else {
            0
        }
    }

    /// Whether the numbers of the datagrams are not used, since they make no sense.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.numbering.is_distrusted
    }

    /// Whether numbers are used, but step by more than one.
    pub(crate) const fn has_stride(&self) -> bool {
        self.numbering.stride.is_known
    }

    /// Counts a number that makes no sense; returns whether there were as many as it takes.
    pub(crate) fn count_odd(&mut self, now: Timestamp) -> bool {
        let numbering = &mut self.numbering;
        let is_recent = now
            .checked_since(numbering.odd_at)
            .is_some_and(|elapsed| elapsed <= ODD_PERIOD);
        numbering.odd = if is_recent { numbering.odd + 1 } else { 1 };
        numbering.odd_at = now;
        numbering.odd >= MOST_ODD
    }

    /// Whether a datagram does not show by its uptime when it was sent: its uptime is that of the
    /// newest one.
    pub(crate) fn has_same_uptime(&self, stamp: Stamp) -> bool {
        stamp.uptime == self.newest.uptime && !self.ignores_uptime && !self.is_of_other_port(stamp)
    }

    /// Counts a datagram with the uptime of the newest that does not continue the sequence; returns
    /// whether there are enough to distrust numbers and uptimes. One that continues an earlier one
    /// of these (`is_unnumbered` is false) resets the count.
    pub(crate) fn count_unnumbered(&mut self, is_unnumbered: bool) -> bool {
        let numbering = &mut self.numbering;
        numbering.unnumbered = match is_unnumbered {
            true => numbering.unnumbered.saturating_add(1),
            false => 0,
        };
        numbering.unnumbered >= MOST_UNNUMBERED
    }

    /// Counts a copy of the newest datagram whose content, of which this is the hash, differs from
    /// that of the copy before; returns whether there were enough to distrust numbers and uptimes.
    pub(crate) fn count_copy(&mut self, stamp: Stamp, content: u64) -> bool {
        if self.newest.sequence != stamp.sequence || self.newest.uptime != stamp.uptime {
            return false;
        }
        let before = self.numbering.copy.replace(content);
        before.is_some_and(|before| before != content) && self.count_odd(stamp.received_at)
    }

    /// Whether numbers are distrusted since the last datagram, as they went back.
    pub(crate) const fn take_distrusted(&mut self) -> bool {
        let is_new = self.numbering.behind >= MOST_BEHIND;
        if is_new {
            self.numbering.behind = 0;
        }
        is_new
    }

    /// Orders datagrams by their uptimes from now on.
    pub(crate) fn distrust(&mut self) {
        self.numbering.is_distrusted = true;
        self.numbering.regular = 0;
        self.numbering.odd = 0;
        self.numbering.unnumbered = 0;
        self.numbering.copy = None;
        self.numbering.stride = Stride::ONE;
        self.numbering.recent = [(self.newest.sequence, self.newest.uptime); 8];
    }

    /// Makes it the sequence of all datagrams that continue no other one.
    pub(crate) fn share(&mut self) {
        self.distrust();
        self.ignores_uptime = true;
        self.numbering.ports = MOST_PORTS;
        self.numbering.is_shared = true;
    }

    /// Whether several sequences share this one.
    pub(crate) const fn is_shared(&self) -> bool {
        self.numbering.is_shared
    }

    /// Whether a datagram has the next number.
    pub(crate) fn expects(&self, stamp: Stamp) -> bool {
        stamp.sequence.wrapping_sub(self.newest.sequence) == 1
            && follows(self.newest, stamp, self.ignores_uptime)
    }

    /// Whether no datagram came for several of the longest recent gaps.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        let longest = self.gaps.longest().saturating_mul(END_GAPS);
        let silent = now.checked_since(self.newest.received_at);
        silent.is_some_and(|silent| silent > longest.clamp(SHORTEST_END, LONGEST_END))
    }

    /// Time since the newest datagram, as a multiple of the longest recent gap.
    pub(crate) fn overdue(&self, now: Timestamp) -> f64 {
        let longest = self.gaps.longest().max(SHORTEST_STOP);
        (now - self.newest.received_at).as_secs_f64() / longest.as_secs_f64()
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

    /// Finds the place of a datagram, and remembers it unless it is a jump or odd.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Place {
        if self.numbering.is_distrusted {
            return self.place_by_uptime(stamp);
        }
        let ahead = stamp.sequence.wrapping_sub(self.newest.sequence);
        let is_of_other_port = self.is_of_other_port(stamp);
        if is_forward(ahead) {
            let is_next = follows(self.newest, stamp, self.ignores_uptime)
                && (ahead <= BURST || self.can_be_ahead(ahead, stamp.received_at))
                && (!is_of_other_port || ahead == 1);
            if !is_next {
                return self.odd_or_jump(stamp);
            }
            if is_of_other_port {
                self.numbering.ports = self.numbering.ports.saturating_add(1);
            }
            self.record_gap(stamp);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = stamp;
            self.numbering.behind = 0;
            self.numbering.unnumbered = 0;
            self.numbering.copy = None;
            self.sent += u64::from(ahead);
            let (missing, found) = self.numbering.stride.missing(ahead);
            return match found {
                0 => Place::Next { missing },
                found => Place::Strided { found },
            };
        }
        if is_of_other_port {
            return self.odd_or_jump(stamp);
        }
        let behind = self.newest.sequence.wrapping_sub(stamp.sequence);
        if behind >= WINDOW {
            if self.agrees(stamp) {
                return Place::Odd;
            }
            return if !self.ignores_uptime && was_sent_lately(self.newest, stamp) {
                Place::Late
            } else {
                Place::Jump
            };
        }
        if restarted(self.newest, stamp) {
            return self.odd_or_jump(stamp);
        }
        // A copy, or a datagram that was delayed, was not sent after the newest one.
        let was_sent_later = is_forward(stamp.uptime.wrapping_sub(self.newest.uptime));
        let bit = 1 << behind;
        if self.seen & bit != 0 {
            // A copy has the uptime of the first one.
            let is_other = was_sent_later || behind == 0 && stamp.uptime != self.newest.uptime;
            return if was_sent_later && self.agrees(stamp) {
                Place::Odd
            } else if is_other && !self.ignores_uptime {
                Place::Jump
            } else {
                Place::Repeated
            };
        }
        if was_sent_later
            && stamp.uptime.wrapping_sub(self.newest.uptime) >= CONCURRENT
            && self.agrees(stamp)
        {
            return Place::Odd;
        }
        self.seen |= bit;
        if stamp.uptime == 0 && self.newest.uptime == 0 {
            self.numbering.behind += 1;
            if self.numbering.behind >= MOST_BEHIND {
                self.ignores_uptime = true;
                self.distrust();
                self.numbering.behind = MOST_BEHIND;
                return self.place_by_uptime(stamp);
            }
        }
        Place::Reordered {
            was_missing: u64::from(behind) < self.sent,
        }
    }

    /// Finds the place of a datagram of an agent whose numbers make no sense.
    #[cold]
    fn place_by_uptime(&mut self, stamp: Stamp) -> Place {
        let forward = stamp.uptime.wrapping_sub(self.newest.uptime);
        let number = (stamp.sequence, stamp.uptime);
        let has_uptime = stamp.uptime != 0 || self.newest.uptime != 0;
        let elapsed = stamp.received_at.checked_since(self.newest.received_at);
        if self.is_of_other_port(stamp) {
            return Place::Jump;
        }
        if forward == 0 || is_forward(forward) || self.numbering.is_shared {
            let is_copy = has_uptime && self.numbering.recent.contains(&number);
            let is_possible = elapsed.is_none_or(|elapsed| {
                Duration::from_millis(forward.into()) <= elapsed + elapsed / 4 + HORIZON
            });
            if !self.ignores_uptime && !is_possible {
                return Place::Jump;
            }
            if is_copy {
                return Place::Repeated;
            }
            self.record_gap(stamp);
            let is_regular = stamp.sequence.wrapping_sub(self.newest.sequence) == 1;
            let recent = &mut self.numbering.recent;
            recent.rotate_right(1);
            recent[0] = number;
            self.numbering.regular = match is_regular {
                true => self.numbering.regular + 1,
                false => 0,
            };
            self.newest = stamp;
            self.seen = u64::MAX;
            if self.numbering.regular >= REGULAR {
                self.numbering.is_distrusted = false;
                self.numbering.is_shared = false;
                self.sent = 1;
                self.began_at = stamp.received_at;
            }
            return Place::Next { missing: 0 };
        }
        let back = Duration::from_millis(forward.wrapping_neg().into());
        let is_late = back <= HORIZON && elapsed.is_none_or(|elapsed| elapsed <= HORIZON);
        match is_late {
            true if self.numbering.recent.contains(&number) => Place::Repeated,
            true => {
                let recent = &mut self.numbering.recent;
                recent.rotate_right(1);
                recent[0] = number;
                Place::Reordered { was_missing: false }
            }
            false => Place::Jump,
        }
    }

    fn odd_or_jump(&self, stamp: Stamp) -> Place {
        // From another port it is another sequence, even of an agent that started at that moment.
        if self.agrees(stamp) && !self.is_of_other_port(stamp) {
            Place::Odd
        } else {
            Place::Jump
        }
    }

    /// Whether a datagram was sent after the newest one, by an uptime that grew by the time that
    /// has passed. Numbers and ports do not count.
    pub(crate) fn agrees(&self, stamp: Stamp) -> bool {
        let forward = stamp.uptime.wrapping_sub(self.newest.uptime);
        let is_unknown = stamp.uptime == 0 && self.newest.uptime == 0;
        if self.ignores_uptime || is_unknown || forward != 0 && !is_forward(forward) {
            return false;
        }
        let forward = Duration::from_millis(forward.into());
        let elapsed = stamp.received_at.checked_since(self.newest.received_at);
        elapsed.is_some_and(|elapsed| forward.abs_diff(elapsed) <= AGREEMENT)
    }

    /// Whether it came from another UDP port than the newest.
    pub(crate) const fn is_of_other_port(&self, stamp: Stamp) -> bool {
        self.numbering.ports < MOST_PORTS
            && stamp.port != self.newest.port
            && stamp.port != 0
            && self.newest.port != 0
    }

    fn record_gap(&mut self, stamp: Stamp) {
        if let Some(gap) = stamp.received_at.checked_since(self.newest.received_at) {
            self.gaps.record(gap, stamp.received_at);
        }
    }

    /// Whether an agent with this mean rate can have sent so many datagrams since the newest.
    #[cold]
    fn can_be_ahead(&self, ahead: u32, now: Timestamp) -> bool {
        let observed = (self.newest.received_at - self.began_at).as_secs_f64();
        if self.sent < 3 || observed <= 0.0 {
            return true;
        }
        let mean = self.sent as f64 / observed;
        let elapsed = (now - self.newest.received_at).as_secs_f64();
        f64::from(ahead) <= f64::from(BURST) + MOST_TIMES_MEAN * mean * elapsed
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

impl Stride {
    pub(crate) const ONE: Self = Self {
        last: 1,
        equal: 0,
        is_known: false,
    };

    /// How many are missing before one whose number is higher by so much, and how many of those
    /// that were counted as missing before it are not.
    #[inline]
    pub(crate) fn missing(&mut self, ahead: u32) -> (u32, u64) {
        if ahead == 1 && self.last == 1 {
            return (0, 0);
        }
        self.missing_of_stride(ahead)
    }

    #[cold]
    fn missing_of_stride(&mut self, ahead: u32) -> (u32, u64) {
        if self.is_known {
            if ahead.is_multiple_of(self.last) {
                return (ahead / self.last - 1, 0);
            }
            *self = Self::ONE;
        }
        if ahead != self.last {
            *self = Self {
                last: ahead,
                equal: 0,
                is_known: false,
            };
            return (ahead - 1, 0);
        }
        self.equal += 1;
        if self.equal < STRIDES {
            return (ahead - 1, 0);
        }
        self.is_known = true;
        (0, u64::from(ahead - 1) * u64::from(self.equal))
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
    if !is_forward(ahead)
        || ahead > BURST && ahead > at_most(MOST_PER_SECOND, elapsed.unwrap_or_default())
    {
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
mod tests;
