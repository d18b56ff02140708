//! Steps three and four: is the sample late or repeated; did its source restart?

use core::time::Duration;

use super::number::{at_most, is_forward};
use super::trust::Trust;

/// Maximum number of counters samples of one source per second. A larger step of the sequence
/// number is a jump, not a loss.
const MOST_PER_SECOND: f64 = 100.0;

/// Step of the sequence number that is possible without time between two samples, as allowed by
/// [`MOST_PER_SECOND`].
const BURST: u32 = 10;

/// The place of a counters sample in the sequence of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Continues the sequence; `missing` samples before it were not received.
    Next { missing: u32 },
    /// Received before, or older than the newest one.
    Old,
    /// Does not continue the sequence: the first of a new one, or forged.
    Jump,
    /// Continues a jump, which was the start of a new sequence; `missing` samples between the two
    /// were not received.
    Confirmed { missing: u32 },
    /// The source restarted.
    Restarted,
    /// Has the number of the sample before it, but is another sample.
    Unnumbered,
}

/// Equal numbers in a row after which numbers are ignored. Other implausible numbers may belong to a
/// restart, see [`Trust::MAX_IMPLAUSIBLE`].
const MAX_EQUAL: u8 = 2;

/// Missing samples without a lost datagram after which numbers are ignored.
const MAX_GAPS: u8 = 3;

/// How a source numbers its samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering {
    trust: Trust,
    /// Gaps without a lost datagram, and the samples that were counted as missing in them.
    gaps: u8,
    missing: u64,
    /// Samples until the last implausible number is not counted any more.
    suspicion: u8,
}

/// A sample that is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) order: Order,
    /// Missing samples before it, by the numbers.
    pub(crate) missing: u32,
    /// The number minus that of the sample before it.
    pub(crate) ahead: u32,
    /// Whether no datagram was lost between these two.
    pub(crate) is_without_loss: bool,
    /// Whether the numbers showed a restart of the source, but it did not restart.
    pub(crate) is_refuted: bool,
}

impl Numbering {
    /// Whether numbers are ignored, since they are implausible.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.trust.is_distrusted()
    }

    /// Whether numbers are ignored after one more refuted restart.
    pub(crate) const fn is_suspicious(&self) -> bool {
        self.suspicion > 0
    }

    /// Whether numbers are ignored after one more equal number.
    pub(crate) const fn is_last_equal(&self) -> bool {
        self.trust.implausible() + 1 >= MAX_EQUAL
    }

    /// Whether numbers are ignored after one more jump.
    pub(crate) const fn is_last_jump(&self) -> bool {
        self.trust.is_at_limit()
    }

    /// Counts an implausible number.
    pub(crate) const fn count_implausible(&mut self) {
        self.trust.count_implausible();
    }

    /// For a sample that is used: how many samples are missing before it, and how many that were
    /// counted as missing earlier are not.
    #[inline]
    pub(crate) fn update(&mut self, step: Step) -> (u32, u64) {
        let is_regular = matches!(step.order, Order::Next { missing: 0 }) && step.ahead == 1;
        let is_trusted = !self.is_distrusted() && self.gaps == 0 && self.suspicion == 0;
        if is_regular && is_trusted && !step.is_refuted {
            self.trust.reset();
            return (0, 0);
        }
        self.update_irregular(step)
    }

    #[cold]
    fn update_irregular(&mut self, step: Step) -> (u32, u64) {
        if self.is_distrusted() {
            self.trust.observe(step.ahead == 1);
            return (0, 0);
        }
        if step.is_refuted || step.order == Order::Unnumbered {
            if self.is_suspicious() {
                self.distrust();
                return (0, 0);
            }
            self.suspicion = Trust::CONSECUTIVE;
        } else {
            self.suspicion = self.suspicion.saturating_sub(1);
        }
        match step.order {
            Order::Unnumbered => {
                self.trust.count_implausible();
                return (0, 0);
            }
            // The last one of several jumps, or of equal numbers.
            Order::Confirmed { .. } if self.is_last_jump() => self.distrust(),
            Order::Next { .. } if step.ahead == 0 && self.trust.implausible() > 0 => {
                self.distrust();
            }
            Order::Next { .. } if step.missing > 0 && step.is_without_loss => {
                self.gaps += 1;
                self.missing += u64::from(step.missing);
                if self.gaps >= MAX_GAPS {
                    let found = self.missing - u64::from(step.missing);
                    self.distrust();
                    return (0, found);
                }
                self.trust.reset();
            }
            _ => {
                self.trust.reset();
                self.gaps = self.gaps.saturating_sub(1);
                if self.gaps == 0 {
                    self.missing = 0;
                }
            }
        }
        let missing = if self.is_distrusted() {
            0
        } else {
            step.missing
        };
        (missing, 0)
    }

    fn distrust(&mut self) {
        *self = Self::default();
        self.trust.distrust();
    }
}

/// The number of a sample, with data of its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) sequence: u32,
    /// The uptime of the datagram.
    pub(crate) uptime: u32,
    /// Whether the datagram is the newest one.
    pub(crate) in_order: bool,
}

/// Finds the place of a sample after the newest one of its source, `elapsed` after it.
///
/// An agent sends the samples of a source in order. So a number that is lower, or higher by more
/// than can have been sent, is a jump, unless the datagram is late. An agent that sends equal
/// numbers does not count.
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

/// Whether a number can be higher by `ahead` than the one before it.
pub(crate) fn continues(ahead: u32, elapsed: Duration) -> bool {
    is_forward(ahead) && (ahead <= BURST || ahead <= at_most(MOST_PER_SECOND, elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_maximum_without_time() {
        assert_eq!(BURST, at_most(MOST_PER_SECOND, Duration::ZERO));
    }

    #[test]
    fn place_of_sample() {
        let cases = [
            ("continues", 7, 8, true, Order::Next { missing: 0 }),
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
            ("very late", 7000, 6, false, Order::Old),
            ("restarts", 7, 1, true, Order::Jump),
            ("more than was sent", 7, 1_000_000, true, Order::Jump),
            ("equal", 1, 1, true, Order::Unnumbered),
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
