use std::time::{Duration, SystemTime};

/// Ticks at a fixed interval in the time of a stream, such as that of a capture.
///
/// The work depends on the number of datagrams, not on the time between them: a gap has at most
/// [`MOST_IN_A_GAP`](Self::MOST_IN_A_GAP) ticks, at its start, and the rest are skipped. When the
/// time of the stream steps back by more than the interval, ticks continue from the new time.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use sflow_collector::replay::Ticks;
///
/// let start = SystemTime::UNIX_EPOCH;
/// let mut ticks = Ticks::new(Duration::from_secs(2));
/// assert_eq!(ticks.due(start), None);
/// let now = start + Duration::from_secs(5);
/// assert_eq!(ticks.due(now), Some(start + Duration::from_secs(2)));
/// assert_eq!(ticks.due(now), Some(start + Duration::from_secs(4)));
/// assert_eq!(ticks.due(now), None);
/// ```
#[derive(Clone, Debug)]
pub struct Ticks {
    every: Duration,
    next: Option<SystemTime>,
    in_gap: u32,
}

impl Ticks {
    /// The maximum number of ticks in a gap.
    pub const MOST_IN_A_GAP: u32 = 200;

    /// `every` is the interval, at least 1 ms. The first tick is one interval after the first
    /// time given to [`due`](Self::due).
    pub fn new(every: Duration) -> Self {
        Self {
            every: every.max(Duration::from_millis(1)),
            next: None,
            in_gap: 0,
        }
    }

    /// The next tick that is not after `now`, the time of the stream. Call it until it returns
    /// `None`.
    pub fn due(&mut self, now: SystemTime) -> Option<SystemTime> {
        let Some(next) = self.next else {
            self.next = now.checked_add(self.every);
            return None;
        };
        let Ok(late) = now.duration_since(next) else {
            self.in_gap = 0;
            let is_back = next
                .duration_since(now)
                .is_ok_and(|ahead| ahead > self.every);
            if is_back {
                self.next = now.checked_add(self.every);
            }
            return None;
        };
        if self.in_gap >= Self::MOST_IN_A_GAP {
            self.in_gap = 0;
            let behind = late.as_nanos() % self.every.as_nanos();
            let behind = Duration::from_nanos(u64::try_from(behind).unwrap_or(0));
            self.next = now.checked_add(self.every.saturating_sub(behind));
            return None;
        }
        self.in_gap += 1;
        self.next = next.checked_add(self.every);
        Some(next)
    }

    /// The tick after the last one that was due; `None` before the first call of
    /// [`due`](Self::due).
    pub const fn next(&self) -> Option<SystemTime> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn all(ticks: &mut Ticks, now: SystemTime) -> Vec<u64> {
        let seconds = |at: SystemTime| at.duration_since(at_zero()).unwrap().as_secs();
        std::iter::from_fn(|| ticks.due(now)).map(seconds).collect()
    }

    fn at_zero() -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    #[test]
    fn gap_of_centuries_has_few_ticks_and_keeps_grid() {
        let mut ticks = Ticks::new(Duration::from_secs(10));
        assert_eq!(all(&mut ticks, at(1_000)), []);
        assert_eq!(all(&mut ticks, at(1_029)), [1_010, 1_020]);
        for far in [u64::from(u32::MAX), 1 << 40] {
            let seen = all(&mut ticks, at(far));
            assert_eq!(seen.len(), 200, "{far}");
            let next = (far - 1_000).div_euclid(10) * 10 + 1_010;
            assert_eq!(ticks.next(), Some(at(next)), "{far}");
        }
    }

    #[test]
    fn step_back_continues_from_new_time() {
        let mut ticks = Ticks::new(Duration::from_secs(10));
        all(&mut ticks, at(1_000));
        all(&mut ticks, at(1 << 40));
        assert_eq!(all(&mut ticks, at(2_000)), []);
        assert_eq!(all(&mut ticks, at(2_025)), [2_010, 2_020]);
        // Reordered datagrams are not a step.
        assert_eq!(all(&mut ticks, at(2_024)), []);
        assert_eq!(all(&mut ticks, at(2_030)), [2_030]);
    }

    #[test]
    fn extreme_intervals_and_times_are_accepted() {
        let mut ticks = Ticks::new(Duration::ZERO);
        all(&mut ticks, at(1));
        assert_eq!(all(&mut ticks, at(2)).len(), 200);
        let mut ticks = Ticks::new(Duration::MAX);
        assert_eq!(all(&mut ticks, at(1)), []);
        assert_eq!(all(&mut ticks, at(1 << 40)), []);
    }
}
