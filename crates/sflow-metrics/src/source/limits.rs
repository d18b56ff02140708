//! What bounds the growth of a source's counters.

use crate::catalogue::Ceiling;
use crate::config::Ceilings;

/// The most that a counter can go up in a second.
pub(super) fn ceiling(
    kind: Ceiling,
    processors: Option<f64>,
    line_rate: Option<f64>,
    ceilings: &Ceilings,
) -> f64 {
    match kind {
        Ceiling::Processors => 1e3 * processors.unwrap_or(ceilings.processors),
        Ceiling::Operations => 1e3 * ceilings.parallel_operations,
        Ceiling::Line => line_rate.unwrap_or(ceilings.bytes_per_second),
        Ceiling::Events => ceilings.events_per_second,
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
        let ceilings = Ceilings::default();
        let at_most = |kind, processors, rate| ceiling(kind, processors, rate, &ceilings);
        assert_eq!(at_most(Ceiling::Processors, Some(2.0), None), 2_000.0);
        assert_eq!(at_most(Ceiling::Processors, None, None), 1_024_000.0);
        assert_eq!(at_most(Ceiling::Line, None, Some(1e6)), 1e6);
        assert_eq!(at_most(Ceiling::Line, None, None), 50e9);
    }
}
