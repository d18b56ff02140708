//! Limits on the increase of counters.

use crate::catalogue::Ceiling;
use crate::config::Ceilings;

/// The largest increase for each [`Ceiling`].
pub(super) type AtMost = [u64; Ceiling::ALL.len()];

/// Processors, and bytes per second of the line of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) processors: Option<f64>,
    pub(super) line_rate: Option<f64>,
}

impl Limits {
    /// The largest increases in a time. One second for early or late polling and 10 % are added.
    pub(super) fn within(self, seconds: f64, ceilings: &Ceilings) -> AtMost {
        Ceiling::ALL.map(|kind| {
            let a_second = match kind {
                Ceiling::Processors => 1e3 * self.processors.unwrap_or(ceilings.processors),
                Ceiling::Operations => 1e3 * ceilings.parallel_operations,
                Ceiling::Line => self.line_rate.unwrap_or(ceilings.bytes_per_second),
                Ceiling::Events => ceilings.events_per_second,
            };
            (a_second * (seconds + 1.0) * 1.1) as u64
        })
    }
}

/// The speed that an interface reports, and whether its counters contradict it.
///
/// Many interfaces report a number that is not their speed: tun and tap devices 10 Mbit/s,
/// software switches 100 Mbit/s for "unknown", agents the lower 32 bits of a larger one. Octets
/// are counted, so they decide: an interface that carries more than its speed has another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Speed {
    /// Bits per second, and the type of the interface.
    reported: (Option<u64>, u32),
    excess: Excess,
}

/// Whether counters exceeded the reported speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Excess {
    #[default]
    Never,
    /// In the last interval, possibly due to a jump of a counter or an inexact clock.
    Once,
    /// In two consecutive intervals, or by far: the reported speed is wrong.
    Refuted,
}

impl Speed {
    /// Sets the reported speed. A change resets the state.
    pub(super) fn report(&mut self, bits_per_second: Option<u64>, kind: u32) {
        // "Too large for 32 bits: see ifHighSpeed" (RFC 2863), which sFlow does not have.
        let known = bits_per_second.filter(|speed| *speed != u64::from(u32::MAX));
        if self.reported != (known, kind) {
            *self = Self {
                reported: (known, kind),
                excess: Excess::Never,
            };
        }
    }

    /// The reported bits per second, if known.
    pub(super) fn reported(self) -> Option<u64> {
        self.reported.0
    }

    /// The reported bits per second, if they are plausible.
    pub(super) fn plausible(self) -> Option<u64> {
        const MAX_SPEED: u64 = 10_000_000_000_000;
        /// Loopback, virtual and tunnel interfaces (IANAifType): what they report is made up.
        const WITHOUT_LINE: [u32; 3] = [24, 53, 131];
        let (speed, kind) = self.reported;
        let speed = speed.filter(|speed| (1..=MAX_SPEED).contains(speed) && !is_cut(*speed));
        speed.filter(|_| self.excess != Excess::Refuted && !WITHOUT_LINE.contains(&kind))
    }

    /// Limit on counters in bytes per second, at least that of 1 Gbit/s; `None` if the speed is unknown
    /// or doubtful.
    pub(super) fn line_rate(self) -> Option<f64> {
        let speed = self.plausible().filter(|_| self.excess == Excess::Never)?;
        Some(speed.max(1_000_000_000) as f64 / 8.0)
    }

    /// Compares the speed with the largest increase of a counter of bytes.
    pub(super) fn compare(&mut self, bytes: u64, seconds: f64, was_rejected: bool) {
        let Some(speed) = self.plausible() else {
            return;
        };
        let (bits, speed) = (bytes as f64 * 8.0, speed as f64);
        // As much as counters may exceed a line, see `Limits::within`.
        let is_far_above = bits > speed * (seconds + 1.0) * 1.1;
        let is_above = was_rejected || bits > speed * seconds;
        self.excess = match self.excess {
            _ if is_far_above => Excess::Refuted,
            Excess::Once if is_above => Excess::Refuted,
            _ if is_above => Excess::Once,
            _ => Excess::Never,
        };
    }
}

/// Whether a speed is what 32 bits leave of a larger one: of a multiple of 100 Mbit/s up to
/// 1 Tbit/s. No real speed is, since these are multiples of 100 kbit/s.
fn is_cut(bits_per_second: u64) -> bool {
    let is_possible =
        bits_per_second <= u32::MAX.into() && !bits_per_second.is_multiple_of(100_000);
    is_possible
        && (1..=232_u64).any(|upper| (upper << 32 | bits_per_second).is_multiple_of(100_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bits_per_second: u64, kind: u32) -> Speed {
        let mut speed = Speed::default();
        speed.report(Some(bits_per_second), kind);
        speed
    }

    #[test]
    fn implausible_speeds_are_ignored() {
        let line_rate = |speed| of(speed, 6).line_rate();
        assert_eq!(line_rate(10_000_000_000), Some(1.25e9));
        assert_eq!(line_rate(100_000_000), Some(1.25e8));
        assert_eq!(line_rate(7 << 32 | 3 << 50), None, "not a speed");
        assert_eq!(line_rate(u32::MAX.into()), None, "32 ones");
        for gigabits in [5, 10, 20, 25, 30, 40, 50, 80, 100, 160, 200, 400, 800] {
            let cut = (gigabits * 1_000_000_000) & 0xffff_ffff;
            assert_eq!(line_rate(cut), None, "{gigabits} Gbit/s in 32 bits");
        }
        for megabits in [10, 100, 300, 867, 1_000, 2_500] {
            assert_eq!(
                of(megabits * 1_000_000, 6).plausible(),
                Some(megabits * 1_000_000)
            );
        }
        for kind in [24, 53, 131] {
            assert_eq!(
                of(10_000_000, kind).plausible(),
                None,
                "interface type {kind}"
            );
        }
    }

    #[test]
    fn counters_above_line_rate_refute_speed() {
        let is_plausible = |intervals: &[(u64, bool)]| {
            let mut speed = of(1_000_000_000, 6);
            for (bytes, was_rejected) in intervals {
                speed.compare(*bytes, 10.0, *was_rejected);
            }
            speed.plausible().is_some()
        };
        assert!(is_plausible(&[(1_200_000_000, false)]), "96 %");
        assert!(
            is_plausible(&[(1_260_000_000, false), (1_200_000_000, false)]),
            "one is 101 %"
        );
        assert!(
            !is_plausible(&[(1_260_000_000, false), (1_260_000_000, false)]),
            "always 101 %"
        );
        assert!(is_plausible(&[(0, true), (1_200_000_000, false)]), "a jump");
        assert!(
            !is_plausible(&[(0, true), (3_000_000_000, false)]),
            "steady"
        );
        assert!(
            !is_plausible(&[(3_000_000_000, false), (100, false)]),
            "remains refuted"
        );
        let mut speed = of(10_000_000, 6);
        speed.compare(62_500_000, 10.0, false);
        assert_eq!(speed.plausible(), None, "500 %");
        speed.report(Some(10_000_000), 6);
        assert_eq!(speed.plausible(), None, "the same again");
        speed.report(Some(100_000_000), 6);
        assert_eq!(speed.plausible(), Some(100_000_000), "another speed");
    }

    #[test]
    fn ceilings_replace_unknown_limits() {
        let at_most = |kind: Ceiling, processors, line_rate| {
            let limits = Limits {
                processors,
                line_rate,
            };
            limits.within(9.0, &Ceilings::default())[kind as usize]
        };
        assert_eq!(at_most(Ceiling::Processors, Some(2.0), None), 22_000);
        assert_eq!(at_most(Ceiling::Processors, None, None), 11_264_000);
        assert_eq!(at_most(Ceiling::Line, None, Some(1e6)), 11_000_000);
        assert_eq!(at_most(Ceiling::Line, None, None), 550_000_000_000);
    }
}
