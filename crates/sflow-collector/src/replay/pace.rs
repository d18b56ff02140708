use std::time::{Duration, Instant, SystemTime};

use thiserror::Error;

/// Calculates when each datagram of a capture is due, at the recorded speed or a multiple of it.
///
/// It neither sleeps nor reads a clock. A gap of more than [an hour](Self::LONGEST_GAP), or a step
/// back of more than a minute, restarts the schedule. Between restarts, every wait is calculated
/// from the first datagram, so that late wake-ups do not add up.
///
/// ```
/// use std::time::{Duration, Instant, SystemTime};
///
/// use sflow_collector::replay::Pace;
///
/// let mut pace = Pace::new(10.0)?;
/// let (start, first) = (Instant::now(), SystemTime::UNIX_EPOCH);
/// assert_eq!(pace.wait(start, first), Duration::ZERO);
/// let next = first + Duration::from_secs(20);
/// assert_eq!(pace.wait(start + Duration::from_millis(500), next), Duration::from_millis(1500));
/// # Ok::<(), sflow_collector::replay::InvalidSpeed>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    speed: f64,
    start: Option<(Instant, SystemTime)>,
    last: Option<SystemTime>,
}

/// A larger step back between two datagrams means that the clock of the capture was set back.
const STEP: Duration = Duration::from_secs(60);

impl Pace {
    /// The longest gap in a capture that is replayed; longer ones are skipped.
    pub const LONGEST_GAP: Duration = Duration::from_secs(3_600);

    /// `speed` is the number of seconds of the capture that are replayed per second: 1 is the
    /// recorded speed, infinity replays without waiting.
    ///
    /// # Errors
    ///
    /// If the speed is not a number above zero.
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

    /// The time from `now` until the datagram that was captured at `received_at` is due.
    ///
    /// It is zero for the first datagram, for late ones, and for ones older than the first.
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
#[error("invalid replay speed {speed}: give a number above 0; 1 is the recorded speed")]
#[non_exhaustive]
pub struct InvalidSpeed {
    /// The rejected speed.
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
    fn datagram_older_than_first_is_due_at_once() {
        let mut pace = Pace::new(1.0).unwrap();
        let start = Instant::now();
        pace.wait(start, FIRST + seconds(100.0));
        assert_eq!(pace.wait(start, FIRST), Duration::ZERO);
    }

    #[test]
    fn long_gaps_and_clock_steps_restart_schedule() {
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
    fn distant_times_do_not_overflow() {
        let mut pace = Pace::new(f64::MIN_POSITIVE).unwrap();
        let start = Instant::now();
        pace.wait(start, FIRST);
        assert_eq!(pace.wait(start, FIRST + seconds(1.0)), Duration::MAX);
    }

    #[test]
    fn invalid_speeds_are_rejected() {
        for speed in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            let error = Pace::new(speed).unwrap_err();
            assert!(
                error.to_string().contains("give a number above 0"),
                "{error}"
            );
        }
    }
}
