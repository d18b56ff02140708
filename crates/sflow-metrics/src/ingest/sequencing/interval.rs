//! The time between two readings, by the clock of the agent, checked against arrival.

use super::number::is_forward;
use crate::timestamp::Timestamp;

/// Maximum disagreement in seconds, due to delays in the agent and the network.
const SLACK: f64 = 5.0;

/// Maximum disagreement as a share of a long interval.
const DRIFT: f64 = 0.25;

/// Time of a reading, by the clock of the agent and by the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// In milliseconds, modulo 2^32.
    pub(crate) uptime: u32,
    pub(crate) received_at: Timestamp,
}

/// The clock that measures an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The clock of the agent, if arrival agrees.
    Agent,
    /// The local clock, because the clock of the agent has disagreed repeatedly.
    Arrival,
}

/// The time between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Interval {
    /// A positive number of seconds.
    Seconds(f64),
    /// No time: both readings are from one datagram.
    None,
    /// The clocks disagree: an undetected restart, or a clock that was set.
    Disputed,
}

/// Measures the time between two readings.
pub(crate) fn interval(before: Moment, now: Moment, clock: Clock) -> Interval {
    let arrival = (now.received_at - before.received_at).as_secs_f64();
    let by_arrival = if arrival > 0.0 {
        Interval::Seconds(arrival)
    } else {
        Interval::None
    };
    let uptime = now.uptime.wrapping_sub(before.uptime);
    if uptime == 0 {
        // The same datagram, or an agent with a constant uptime, which is often zero.
        let is_constant = now.uptime == 0 || arrival > SLACK;
        return if is_constant {
            by_arrival
        } else {
            Interval::None
        };
    }
    if clock == Clock::Arrival {
        return by_arrival;
    }
    if !is_forward(uptime) {
        return Interval::Disputed;
    }
    let uptime = f64::from(uptime) / 1e3;
    if (uptime - arrival).abs() > SLACK.max(DRIFT * uptime) {
        return Interval::Disputed;
    }
    // Software switches report whole seconds, which is too coarse for short intervals.
    let is_coarse = before.uptime.is_multiple_of(1000) && now.uptime.is_multiple_of(1000);
    if is_coarse && arrival > 0.0 {
        by_arrival
    } else {
        Interval::Seconds(uptime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn moment(uptime_ms: u32, received_ms: u64) -> Moment {
        let received_at = Timestamp::from_secs(100) + Duration::from_millis(received_ms);
        Moment {
            uptime: uptime_ms,
            received_at,
        }
    }

    #[test]
    fn uptime_measures_unless_arrival_disagrees() {
        use Interval::{Disputed, None, Seconds};
        let cases = [
            (
                "agree",
                moment(1_007, 0),
                moment(11_007, 10_000),
                Seconds(10.0),
            ),
            (
                "delayed by the network",
                moment(1_007, 0),
                moment(11_007, 12_500),
                Seconds(10.0),
            ),
            (
                "uptime wraps",
                moment(u32::MAX - 999, 0),
                moment(9_000, 10_000),
                Seconds(10.0),
            ),
            (
                "whole seconds",
                moment(31_000, 900),
                moment(33_000, 2_100),
                Seconds(1.2),
            ),
            (
                "whole seconds, delayed",
                moment(31_000, 900),
                moment(33_000, 900),
                Seconds(2.0),
            ),
            ("one datagram", moment(5_000, 0), moment(5_000, 0), None),
            ("no uptime", moment(0, 0), moment(0, 10_000), Seconds(10.0)),
            ("no uptime, one datagram", moment(0, 0), moment(0, 0), None),
            (
                "uptime does not change",
                moment(7, 0),
                moment(7, 10_000),
                Seconds(10.0),
            ),
            (
                "local clock jumps",
                moment(1_007, 0),
                moment(11_007, 3_600_000),
                Disputed,
            ),
            (
                "restarted in between",
                moment(600_007, 0),
                moment(900_007, 7_200_000),
                Disputed,
            ),
            (
                "clock of the agent goes back",
                moment(9_000, 0),
                moment(1_000, 10_000),
                Disputed,
            ),
            (
                "long and slightly off",
                moment(7, 0),
                moment(600_007, 660_000),
                Seconds(600.0),
            ),
        ];
        for (case, before, now, expected) in cases {
            assert_eq!(interval(before, now, Clock::Agent), expected, "{case}");
        }
        let ticks = interval(moment(100, 0), moment(1_100, 10_000), Clock::Arrival);
        assert_eq!(ticks, Seconds(10.0), "uptime in hundredths of a second");
    }

    #[test]
    fn local_clock_set_back_disputes_interval() {
        let back = interval(moment(1_000, 60_000), moment(11_000, 0), Clock::Agent);
        assert_eq!(back, Interval::Disputed);
    }
}
