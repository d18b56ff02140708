use std::num::ParseFloatError;
use std::time::Duration;

use thiserror::Error;

use crate::random::noise;

/// Requests per second of a service, as a pure function of the time since the start.
///
/// ```
/// use std::time::Duration;
///
/// use sflow_simulator::Workload;
///
/// let step = Workload::Step { before: 10.0, after: 750.0, at: Duration::from_secs(30) };
/// assert_eq!(step.at(Duration::from_secs(29)), 10.0);
/// assert_eq!(step.at(Duration::from_secs(30)), 750.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Workload {
    /// Requests per second that do not change.
    Constant(f64),
    /// A change from one value to another.
    Step {
        /// Requests per second before `at`.
        before: f64,
        /// Requests per second from `at` on.
        after: f64,
        /// Time of the change.
        at: Duration,
    },
    /// A linear change from one value to another.
    Ramp {
        /// Requests per second until `begin`.
        from: f64,
        /// Requests per second from `end` on.
        to: f64,
        /// Start of the change.
        begin: Duration,
        /// End of the change.
        end: Duration,
    },
    /// A linear rise, a plateau, and a linear fall.
    Spike {
        /// Requests per second before and after.
        base: f64,
        /// Requests per second on the plateau.
        peak: f64,
        /// Start of the rise.
        begin: Duration,
        /// Duration of the rise.
        rise: Duration,
        /// Duration of the plateau.
        hold: Duration,
        /// Duration of the fall.
        fall: Duration,
    },
    /// A sine wave that begins at its mean and rises first.
    Sine {
        /// Requests per second on average.
        mean: f64,
        /// Largest difference from the mean.
        amplitude: f64,
        /// Time from one maximum to the next; constant at the mean if 0.
        period: Duration,
    },
    /// A linear rise and an immediate fall, repeated.
    Sawtooth {
        /// Requests per second at the start of the rise.
        low: f64,
        /// Requests per second at the end of the rise.
        high: f64,
        /// Time from one fall to the next; constant at `low` if 0.
        period: Duration,
    },
    /// Another workload with random deviations.
    Noise {
        /// The other workload.
        workload: Box<Workload>,
        /// Largest deviation, as a fraction of the other workload.
        fraction: f64,
        /// Time from one random value to the next; deviations between them are interpolated.
        interval: Duration,
        /// Seed of the random values.
        seed: u64,
    },
    /// Another workload, multiplied.
    Scaled {
        /// The other workload.
        workload: Box<Workload>,
        /// The factor.
        factor: f64,
    },
    /// Each value from its time until the time of the next, in the order of time; 0 before the
    /// first.
    Table(Vec<(Duration, f64)>),
    /// One value for each second; the last value continues. Read by [`from_lines`](Self::from_lines).
    Trace(Vec<f64>),
}

/// Why a [`Workload`] cannot be read from lines.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The text is empty.
    #[error("no values; expected one number per line")]
    Empty,
    /// A line is not a number.
    #[error("line {line}: {text:?} is not a number")]
    NotANumber {
        /// Number of the line, from 1.
        line: usize,
        /// The first 40 characters of the line.
        text: String,
        /// Why.
        #[source]
        source: ParseFloatError,
    },
    /// A value is negative, infinite or NaN.
    #[error("line {line}: {value} is out of range; expected a number from 0")]
    OutOfRange {
        /// Number of the line, from 1.
        line: usize,
        /// The value.
        value: f64,
    },
}

impl Workload {
    /// Reads a recorded workload: one line with one number for each second.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::Workload;
    ///
    /// // The numbers are replicas' worth of load; one replica serves 100 requests per second.
    /// let text = "1.5\n2\n0.25\n";
    /// let trace = Workload::from_lines(text.lines())?.scaled(100.0);
    /// assert_eq!(trace.at(Duration::from_millis(1_500)), 200.0);
    ///
    /// let error = Workload::from_lines("1.5\ntwo\n".lines()).unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: \"two\" is not a number");
    /// # Ok::<(), sflow_simulator::TraceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is empty, or a line is not a number or is negative or infinite. Whitespace around
    /// a number is ignored; empty lines are errors.
    pub fn from_lines<L: AsRef<str>>(
        lines: impl IntoIterator<Item = L>,
    ) -> Result<Self, TraceError> {
        let mut values = Vec::new();
        for (line, text) in (1..).zip(lines) {
            let text = text.as_ref().trim();
            let value: f64 = text.parse().map_err(|source| TraceError::NotANumber {
                line,
                text: text.chars().take(40).collect(),
                source,
            })?;
            if !(value.is_finite() && value >= 0.0) {
                return Err(TraceError::OutOfRange { line, value });
            }
            values.push(value);
        }
        if values.is_empty() {
            return Err(TraceError::Empty);
        }
        Ok(Self::Trace(values))
    }

    /// This workload, multiplied by a factor.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self::Scaled {
            workload: Box::new(self),
            factor,
        }
    }

    /// Requests per second at this time: from 0 to 10<sup>12</sup>. Other values, also NaN, are
    /// limited to this range.
    pub fn at(&self, time: Duration) -> f64 {
        const MAX: f64 = 1e12;
        // `max` turns NaN into 0; `clamp` keeps it.
        self.value(time).clamp(0.0, MAX).max(0.0)
    }

    fn value(&self, time: Duration) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Step { before, after, at } => {
                if time < *at {
                    *before
                } else {
                    *after
                }
            }
            Self::Ramp {
                from,
                to,
                begin,
                end,
            } => {
                let done =
                    elapsed_fraction(time.saturating_sub(*begin), end.saturating_sub(*begin));
                if time < *begin {
                    *from
                } else {
                    from + (to - from) * done
                }
            }
            Self::Spike {
                base,
                peak,
                begin,
                rise,
                hold,
                fall,
            } => {
                let top = begin.saturating_add(*rise);
                let end = top.saturating_add(*hold);
                let height = if time < *begin {
                    0.0
                } else if time < end {
                    elapsed_fraction(time - *begin, *rise)
                } else {
                    1.0 - elapsed_fraction(time - end, *fall)
                };
                base + (peak - base) * height
            }
            Self::Sine {
                mean,
                amplitude,
                period,
            } => mean + amplitude * (std::f64::consts::TAU * periods(time, *period)).sin(),
            Self::Sawtooth { low, high, period } => {
                low + (high - low) * periods(time, *period).fract()
            }
            Self::Noise {
                workload,
                fraction,
                interval,
                seed,
            } => {
                let position = periods(time, *interval);
                let (index, part) = (position.floor() as u64, position.fract());
                let left = noise(*seed, index);
                let right = noise(*seed, index.wrapping_add(1));
                let deviation = 2.0 * (left + (right - left) * part) - 1.0;
                workload.at(time) * (1.0 + fraction * deviation)
            }
            Self::Scaled { workload, factor } => workload.at(time) * factor,
            Self::Table(values) => {
                let passed = values.partition_point(|(from, _)| *from <= time);
                let last = passed.checked_sub(1).and_then(|last| values.get(last));
                last.map_or(0.0, |(_, value)| *value)
            }
            Self::Trace(values) => {
                let second = usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
                let value = values.get(second).or_else(|| values.last());
                value.copied().unwrap_or(0.0)
            }
        }
    }
}

/// `part / whole`, at most 1; 1 if `whole` is 0.
fn elapsed_fraction(part: Duration, whole: Duration) -> f64 {
    if part >= whole {
        1.0
    } else {
        part.as_secs_f64() / whole.as_secs_f64()
    }
}

/// `time / period`; 0 if the period is 0.
fn periods(time: Duration, period: Duration) -> f64 {
    if period.is_zero() {
        0.0
    } else {
        time.as_secs_f64() / period.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn values<const N: usize>(workload: &Workload, seconds: [u64; N]) -> [f64; N] {
        seconds.map(|second| (workload.at(s(second)) * 1e6).round() / 1e6)
    }

    #[test]
    fn shapes_have_expected_values_at_their_corners() {
        let ramp = Workload::Ramp {
            from: 1.0,
            to: 5.0,
            begin: s(10),
            end: s(20),
        };
        assert_eq!(
            values(&ramp, [0, 10, 15, 20, 99]),
            [1.0, 1.0, 3.0, 5.0, 5.0]
        );

        let cliff = Workload::Ramp {
            from: 1.0,
            to: 5.0,
            begin: s(10),
            end: s(10),
        };
        assert_eq!(values(&cliff, [9, 10]), [1.0, 5.0]);

        let spike = Workload::Spike {
            base: 2.0,
            peak: 10.0,
            begin: s(10),
            rise: s(4),
            hold: s(6),
            fall: s(8),
        };
        assert_eq!(
            values(&spike, [0, 10, 12, 14, 20, 24, 28, 99]),
            [2.0, 2.0, 6.0, 10.0, 10.0, 6.0, 2.0, 2.0]
        );

        let pulse = Workload::Spike {
            base: 0.0,
            peak: 3.0,
            begin: s(1),
            rise: s(0),
            hold: s(2),
            fall: s(0),
        };
        assert_eq!(values(&pulse, [0, 1, 2, 3]), [0.0, 3.0, 3.0, 0.0]);

        let sine = Workload::Sine {
            mean: 10.0,
            amplitude: 4.0,
            period: s(40),
        };
        assert_eq!(
            values(&sine, [0, 10, 20, 30, 40]),
            [10.0, 14.0, 10.0, 6.0, 10.0]
        );

        let sawtooth = Workload::Sawtooth {
            low: 0.0,
            high: 10.0,
            period: s(10),
        };
        assert_eq!(
            values(&sawtooth, [0, 5, 9, 10, 12]),
            [0.0, 5.0, 9.0, 0.0, 2.0]
        );

        let table = Workload::Table(vec![(s(2), 7.0), (s(5), 1.0)]);
        assert_eq!(values(&table, [0, 2, 4, 5, 99]), [0.0, 7.0, 7.0, 1.0, 1.0]);
    }

    #[test]
    fn noise_is_pure_bounded_and_continuous() {
        let noise = |seed| Workload::Noise {
            workload: Box::new(Workload::Constant(100.0)),
            fraction: 0.2,
            interval: s(5),
            seed,
        };
        let (one, other) = (noise(1), noise(2));
        let mut differ = false;
        for millis in (0..600_000).step_by(70) {
            let time = Duration::from_millis(millis);
            let value = one.at(time);
            assert_eq!(value, one.at(time));
            assert!((80.0..=120.0).contains(&value), "{value}");
            let next = one.at(time + Duration::from_millis(10));
            assert!((next - value).abs() < 0.2, "{value} then {next}");
            differ |= value != other.at(time);
        }
        assert!(differ);
    }

    #[test]
    fn invalid_values_are_limited() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let at = Workload::Constant(value).at(s(1));
            assert!(at.is_finite() && at >= 0.0, "{value} became {at}");
        }
        let frozen = Workload::Sine {
            mean: 3.0,
            amplitude: 1.0,
            period: Duration::ZERO,
        };
        assert_eq!(frozen.at(s(7)), 3.0);
        assert_eq!(Workload::Table(Vec::new()).at(s(7)), 0.0);
        assert_eq!(Workload::Trace(Vec::new()).at(s(7)), 0.0);
        assert_eq!(Workload::Constant(3.0).scaled(f64::NAN).at(s(7)), 0.0);
    }

    #[test]
    fn trace_has_one_value_per_second_and_continues_with_the_last() {
        let trace = Workload::from_lines("1\n 2.5 \r\n0\n4e1".lines()).unwrap();
        assert_eq!(
            values(&trace, [0, 1, 2, 3, 99]),
            [1.0, 2.5, 0.0, 40.0, 40.0]
        );
        assert_eq!(trace.at(Duration::from_millis(1_999)), 2.5);
        let scaled = trace.scaled(100.0);
        assert_eq!(values(&scaled, [0, 1, 2]), [100.0, 250.0, 0.0]);
    }

    #[test]
    fn invalid_trace_is_an_error_with_its_line() {
        let error = |text: &str| Workload::from_lines(text.lines()).unwrap_err();
        assert_eq!(error(""), TraceError::Empty);
        for (text, line) in [("x", 1), ("1\n\n2", 2), ("1\n2\n3,5", 3), ("1\n2 3", 2)] {
            match error(text) {
                TraceError::NotANumber { line: found, .. } => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other}"),
            }
        }
        for text in ["1\n-1", "1\ninf", "1\nNaN", "1\n1e400"] {
            match error(text) {
                TraceError::OutOfRange { line, .. } => assert_eq!(line, 2, "{text}"),
                other => panic!("{text}: {other}"),
            }
        }
        assert!(std::error::Error::source(&error("x")).is_some());
        assert!(error(&"x".repeat(10_000)).to_string().len() < 100);
    }
}
