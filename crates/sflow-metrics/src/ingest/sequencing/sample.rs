//! Steps three and four: is the sample late or here twice, did its source restart?

use core::time::Duration;

use super::datagram::{at_most, is_forward};

/// Counters samples of one source per second at most. A larger step of the sequence number is a
/// jump, not loss.
const MOST_PER_SECOND: f64 = 100.0;

/// Samples by which the sequence can be ahead whatever the time between the two: as many as
/// [`MOST_PER_SECOND`] allows for no time at all.
const BURST: u32 = 10;

/// Where a counters sample stands among those of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It continues; so many between it and the one before are missing.
    Next { missing: u32 },
    /// It was here already, or a newer one was: what it says is known.
    Old,
    /// It does not continue the sequence: the first of a new one, or forged.
    Jump,
    /// It continues the sample that was a jump, which is a new beginning; so many between the two
    /// are missing.
    Confirmed { missing: u32 },
    /// The source counts from a new beginning.
    Restarted,
    /// It has the number of the sample before it, but is another one.
    Unnumbered,
}

/// Numbers that make no sense, one after the other, after which they are not used: equal ones, and
/// others, which may also be of a restart.
const MOST_EQUAL: u8 = 2;
const MOST_ODD: u8 = 3;

/// Samples that are missing although no datagram is, after which numbers are not used.
const MOST_GAPS: u8 = 3;

/// Consecutive numbers, after which they are used again.
const REGULAR: u8 = 64;

/// How a source numbers its samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering {
    is_distrusted: bool,
    /// Consecutive numbers that made no sense.
    odd: u8,
    /// Samples that were missing although no datagram was, and how many were counted.
    gaps: u8,
    missing: u64,
    /// Consecutive numbers, while they are not used.
    regular: u8,
    /// Samples until the last number that made no sense is not counted any more.
    suspicion: u8,
}

/// A sample that is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) order: Order,
    /// Samples that are missing before it, by the numbers.
    pub(crate) missing: u32,
    /// Its number minus that of the sample before it.
    pub(crate) ahead: u32,
    /// Whether no datagram was lost between the two.
    pub(crate) is_without_loss: bool,
    /// Whether numbers seemed to show a restart of the source, which did not restart.
    pub(crate) is_refuted: bool,
}

impl Numbering {
    /// Whether numbers are not used, since they make no sense.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.is_distrusted
    }

    /// Whether one more refuted restart makes it distrusted.
    pub(crate) const fn is_suspicious(&self) -> bool {
        self.suspicion > 0
    }

    /// Whether one more equal number makes it distrusted.
    pub(crate) const fn is_last_odd(&self) -> bool {
        self.odd + 1 >= MOST_EQUAL
    }

    /// Whether one more jump makes it distrusted.
    pub(crate) const fn is_last_jump(&self) -> bool {
        self.odd + 1 >= MOST_ODD
    }

    /// Counts a number that makes no sense.
    pub(crate) const fn count_odd(&mut self) {
        self.odd = self.odd.saturating_add(1);
    }

    /// How many samples are missing before one that is used, and how many of those that were
    /// counted as missing before it are not, as found now.
    #[inline]
    pub(crate) fn take(&mut self, step: Step) -> (u32, u64) {
        let is_regular = matches!(step.order, Order::Next { missing: 0 }) && step.ahead == 1;
        let is_trusted = !self.is_distrusted && self.gaps == 0 && self.suspicion == 0;
        if is_regular && is_trusted && !step.is_refuted {
            self.odd = 0;
            return (0, 0);
        }
        self.take_irregular(step)
    }

    #[cold]
    fn take_irregular(&mut self, step: Step) -> (u32, u64) {
        if self.is_distrusted {
            self.regular = if step.ahead == 1 { self.regular + 1 } else { 0 };
            self.is_distrusted = self.regular < REGULAR;
            return (0, 0);
        }
        if step.is_refuted || step.order == Order::Unnumbered {
            if self.is_suspicious() {
                self.distrust();
                return (0, 0);
            }
            self.suspicion = REGULAR;
        } else {
            self.suspicion = self.suspicion.saturating_sub(1);
        }
        match step.order {
            Order::Unnumbered => {
                self.odd += 1;
                return (0, 0);
            }
            // The last one of several jumps, or of equal numbers.
            Order::Confirmed { .. } if self.is_last_jump() => self.distrust(),
            Order::Next { .. } if step.ahead == 0 && self.odd > 0 => self.distrust(),
            Order::Next { .. } if step.missing > 0 && step.is_without_loss => {
                self.gaps += 1;
                self.missing += u64::from(step.missing);
                if self.gaps >= MOST_GAPS {
                    let found = self.missing - u64::from(step.missing);
                    self.distrust();
                    return (0, found);
                }
                self.odd = 0;
            }
            _ => {
                self.odd = 0;
                self.gaps = self.gaps.saturating_sub(1);
                if self.gaps == 0 {
                    self.missing = 0;
                }
            }
        }
        let missing = if self.is_distrusted { 0 } else { step.missing };
        (missing, 0)
    }

    const fn distrust(&mut self) {
        *self = Self {
            is_distrusted: true,
            odd: 0,
            gaps: 0,
            missing: 0,
            regular: 0,
            suspicion: 0,
        };
    }
}

/// A sample and the datagram that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) sequence: u32,
    /// The uptime of the datagram.
    pub(crate) uptime: u32,
    /// Whether no newer datagram had come before this one.
    pub(crate) in_order: bool,
}

/// Finds the place of a sample behind the newest one of its source, which came so long ago.
///
/// An agent sends the samples of a source in order, so a number that goes back, or ahead by more
/// than can have been sent, is a jump, unless the datagram itself is late. A number that stands
/// still is of an agent that does not count.
pub(crate) fn order(
    newest_sequence: u32,
    newest_uptime: u32,
    elapsed: Duration,
    sample: Carried,
) -> Order {
    let ahead = sample.sequence.wrapping_sub(newest_sequence);
    if continues(ahead, elapsed) {
        return Order::Next { missing: ahead - 1 };
    }
    if !sample.in_order {
        return Order::Old;
    }
    match ahead {
        0 if sample.uptime == newest_uptime && elapsed.is_zero() => Order::Old,
        0 => Order::Unnumbered,
        _ => Order::Jump,
    }
}

/// Whether a sample can be so far ahead of the one before it.
pub(crate) fn continues(ahead: u32, elapsed: Duration) -> bool {
    is_forward(ahead) && (ahead <= BURST || ahead <= at_most(MOST_PER_SECOND, elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_what_the_rate_allows_for_no_time() {
        assert_eq!(BURST, at_most(MOST_PER_SECOND, Duration::ZERO));
    }

    #[test]
    fn samples_are_ordered() {
        let cases = [
            ("goes on", 7, 8, true, Order::Next { missing: 0 }),
            ("with loss", 7, 11, true, Order::Next { missing: 3 }),
            ("wraps", u32::MAX, 0, true, Order::Next { missing: 0 }),
            (
                "new for the source, in a late datagram",
                7,
                8,
                false,
                Order::Next { missing: 0 },
            ),
            ("late", 7, 6, false, Order::Old),
            ("late by far", 7000, 6, false, Order::Old),
            ("begins again", 7, 1, true, Order::Jump),
            ("more than was sent", 7, 1_000_000, true, Order::Jump),
            ("not counted", 1, 1, true, Order::Unnumbered),
        ];
        for (case, newest, sequence, in_order, expected) in cases {
            let sample = Carried {
                sequence,
                uptime: 2_000,
                in_order,
            };
            assert_eq!(
                order(newest, 1_000, Duration::from_secs(10), sample),
                expected,
                "{case}"
            );
        }
        let copy = Carried {
            sequence: 7,
            uptime: 1_000,
            in_order: true,
        };
        assert_eq!(
            order(7, 1_000, Duration::ZERO, copy),
            Order::Old,
            "twice in one datagram"
        );
    }
}
