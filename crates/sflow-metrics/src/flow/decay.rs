//! Sums whose parts fade, without touching all of them as time passes.
//!
//! A part that is `age` old counts `e^(-age/τ)` of what it was. All ages grow alike, so parts are
//! kept as they would have counted at one moment, the **landmark**: a later one is worth more,
//! and only the question divides by how much. (Forward decay, after Cormode and others, 2009.)

use core::time::Duration;

use crate::timestamp::Timestamp;

/// The landmark moves when what arrives is worth so many time constants more: `e^32` is far from
/// what a number can hold, even squared.
const REACH: f64 = 32.0;

/// A clock that steps back by more time constants than this was wrong before.
const BACKSTEP: f64 = 16.0;

/// How the parts of sums fade; without a time constant they do not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    /// In seconds.
    constant: Option<f64>,
    landmark: Option<Timestamp>,
}

/// What has to be done to sums before a part is added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// The part is worth so many times itself.
    Worth(f64),
    /// The same, when all sums have been multiplied by the second number.
    Rescale(f64, f64),
}

impl Decay {
    pub(super) fn new(constant: Option<Duration>) -> Self {
        Self {
            constant: constant.map(|constant| constant.as_secs_f64().max(1e-3)),
            landmark: None,
        }
    }

    /// What a part that arrives now is worth.
    pub(super) fn step(&mut self, now: Timestamp) -> Step {
        let (Some(constant), landmark) = (self.constant, *self.landmark.get_or_insert(now)) else {
            return Step::Worth(1.0);
        };
        let ages = since(landmark, now) / constant;
        if ages > REACH {
            self.landmark = Some(now);
            return Step::Rescale(1.0, (-ages).exp());
        }
        if ages < -BACKSTEP {
            self.landmark = Some(now);
            return Step::Rescale(1.0, 0.0);
        }
        Step::Worth(ages.exp())
    }

    /// What a sum has to be multiplied by to be what it is now: with a time constant a rate per
    /// second, without one a sum.
    pub(super) fn factor(&self, now: Timestamp) -> f64 {
        match (self.constant, self.landmark) {
            (Some(constant), Some(landmark)) => {
                let ages = (since(landmark, now) / constant).max(-BACKSTEP);
                (-ages).exp() / constant
            }
            (Some(constant), None) => constant.recip(),
            (None, _) => 1.0,
        }
    }
}

fn since(earlier: Timestamp, later: Timestamp) -> f64 {
    (later - earlier).as_secs_f64() - (earlier - later).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds up parts as the owner of sums does.
    fn sum(decay: &mut Decay, parts: impl IntoIterator<Item = (f64, f64)>) -> f64 {
        let mut sum = 0.0;
        for (seconds, part) in parts {
            match decay.step(at(seconds)) {
                Step::Worth(worth) => sum += part * worth,
                Step::Rescale(worth, factor) => sum = sum * factor + part * worth,
            }
        }
        sum
    }

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_secs(1_000_000) + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_steady_stream_is_its_rate() {
        for constant in [0.5, 2.0, 10.0] {
            let mut decay = Decay::new(Some(Duration::from_secs_f64(constant)));
            let parts = (0..100_000).map(|number| (f64::from(number) * 0.01, 3.0));
            let sum = sum(&mut decay, parts);
            let rate = sum * decay.factor(at(1000.0));
            assert!((rate / 300.0 - 1.0).abs() < 0.02, "{constant} s: {rate}");
        }
    }

    #[test]
    fn uneven_arrival_fades_exactly() {
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
    fn without_a_constant_nothing_fades() {
        let mut decay = Decay::new(None);
        assert_eq!(sum(&mut decay, [(0.0, 1.0), (1e6, 2.0)]), 3.0);
        assert_eq!(decay.factor(at(1e9)), 1.0);
    }

    #[test]
    fn a_clock_that_was_wrong_does_not_stop_time() {
        let mut decay = Decay::new(Some(Duration::from_secs(1)));
        let parts = [(1e6, 1e9), (0.0, 4.0)];
        let found = sum(&mut decay, parts) * decay.factor(at(0.0));
        assert_eq!(found, 4.0);
    }
}
