use std::time::Duration;

use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// Random numbers that are the same on every machine. Not for secrets.
///
/// Each part of the simulation has a generator of its own, so that an additional draw in one part
/// does not affect the others.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    seed: u64,
    generator: Xoshiro256PlusPlus,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            generator: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// An independent generator. It depends on the seed and the purpose, not on numbers drawn.
    pub(crate) fn fork(&self, purpose: u64) -> Self {
        Self::new(hash(self.seed, purpose))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    /// Uniform in [0, end), with a bias below 2^-32; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform between two durations; `min` if `max` is less.
    pub(crate) fn between(&mut self, min: Duration, max: Duration) -> Duration {
        min + max.saturating_sub(min).mul_f64(self.unit())
    }

    /// Exponentially distributed, at most 64 times the mean.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        let seconds = mean.as_secs_f64() * -(1.0 - self.unit()).ln();
        let longest = mean.saturating_mul(64);
        Duration::try_from_secs_f64(seconds).map_or(longest, |time| time.min(longest))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.generator.fill_bytes(&mut bytes);
        bytes
    }
}

/// Uniform in [0, 1), a pure function of its arguments.
pub(crate) fn noise(seed: u64, position: u64) -> f64 {
    unit(hash(seed, position))
}

fn hash(a: u64, b: u64) -> u64 {
    let b = SplitMix64::seed_from_u64(b).next_u64();
    SplitMix64::seed_from_u64(a ^ b).next_u64()
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results that were published for a seed can be reproduced only with the same numbers.
    #[test]
    fn numbers_of_a_seed_do_not_change() {
        let mut random = Random::new(1);
        assert_eq!(random.next(), 14_971_601_782_005_023_387);
        assert_eq!(random.fork(1).next(), 14_306_731_028_545_861_951);
        assert_eq!(noise(1, 2), 0.8766756214195504);
    }

    #[test]
    fn draws_stay_in_range_and_have_the_expected_mean() {
        let mut random = Random::new(7);
        let draws = 20_000;
        let mut sum = Duration::ZERO;
        for _ in 0..draws {
            assert!(random.below(10) < 10);
            assert!((0.0..1.0).contains(&random.unit()));
            sum += random.exponential(Duration::from_secs(10));
        }
        let mean = sum.as_secs_f64() / f64::from(draws);
        assert!((9.7..10.3).contains(&mean), "{mean}");
        assert_eq!(random.below(0), 0);
        let five = Duration::from_secs(5);
        assert_eq!(random.between(five, Duration::ZERO), five);
        assert!(random.exponential(Duration::MAX) <= Duration::MAX);
    }

    #[test]
    fn forks_differ_and_do_not_affect_the_original() {
        let mut random = Random::new(1);
        let (mut a, mut b, mut again) = (random.fork(1), random.fork(2), random.fork(1));
        let first = a.next();
        assert_ne!(first, b.next());
        assert_eq!(first, again.next());
        assert_eq!(random.next(), Random::new(1).next());
    }
}
