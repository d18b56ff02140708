//! Steps one and two: does a datagram continue the sequence of its agent; is it late or repeated?

use core::time::Duration;

use super::gaps::{Gaps, SHORTEST_STOP};
use super::number::{BURST, is_forward};
use super::stamp::{HORIZON, Stamp, WINDOW, follows, restarted, was_sent_recently};
use super::stride::Stride;
use super::trust::Trust;
use crate::timestamp::Timestamp;

/// An agent can exceed its mean rate of datagrams by this factor for a while.
const MOST_TIMES_MEAN: f64 = 1_000.0;

/// A sequence has stopped after this many of its longest recent gaps between two datagrams.
const GAPS: f64 = 1.5;

/// Maximum difference between uptime and arrival of two datagrams of one agent, due to processing,
/// transport, and agents that count whole seconds.
const AGREEMENT: Duration = Duration::from_secs(2);

/// Maximum difference of uptimes, in milliseconds, of datagrams that two threads of an agent send at
/// the same time.
const CONCURRENT: u32 = 100;

/// Maximum time between two implausible numbers in a row.
const IMPLAUSIBLE_PERIOD: Duration = Duration::from_secs(300);

/// Consecutive datagrams without an uptime that are numbered lower than the newest, after which
/// numbers are distrusted.
const MOST_BEHIND: u8 = 8;

/// Consecutive datagrams with one uptime that do not continue each other, after which arrival
/// alone orders them.
const MOST_UNNUMBERED: u8 = 8;

/// Changes of the UDP port in a sequence after which ports are ignored.
const MOST_PORTS: u8 = 4;

/// A sequence has ended after this many of its longest recent gaps without a datagram.
const END_GAPS: u32 = 3;

/// Bounds for the time after which a sequence has ended.
const SHORTEST_END: Duration = Duration::from_secs(10);
const LONGEST_END: Duration = Duration::from_secs(120);

/// The place of a datagram in the sequence of its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The newest so far; `missing` datagrams before it were not received.
    Next { missing: u32 },
    /// The newest so far. The agent numbers in steps, so `found` datagrams that were counted as
    /// missing are not.
    Strided { found: u64 },
    /// Older than the newest, and received for the first time. `was_missing` is false if it is older
    /// than the first one received.
    Reordered { was_missing: bool },
    /// Received before.
    Repeated,
    /// Too old to be distinguished from a repeated one.
    Late,
    /// Does not continue the sequence: the first of a new one, or forged.
    Jump,
    /// The number does not continue the sequence, but the uptime does: the agent does not number as
    /// specified.
    Misnumbered,
    /// Confirms that the agent restarted. Datagrams that were kept of the new sequence have to be
    /// processed first.
    Restarted,
}

/// State of a sequence of datagrams: the newest, and which ones before it were received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    newest: Stamp,
    /// Time of the first one.
    began_at: Timestamp,
    /// Bit `n`: the datagram `n` before the newest was received.
    seen: u64,
    /// Number of datagrams from the first one to the newest, received or not.
    sent: u64,
    /// Whether uptimes are ignored, because they are not in milliseconds or do not change.
    ignores_uptime: bool,
    gaps: Gaps,
    numbering: Numbering,
}

/// How an agent numbers its datagrams.
#[derive(Clone, Copy, Debug)]
struct Numbering {
    /// If numbers are ignored, uptimes order the datagrams.
    trust: Trust,
    /// Time of the last implausible number.
    implausible_at: Timestamp,
    stride: Stride,
    /// Consecutive datagrams without an uptime that are numbered lower than the newest.
    behind: u8,
    /// Consecutive datagrams with the uptime of the newest that do not continue the sequence.
    unnumbered: u8,
    /// Hash of the content of the last copy of the newest datagram.
    copy: Option<u64>,
    /// Number of changes of the UDP port.
    ports: u8,
    /// Whether several sequences share this one: each datagram is the next.
    is_shared: bool,
    /// Number and uptime of the newest datagrams, while numbers are ignored.
    recent: [(u32, u32); 8],
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
            gaps: Gaps::starting_at(first.received_at),
            numbering: Numbering {
                trust: Trust::UNIMPAIRED,
                implausible_at: Timestamp::ZERO,
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

    /// Whether the numbers of datagrams are ignored, since they are implausible.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.numbering.trust.is_distrusted()
    }

    /// Whether numbers are used, but step by more than one.
    pub(crate) const fn has_stride(&self) -> bool {
        self.numbering.stride.is_known()
    }

    /// Counts an implausible number; returns whether there are enough to ignore all numbers.
    pub(crate) fn count_implausible(&mut self, now: Timestamp) -> bool {
        let numbering = &mut self.numbering;
        let is_recent = now
            .checked_since(numbering.implausible_at)
            .is_some_and(|elapsed| elapsed <= IMPLAUSIBLE_PERIOD);
        if !is_recent {
            numbering.trust.reset();
        }
        numbering.implausible_at = now;
        numbering.trust.count_implausible()
    }

    /// Whether a datagram has the uptime of the newest one, so that the uptime does not show when it
    /// was sent.
    pub(crate) fn has_same_uptime(&self, stamp: Stamp) -> bool {
        stamp.uptime == self.newest.uptime && !self.ignores_uptime && !self.is_of_other_port(stamp)
    }

    /// Counts a datagram with the uptime of the newest that does not continue the sequence; returns
    /// whether there are enough to ignore numbers and uptimes. A datagram that continues an earlier
    /// one of these (`is_unnumbered` is false) resets the count.
    pub(crate) fn count_unnumbered(&mut self, is_unnumbered: bool) -> bool {
        let numbering = &mut self.numbering;
        numbering.unnumbered = match is_unnumbered {
            true => numbering.unnumbered.saturating_add(1),
            false => 0,
        };
        numbering.unnumbered >= MOST_UNNUMBERED
    }

    /// Counts a copy of the newest datagram if the hash of its content differs from that of the copy
    /// before; returns whether there are enough to ignore numbers and uptimes.
    pub(crate) fn count_copy(&mut self, stamp: Stamp, content: u64) -> bool {
        if self.newest.sequence != stamp.sequence || self.newest.uptime != stamp.uptime {
            return false;
        }
        let before = self.numbering.copy.replace(content);
        before.is_some_and(|before| before != content) && self.count_implausible(stamp.received_at)
    }

    /// Whether the last datagram caused numbers to be ignored, because they decreased.
    pub(crate) const fn take_distrusted(&mut self) -> bool {
        let is_new = self.numbering.behind >= MOST_BEHIND;
        if is_new {
            self.numbering.behind = 0;
        }
        is_new
    }

    /// Ignores numbers from now on.
    pub(crate) fn distrust(&mut self) {
        self.numbering.trust.reset();
        self.numbering.trust.distrust();
        self.numbering.unnumbered = 0;
        self.numbering.copy = None;
        self.numbering.stride = Stride::ONE;
        self.numbering.recent = [(self.newest.sequence, self.newest.uptime); 8];
    }

    /// Makes this the sequence of all datagrams that continue no other one.
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

    /// Whether the newest datagram is older than several of the longest recent gaps.
    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        let longest = self.gaps.longest().saturating_mul(END_GAPS);
        let idle = now.checked_since(self.newest.received_at);
        idle.is_some_and(|idle| idle > longest.clamp(SHORTEST_END, LONGEST_END))
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

    /// Ignores uptimes.
    pub(crate) const fn without_uptime(self) -> Self {
        Self {
            ignores_uptime: true,
            ..self
        }
    }

    /// Whether uptimes are ignored.
    pub(crate) const fn ignores_uptime(&self) -> bool {
        self.ignores_uptime
    }

    /// Finds the place of a datagram and records it, unless it is a jump or its number is implausible.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Place {
        if self.numbering.trust.is_distrusted() {
            return self.place_by_uptime(stamp);
        }
        let ahead = stamp.sequence.wrapping_sub(self.newest.sequence);
        let is_of_other_port = self.is_of_other_port(stamp);
        if is_forward(ahead) {
            let is_next = follows(self.newest, stamp, self.ignores_uptime)
                && (ahead <= BURST || self.can_be_ahead(ahead, stamp.received_at))
                && (!is_of_other_port || ahead == 1);
            if !is_next {
                return self.misnumbered_or_jump(stamp);
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
            return self.misnumbered_or_jump(stamp);
        }
        let behind = self.newest.sequence.wrapping_sub(stamp.sequence);
        if behind >= WINDOW {
            if self.agrees(stamp) {
                return Place::Misnumbered;
            }
            return if !self.ignores_uptime && was_sent_recently(self.newest, stamp) {
                Place::Late
            } else {
                Place::Jump
            };
        }
        if restarted(self.newest, stamp) {
            return self.misnumbered_or_jump(stamp);
        }
        // A copy, or a datagram that was delayed, was not sent after the newest one.
        let was_sent_later = is_forward(stamp.uptime.wrapping_sub(self.newest.uptime));
        let bit = 1 << behind;
        if self.seen & bit != 0 {
            // A copy has the uptime of the first one.
            let is_other = was_sent_later || behind == 0 && stamp.uptime != self.newest.uptime;
            return if was_sent_later && self.agrees(stamp) {
                Place::Misnumbered
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
            return Place::Misnumbered;
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

    /// Finds the place of a datagram while numbers are ignored.
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
            let is_consecutive = stamp.sequence.wrapping_sub(self.newest.sequence) == 1;
            let recent = &mut self.numbering.recent;
            recent.rotate_right(1);
            recent[0] = number;
            self.newest = stamp;
            self.seen = u64::MAX;
            if self.numbering.trust.observe(is_consecutive) {
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

    fn misnumbered_or_jump(&self, stamp: Stamp) -> Place {
        // Another port is another sequence, even if two agents started at the same time.
        if self.agrees(stamp) && !self.is_of_other_port(stamp) {
            Place::Misnumbered
        } else {
            Place::Jump
        }
    }

    /// Whether uptime and arrival agree that a datagram was sent after the newest one. Numbers and
    /// ports are not compared.
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

    /// Whether a datagram comes from another UDP port than the newest.
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
        let seconds = (self.newest.received_at - self.began_at).as_secs_f64();
        if self.sent < 3 || seconds <= 0.0 {
            return true;
        }
        let mean = self.sent as f64 / seconds;
        let elapsed = (now - self.newest.received_at).as_secs_f64();
        f64::from(ahead) <= f64::from(BURST) + MOST_TIMES_MEAN * mean * elapsed
    }

    /// Whether the newest datagram is older than usual.
    pub(crate) fn has_stopped(&self, now: Timestamp) -> bool {
        let longest = self.gaps.longest().mul_f64(GAPS);
        let idle = now.checked_since(self.newest.received_at);
        // If the clock was set back, nothing is known.
        idle.is_none_or(|idle| idle > longest.max(SHORTEST_STOP))
    }

    /// Whether the uptime of a datagram that does not continue the sequence shows that its agent was
    /// started after the newest one.
    pub(crate) fn resembles_restart(&self, stamp: Stamp) -> bool {
        let idle = stamp.received_at - self.newest.received_at;
        if self.newest.uptime == 0 && stamp.uptime == 0 {
            return stamp.sequence <= WINDOW;
        }
        Duration::from_millis(stamp.uptime.into()) <= idle + HORIZON
    }
}

#[cfg(test)]
mod tests;
