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
/// still is of an agent that does not count: each sample is a new beginning.
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
        0 if sample.uptime == newest_uptime => Order::Old,
        0 => Order::Restarted,
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
            ("not counted", 1, 1, true, Order::Restarted),
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
