//! Exponentially decaying sums that need no update as time passes.
//!
//! The weight of a part falls to `e^(-age/τ)`. All ages grow at the same speed, so parts are
//! stored with their weight at one time, the **landmark**: later parts have a larger weight, and
//! only reading a sum divides by the growth since. (Forward decay, Cormode et al., 2009.)

use core::time::Duration;

use crate::timestamp::Timestamp;

/// The landmark moves after this many time constants: the square of `e^32` is far below the maximum
/// of `f64`.
const REACH: f64 = 32.0;

/// If the clock steps back by more time constants, its earlier time was wrong.
const BACKSTEP: f64 = 16.0;

/// Sums that are read at an earlier time grow for at most this many time constants: after a step back
/// of the clock they would be multiplied by millions.
const MAX_GROWTH: f64 = 1.0;

/// The decay of sums; none without a time constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    /// In seconds.
    constant: Option<f64>,
    landmark: Option<Timestamp>,
    /// The time of the newest part.
    newest: Timestamp,
}

/// The update of sums when a part is added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Multiply the part by this weight.
    Weight(f64),
    /// Multiply the part by the first number and all sums by the second.
    Rescale(f64, f64),
}

impl Decay {
    pub(super) fn new(constant: Option<Duration>) -> Self {
        Self {
            constant: constant.map(|constant| constant.as_secs_f64().max(1e-3)),
            landmark: None,
            newest: Timestamp::ZERO,
        }
    }

    /// The update for a part that is added now.
    pub(super) fn step(&mut self, now: Timestamp) -> Step {
        let (Some(constant), landmark) = (self.constant, *self.landmark.get_or_insert(now)) else {
            return Step::Weight(1.0);
        };
        let ages = since(landmark, now) / constant;
        if ages < -BACKSTEP {
            self.landmark = Some(now);
            self.newest = now;
            return Step::Rescale(1.0, 0.0);
        }
        self.newest = self.newest.max(now);
        if ages > REACH {
            self.landmark = Some(now);
            return Step::Rescale(1.0, (-ages).exp());
        }
        Step::Weight(ages.exp())
    }

    /// The factor from a stored sum to its value now: a rate per second with a time constant,
    /// else a total.
    pub(super) fn factor(&self, now: Timestamp) -> f64 {
        match (self.constant, self.landmark) {
            (Some(constant), Some(landmark)) => {
                let ages = since(landmark, now) / constant;
                if ages < -BACKSTEP {
                    return 0.0;
                }
                let least = since(landmark, self.newest) / constant - MAX_GROWTH;
                (-ages.max(least)).exp() / constant
            }
            (Some(constant), None) => constant.recip(),
            (None, _) => 1.0,
        }
    }
}

/// The factor from a value at one time to its value at another time.
pub(super) fn between(earlier: Timestamp, later: Timestamp, constant: Duration) -> f64 {
    let ages = since(earlier, later) / constant.as_secs_f64().max(1e-3);
    (-ages.max(-MAX_GROWTH)).exp()
}

fn since(earlier: Timestamp, later: Timestamp) -> f64 {
    (later - earlier).as_secs_f64() - (earlier - later).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(decay: &mut Decay, parts: impl IntoIterator<Item = (f64, f64)>) -> f64 {
        let mut sum = 0.0;
        for (seconds, part) in parts {
            match decay.step(at(seconds)) {
                Step::Weight(weight) => sum += part * weight,
                Step::Rescale(weight, factor) => sum = sum * factor + part * weight,
            }
        }
        sum
    }

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_secs(1_000_000) + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn constant_rate_is_reproduced() {
        for constant in [0.5, 2.0, 10.0] {
            let mut decay = Decay::new(Some(Duration::from_secs_f64(constant)));
            let parts = (0..100_000).map(|number| (f64::from(number) * 0.01, 3.0));
            let sum = sum(&mut decay, parts);
            let rate = sum * decay.factor(at(1000.0));
            assert!((rate / 300.0 - 1.0).abs() < 0.02, "{constant} s: {rate}");
        }
    }

    #[test]
    fn parts_at_uneven_times_decay_exactly() {
        let mut decay = Decay::new(Some(Duration::from_secs(10)));
        let parts = [(0.0, 5.0), (900.0, 7.0), (903.5, 2.0), (901.0, 1.0)];
        let found = sum(&mut decay, parts) * decay.factor(at(910.0));
        let expected: f64 = parts
            .iter()
            .map(|(seconds, part)| part * (-(910.0 - seconds) / 10.0).exp() / 10.0)
            .sum();
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{found}, not {expected}"
        );
    }

    #[test]
    fn no_decay_without_time_constant() {
        let mut decay = Decay::new(None);
        assert_eq!(sum(&mut decay, [(0.0, 1.0), (1e6, 2.0)]), 3.0);
        assert_eq!(decay.factor(at(1e9)), 1.0);
    }

    #[test]
    fn sums_grow_little_after_clock_step_back() {
        let mut decay = Decay::new(Some(Duration::from_secs(10)));
        let sum = sum(&mut decay, [(1_000.0, 1.0), (1_310.0, 50.0)]);
        let value = sum * decay.factor(at(1_310.0));
        for (seconds, growth) in [(1_310.0, 0.0), (1_305.0, 0.5), (1_000.0, 1.0), (850.0, 1.0)] {
            let found = sum * decay.factor(at(seconds)) / value;
            assert!(
                (found - f64::exp(growth)).abs() < 1e-9,
                "{seconds} s: {found}"
            );
        }
        assert_eq!(decay.factor(at(800.0)), 0.0);
    }

    #[test]
    fn clock_step_back_resets_sums() {
        let mut decay = Decay::new(Some(Duration::from_secs(1)));
        decay.step(at(1e6));
        assert_eq!(decay.factor(at(0.0)), 0.0, "before the next part");
        let parts = [(1e6, 1e9), (0.0, 4.0)];
        let found = sum(&mut decay, parts) * decay.factor(at(0.0));
        assert_eq!(found, 4.0);
    }
}
