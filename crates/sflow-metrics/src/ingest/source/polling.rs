use core::time::Duration;

use crate::timestamp::Timestamp;

/// The polling interval of a source, learned from its last intervals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PollingInterval {
    /// In milliseconds; 0 if unknown.
    recent: [u32; 4],
    next: u8,
    /// The expected interval in milliseconds.
    expected: u32,
    /// Whether four intervals are known.
    is_learned: bool,
}

/// Maximum polling interval in nanoseconds. A longer interval is a pause or a step of the clock.
const LONGEST: u64 = 24 * 3_600 * 1_000_000_000;

impl PollingInterval {
    /// Records the time between two samples, between which `missing` samples were lost. Samples at the
    /// same time are ignored.
    #[inline]
    pub(crate) fn record(&mut self, last: Timestamp, now: Timestamp, missing: u32) {
        let elapsed = now.as_nanos().saturating_sub(last.as_nanos());
        if elapsed == 0 || elapsed > LONGEST {
            return;
        }
        let elapsed = elapsed / 1_000_000;
        let one = match missing {
            0 => elapsed,
            missing => elapsed / (u64::from(missing) + 1),
        };
        let one = u32::try_from(one).unwrap_or(u32::MAX).max(1);
        let forgotten = core::mem::replace(&mut self.recent[usize::from(self.next)], one);
        self.next = (self.next + 1) % 4;
        if forgotten == one {
            return;
        }
        self.learn();
    }

    #[cold]
    fn learn(&mut self) {
        let mut sorted = self.recent;
        sorted.sort_unstable();
        let [shortest, _, second_longest, longest] = sorted;
        self.is_learned = shortest > 0;
        self.expected = if self.is_learned {
            second_longest
        } else {
            longest
        };
    }

    /// Whether the interval is known.
    pub(crate) const fn is_learned(&self) -> bool {
        self.is_learned
    }

    /// The expected interval: the second longest of the last four, so that one pause is ignored and a
    /// change of configuration is detected by its second interval. With fewer than four intervals, the
    /// longest one, but at least `assumed`.
    pub(crate) fn interval(&self, assumed: Duration) -> Duration {
        let expected = Duration::from_millis(self.expected.into());
        if self.is_learned {
            expected
        } else {
            assumed.max(expected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSUMED: Duration = Duration::from_secs(30);

    fn interval_after(seconds: &[u64]) -> Duration {
        let mut polling = PollingInterval::default();
        for seconds in seconds {
            polling.record(Timestamp::ZERO, Timestamp::from_secs(*seconds), 0);
        }
        polling.interval(ASSUMED)
    }

    #[test]
    fn interval_is_learned() {
        let cases: [(&str, &[u64], u64); 7] = [
            ("nothing known", &[], 30),
            ("first interval is short", &[2], 30),
            ("slower than assumed", &[60], 60),
            ("learned", &[2, 10, 10, 10], 10),
            ("a pause", &[10, 10, 10, 10, 400], 10),
            ("reconfigured", &[10, 10, 10, 10, 60, 60], 60),
            ("reconfigured back", &[60, 60, 60, 60, 10, 10, 10], 10),
        ];
        for (case, intervals, expected) in cases {
            assert_eq!(
                interval_after(intervals),
                Duration::from_secs(expected),
                "{case}"
            );
        }
    }

    #[test]
    fn missing_samples_do_not_lengthen_interval() {
        let mut polling = PollingInterval::default();
        for missing in [0, 2, 0, 1] {
            let now = Timestamp::from_secs(10 * (u64::from(missing) + 1));
            polling.record(Timestamp::ZERO, now, missing);
        }
        assert_eq!(polling.interval(ASSUMED), Duration::from_secs(10));
    }
}
