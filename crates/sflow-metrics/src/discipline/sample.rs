//! Steps three and four: is the sample late or here twice, did its source restart?

use super::datagram::is_forward;

/// Where a counters sample stands among those of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It continues; so many between it and the one before are missing.
    Next { missing: u32 },
    /// It was here already, or a newer one was: what it says is known.
    Old,
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

/// Finds the place of a sample behind the newest one of its source.
///
/// An agent sends the samples of a source in order, so a number that goes back is a new
/// beginning, unless the datagram itself is late.
pub(crate) fn order(newest_sequence: u32, newest_uptime: u32, sample: Carried) -> Order {
    let ahead = sample.sequence.wrapping_sub(newest_sequence);
    if is_forward(ahead) {
        return Order::Next { missing: ahead - 1 };
    }
    let is_copy = ahead == 0 && sample.uptime == newest_uptime;
    if sample.in_order && !is_copy {
        Order::Restarted
    } else {
        Order::Old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("begins again", 7, 1, true, Order::Restarted),
            ("begins again after the first", 1, 1, true, Order::Restarted),
        ];
        for (case, newest, sequence, in_order, expected) in cases {
            let sample = Carried {
                sequence,
                uptime: 2_000,
                in_order,
            };
            assert_eq!(order(newest, 1_000, sample), expected, "{case}");
        }
        let copy = Carried {
            sequence: 7,
            uptime: 1_000,
            in_order: true,
        };
        assert_eq!(order(7, 1_000, copy), Order::Old, "twice in one datagram");
    }
}
