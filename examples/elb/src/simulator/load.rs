use std::time::Duration;

use super::random;

/// How much is asked of a service, in requests per second, as a pure function of the time
/// since the start.
///
/// ```
/// use std::time::Duration;
/// use elb::simulator::Load;
///
/// let load = Load::Step { before: 10.0, after: 750.0, at: Duration::from_secs(30) };
/// assert_eq!(load.at(Duration::from_secs(29)), 10.0);
/// assert_eq!(load.at(Duration::from_secs(30)), 750.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Always the same.
    Constant(f64),
    /// One value, then another.
    Step {
        /// Requests per second before.
        before: f64,
        /// Requests per second from then on.
        after: f64,
        /// When.
        at: Duration,
    },
    /// In a straight line from one value to another.
    Ramp {
        /// Requests per second until it begins.
        from: f64,
        /// Requests per second once it has ended.
        to: f64,
        /// When it begins.
        begin: Duration,
        /// When it ends.
        end: Duration,
    },
    /// Up, a while, and down again.
    Spike {
        /// Requests per second outside.
        base: f64,
        /// Requests per second at the top.
        peak: f64,
        /// When it begins to rise.
        begin: Duration,
        /// How long it rises.
        rise: Duration,
        /// How long it stays.
        hold: Duration,
        /// How long it falls.
        fall: Duration,
    },
    /// A wave that begins at its mean and rises first.
    Sine {
        /// Requests per second in the middle.
        mean: f64,
        /// How far it goes up and down from there.
        amplitude: f64,
        /// From one top to the next.
        period: Duration,
    },
    /// Rises in a straight line, falls at once, again and again.
    Sawtooth {
        /// Requests per second at the bottom.
        low: f64,
        /// Requests per second just before it falls.
        high: f64,
        /// From one fall to the next.
        period: Duration,
    },
    /// Another load, shaken.
    Noise {
        /// What is shaken.
        load: Box<Load>,
        /// How far at most, as a fraction of it.
        fraction: f64,
        /// How long until it has gone from one random value to the next.
        grain: Duration,
        /// Which noise.
        seed: u64,
    },
    /// Each value from its time until the next; nothing before the first. In order of time.
    Table(Vec<(Duration, f64)>),
}

impl Load {
    /// Requests per second at this time; never negative, never endless.
    pub fn at(&self, time: Duration) -> f64 {
        const MOST: f64 = 1e12;
        self.shape(time).clamp(0.0, MOST).max(0.0)
    }

    fn shape(&self, time: Duration) -> f64 {
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
                let done = fraction(time.saturating_sub(*begin), end.saturating_sub(*begin));
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
                let top = *begin + *rise;
                let down = top + *hold;
                let height = if time < *begin {
                    0.0
                } else if time < down {
                    fraction(time - *begin, *rise)
                } else {
                    1.0 - fraction(time - down, *fall)
                };
                base + (peak - base) * height
            }
            Self::Sine {
                mean,
                amplitude,
                period,
            } => mean + amplitude * (std::f64::consts::TAU * turns(time, *period)).sin(),
            Self::Sawtooth { low, high, period } => {
                low + (high - low) * turns(time, *period).fract()
            }
            Self::Noise {
                load,
                fraction,
                grain,
                seed,
            } => {
                let place = turns(time, *grain);
                let (before, along) = (place.floor() as u64, place.fract());
                let left = random::noise(*seed, before);
                let right = random::noise(*seed, before + 1);
                let shake = 2.0 * (left + (right - left) * along) - 1.0;
                load.shape(time) * (1.0 + fraction * shake)
            }
            Self::Table(values) => {
                let behind = values.partition_point(|(from, _)| *from <= time);
                behind
                    .checked_sub(1)
                    .and_then(|place| values.get(place))
                    .map_or(0.0, |(_, v)| *v)
            }
        }
    }
}

/// How much of `whole` has passed, at most 1; all of it if there is none.
fn fraction(part: Duration, whole: Duration) -> f64 {
    if part >= whole {
        1.0
    } else {
        part.as_secs_f64() / whole.as_secs_f64()
    }
}

fn turns(time: Duration, period: Duration) -> f64 {
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

    fn values<const N: usize>(load: &Load, seconds: [u64; N]) -> [f64; N] {
        seconds.map(|second| (load.at(s(second)) * 1e6).round() / 1e6)
    }

    #[test]
    fn every_shape_at_its_corners() {
        let ramp = Load::Ramp {
            from: 1.0,
            to: 5.0,
            begin: s(10),
            end: s(20),
        };
        assert_eq!(
            values(&ramp, [0, 10, 15, 20, 99]),
            [1.0, 1.0, 3.0, 5.0, 5.0]
        );

        let cliff = Load::Ramp {
            from: 1.0,
            to: 5.0,
            begin: s(10),
            end: s(10),
        };
        assert_eq!(values(&cliff, [9, 10]), [1.0, 5.0]);

        let spike = Load::Spike {
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

        let pulse = Load::Spike {
            base: 0.0,
            peak: 3.0,
            begin: s(1),
            rise: s(0),
            hold: s(2),
            fall: s(0),
        };
        assert_eq!(values(&pulse, [0, 1, 2, 3]), [0.0, 3.0, 3.0, 0.0]);

        let sine = Load::Sine {
            mean: 10.0,
            amplitude: 4.0,
            period: s(40),
        };
        assert_eq!(
            values(&sine, [0, 10, 20, 30, 40]),
            [10.0, 14.0, 10.0, 6.0, 10.0]
        );

        let sawtooth = Load::Sawtooth {
            low: 0.0,
            high: 10.0,
            period: s(10),
        };
        assert_eq!(
            values(&sawtooth, [0, 5, 9, 10, 12]),
            [0.0, 5.0, 9.0, 0.0, 2.0]
        );

        let table = Load::Table(vec![(s(2), 7.0), (s(5), 1.0)]);
        assert_eq!(values(&table, [0, 2, 4, 5, 99]), [0.0, 7.0, 7.0, 1.0, 1.0]);
    }

    #[test]
    fn noise_is_pure_bounded_and_continuous() {
        let noise = |seed| Load::Noise {
            load: Box::new(Load::Constant(100.0)),
            fraction: 0.2,
            grain: s(5),
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
    fn what_makes_no_sense_is_a_number_all_the_same() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let at = Load::Constant(value).at(s(1));
            assert!(at.is_finite() && at >= 0.0, "{value} became {at}");
        }
        let frozen = Load::Sine {
            mean: 3.0,
            amplitude: 1.0,
            period: Duration::ZERO,
        };
        assert_eq!(frozen.at(s(7)), 3.0);
        assert_eq!(Load::Table(Vec::new()).at(s(7)), 0.0);
    }
}
