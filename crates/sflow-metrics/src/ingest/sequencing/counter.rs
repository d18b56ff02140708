//! Steps five and six: is the counter available; did it advance, wrap or restart?

use crate::catalogue::Width;

/// The change of a counter between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// First reading of the counter.
    First,
    /// The agent does not provide the counter.
    Unavailable,
    /// It increased by this difference.
    Advanced(u64),
    /// It increased by this difference and wrapped.
    Wrapped(u64),
    /// It restarted.
    Reset,
    /// It increased by more than is plausible.
    Implausible,
}

/// Maximum ratio of increases in consecutive intervals for which a wrap at 32 bits is assumed.
const MAX_WRAP_RATIO: u64 = 4;

/// Compares two readings of a counter. `at_most` is the largest plausible increase, `recently` the
/// increase in the interval before.
///
/// Some agents send counters of 32 bits in fields of 64 bits. If such a counter decreases and was
/// never higher than 32 bits, it has wrapped if the increase is similar to the one before.
pub(crate) fn step(
    width: Width,
    before: Option<u64>,
    now: u64,
    at_most: u64,
    recently: Option<u64>,
) -> Step {
    if now == width.all_ones() {
        return Step::Unavailable;
    }
    let Some(before) = before else {
        return Step::First;
    };
    let difference = width.difference(before, now);
    let possible = difference <= at_most;
    match (now >= before, possible) {
        (true, true) => Step::Advanced(difference),
        (true, false) => Step::Implausible,
        (false, true) => Step::Wrapped(difference),
        (false, false) if width == Width::Bits64 => {
            let narrow = Width::Bits32;
            let difference = narrow.difference(before, now);
            let likely = recently.map_or(0, |recently| recently.saturating_mul(MAX_WRAP_RATIO));
            if before <= narrow.all_ones() && difference <= at_most.min(likely) {
                Step::Wrapped(difference)
            } else {
                Step::Reset
            }
        }
        (false, false) => Step::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_counters() {
        const TOP: u64 = u32::MAX as u64;
        use Step::{Advanced, First, Implausible, Reset, Unavailable, Wrapped};
        use Width::{Bits32, Bits64};
        let cases = [
            ("first", Bits32, None, 7, 100, First),
            ("advances", Bits32, Some(7), 57, 100, Advanced(50)),
            ("unchanged", Bits32, Some(7), 7, 100, Advanced(0)),
            ("jumps", Bits32, Some(7), 5_000, 100, Implausible),
            ("wraps", Bits32, Some(TOP - 9), 30, 100, Wrapped(40)),
            ("wraps to zero", Bits32, Some(TOP - 9), 0, 100, Wrapped(10)),
            ("restarts", Bits32, Some(1_000), 30, 100, Reset),
            (
                "reads zero at the end",
                Bits32,
                Some(34_208),
                0,
                22_000,
                Reset,
            ),
            ("unavailable", Bits32, Some(7), TOP, 100, Unavailable),
            (
                "unavailable from the start",
                Bits32,
                None,
                TOP,
                100,
                Unavailable,
            ),
            ("available again", Bits32, None, 9, 100, First),
            (
                "wide passes 32 bits",
                Bits64,
                Some(TOP),
                TOP + 90,
                100,
                Advanced(90),
            ),
            (
                "wide at 32 ones",
                Bits64,
                Some(TOP - 5),
                TOP,
                100,
                Advanced(5),
            ),
            (
                "wide wraps",
                Bits64,
                Some(u64::MAX - 9),
                30,
                100,
                Wrapped(40),
            ),
            (
                "wide restarts",
                Bits64,
                Some(TOP * 9),
                30,
                1_000_000_000_000,
                Reset,
            ),
            (
                "wide unavailable",
                Bits64,
                Some(7),
                u64::MAX,
                100,
                Unavailable,
            ),
        ];
        for (case, width, before, now, at_most, expected) in cases {
            assert_eq!(step(width, before, now, at_most, None), expected, "{case}");
        }
        let cases = [
            ("narrow wraps", TOP - 9, 30, Some(40), Wrapped(40)),
            ("narrow wraps, faster", TOP - 9, 30, Some(10), Wrapped(40)),
            ("narrow restarts", TOP - 9, 30, Some(9), Reset),
            (
                "narrow restarts, recently slow",
                TOP / 2,
                30,
                Some(40),
                Reset,
            ),
            ("wide restarts", TOP + 9, 30, Some(40), Reset),
        ];
        for (case, before, now, recently, expected) in cases {
            assert_eq!(
                step(Bits64, Some(before), now, 100, recently),
                expected,
                "{case}"
            );
        }
    }
}
