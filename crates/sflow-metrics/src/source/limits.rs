//! What bounds the growth of a source's counters.

use crate::catalogue::Ceiling;
use crate::config::Ceilings;

/// How much counters can have gone up, for each [`Ceiling`].
pub(super) type AtMost = [u64; Ceiling::ALL.len()];

/// What bounds the counters of a source: its processors, and bytes per second on its line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) processors: Option<f64>,
    pub(super) line_rate: Option<f64>,
}

impl Limits {
    /// The most that a counter of each kind can go up within so many seconds, and a second of
    /// polling that came early or late, and a tenth more.
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

/// Bytes per second of an interface that says so many bits per second; `None` if that is not
/// its speed.
///
/// Less than 1 Gbit/s is not held against a counter: software switches report 100 Mbit/s for
/// "unknown". Neither are speeds that were cut to 32 bits, or that hold something else.
pub(super) fn line_rate(bits_per_second: u64) -> Option<f64> {
    const BELIEVABLE: u64 = 10_000_000_000_000;
    const CUT: [u64; 3] = [10_000_000_000, 40_000_000_000, 100_000_000_000];
    let is_cut = CUT
        .iter()
        .any(|speed| speed & 0xffff_ffff == bits_per_second);
    let speed = bits_per_second.max(1_000_000_000);
    (!is_cut && speed <= BELIEVABLE).then(|| speed as f64 / 8.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_believed_with_care() {
        assert_eq!(line_rate(10_000_000_000), Some(1.25e9));
        assert_eq!(line_rate(100_000_000), Some(1.25e8));
        assert_eq!(line_rate(1_410_065_408), None, "10 Gbit/s in 32 bits");
        assert_eq!(line_rate(7 << 32 | 3 << 50), None, "a service number");
    }

    #[test]
    fn every_ceiling_has_a_default() {
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
