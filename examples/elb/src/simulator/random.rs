use std::time::Duration;

/// SplitMix64: small, fast, the same everywhere. Not for secrets.
///
/// Everybody who draws has a generator of their own, so that one more draw in one place does
/// not change what happens in another.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent generator for `purpose`; does not advance this one.
    pub(super) const fn fork(&self, purpose: u64) -> Self {
        Self(mix(self.0 ^ mix(purpose.wrapping_add(GOLDEN))))
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    /// Uniform in [0, end); 0 if `end` is 0. The bias of 2^-32 and less does not matter here.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform between two durations; the first if they are in the wrong order.
    pub(super) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.unit())
    }

    /// Exponentially distributed, as the time to an event that may come at any moment.
    pub(super) fn exponential(&mut self, mean: Duration) -> Duration {
        let longest = mean.saturating_mul(64);
        mean.mul_f64(-(1.0 - self.unit()).ln()).min(longest)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}

/// Uniform in [0, 1), a pure function of `seed` and `place`.
pub(super) fn noise(seed: u64, place: u64) -> f64 {
    unit(mix(seed ^ mix(place.wrapping_add(GOLDEN))))
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn stays_in_range_and_has_the_right_mean() {
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
    }

    #[test]
    fn forks_differ_and_leave_the_original_alone() {
        let random = Random::new(1);
        let (mut a, mut b, mut again) = (random.fork(1), random.fork(2), random.fork(1));
        assert_ne!(a.next(), b.next());
        assert_eq!(random.fork(1).next(), again.next());
    }
}
