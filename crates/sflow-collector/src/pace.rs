use std::time::{Duration, Instant, SystemTime};

use thiserror::Error;

/// When the datagrams of a capture are due, so that they come as they once came, or faster.
///
/// It neither sleeps nor reads a clock. A gap of more than [an hour](Self::LONGEST_GAP) is
/// skipped, and so is a step back in time of more than a minute; apart from these every wait is
/// counted from the first datagram, so that waits that last too long do not add up.
///
/// ```
/// use std::time::{Duration, Instant, SystemTime};
///
/// use sflow_collector::Pace;
///
/// let mut pace = Pace::new(10.0)?;
/// let (start, first) = (Instant::now(), SystemTime::UNIX_EPOCH);
/// assert_eq!(pace.wait(start, first), Duration::ZERO);
/// let next = first + Duration::from_secs(20);
/// assert_eq!(pace.wait(start + Duration::from_millis(500), next), Duration::from_millis(1500));
/// # Ok::<(), sflow_collector::InvalidSpeed>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    speed: f64,
    start: Option<(Instant, SystemTime)>,
    /// Of the datagram asked for last.
    last: Option<SystemTime>,
}

/// A datagram that is older than the one before by more than this shows that the clock of the
/// capture was set back.
const STEP: Duration = Duration::from_secs(60);

impl Pace {
    /// A longer gap in a capture is not waited for.
    pub const LONGEST_GAP: Duration = Duration::from_secs(3_600);

    /// `speed` seconds of the capture pass in each second; 1 is as it was.
    ///
    /// # Errors
    ///
    /// If the speed is not a number above zero. Infinity is one: nothing is ever waited for.
    pub fn new(speed: f64) -> Result<Self, InvalidSpeed> {
        if speed > 0.0 {
            Ok(Self {
                speed,
                start: None,
                last: None,
            })
        } else {
            Err(InvalidSpeed { speed })
        }
    }

    /// How long to wait, from `now`, until a datagram that was captured at `received_at` is due.
    ///
    /// The first one asked for is due at once. So are those that are late, or older than the
    /// first.
    pub fn wait(&mut self, now: Instant, received_at: SystemTime) -> Duration {
        let last = self.last.replace(received_at).unwrap_or(received_at);
        let is_step = match received_at.duration_since(last) {
            Ok(gap) => gap > Self::LONGEST_GAP,
            Err(back) => back.duration() > STEP,
        };
        if is_step {
            self.start = Some((now, received_at));
        }
        let (start, first) = *self.start.get_or_insert((now, received_at));
        let recorded = received_at.duration_since(first).unwrap_or_default();
        let due = Duration::try_from_secs_f64(recorded.as_secs_f64() / self.speed);
        due.unwrap_or(Duration::MAX)
            .saturating_sub(now.saturating_duration_since(start))
    }
}

/// A replay speed that is not a number above zero.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("a replay cannot have the speed {speed}: give a number above 0; 1 is as it was captured")]
pub struct InvalidSpeed {
    /// What was given.
    pub speed: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: SystemTime = SystemTime::UNIX_EPOCH;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn waits_count_from_the_first_datagram() {
        for (speed, captured, elapsed, expected) in [
            (1.0, 10.0, 0.0, 10.0),
            (1.0, 10.0, 4.0, 6.0),
            (1.0, 10.0, 11.0, 0.0),
            (0.5, 10.0, 4.0, 16.0),
            (100.0, 10.0, 0.0, 0.1),
            (f64::INFINITY, 1e9, 0.0, 0.0),
        ] {
            let mut pace = Pace::new(speed).unwrap();
            let start = Instant::now();
            assert_eq!(pace.wait(start, FIRST), Duration::ZERO);
            let wait = pace.wait(start + seconds(elapsed), FIRST + seconds(captured));
            assert_eq!(
                wait,
                seconds(expected),
                "{captured} s at speed {speed} after {elapsed} s"
            );
        }
    }

    #[test]
    fn clocks_that_go_back_are_not_waited_for() {
        let mut pace = Pace::new(1.0).unwrap();
        let start = Instant::now();
        pace.wait(start, FIRST + seconds(100.0));
        assert_eq!(pace.wait(start, FIRST), Duration::ZERO);
    }

    #[test]
    fn gaps_and_steps_of_the_clock_are_skipped() {
        let mut pace = Pace::new(1.0).unwrap();
        let start = Instant::now();
        for (captured, expected) in [
            (1_000.0, 0.0),
            (1_010.0, 10.0),
            (1_009.0, 9.0),
            (4_294_967_295.0, 0.0),
            (4_294_967_296.0, 1.0),
            (1_099_511_627_776.0, 0.0),
            (2_000.0, 0.0),
            (2_003.0, 3.0),
            (2_003.0 + 3_600.0, 3_603.0),
        ] {
            let wait = pace.wait(start, FIRST + seconds(captured));
            assert_eq!(wait, seconds(expected), "{captured}");
        }
    }

    #[test]
    fn times_too_far_away_do_not_overflow() {
        let mut pace = Pace::new(f64::MIN_POSITIVE).unwrap();
        let start = Instant::now();
        pace.wait(start, FIRST);
        assert_eq!(pace.wait(start, FIRST + seconds(1.0)), Duration::MAX);
    }

    #[test]
    fn speeds_that_cannot_be_are_refused() {
        for speed in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            let error = Pace::new(speed).unwrap_err();
            assert!(
                error.to_string().contains("give a number above 0"),
                "{error}"
            );
        }
    }
}
