use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Random numbers that are the same on every machine.
#[derive(Clone, Debug)]
pub(super) struct Random(SplitMix64);

impl Random {
    /// An independent generator for each purpose, so that additional draws do not affect others.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let mut random = SplitMix64::seed_from_u64(seed);
        for byte in purpose.bytes() {
            random = SplitMix64::seed_from_u64(random.next_u64() ^ u64::from(byte));
        }
        Self(random)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of at most `bits` bits (1 to 64).
    pub(super) fn bits(&mut self, bits: u32) -> u64 {
        self.next() >> (64 - bits)
    }

    pub(super) fn word(&mut self) -> u32 {
        self.bits(32) as u32
    }

    pub(super) fn half(&mut self) -> u16 {
        self.bits(16) as u16
    }

    /// Uniform in `[0, end)`, with a bias below 2^-32.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((self.bits(32) * end as u64) >> 32) as u32
    }

    /// Uniform in `[first, end)`.
    pub(super) fn between(&mut self, first: u32, end: u32) -> u32 {
        first + self.below(end - first)
    }

    /// True with a probability in percent.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.bits(8) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn purposes_are_independent() {
        assert_ne!(
            Random::new(1, "flows").next(),
            Random::new(1, "host").next()
        );
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(1, "bounds");
        for _ in 0..10_000 {
            assert!((3..7).contains(&random.between(3, 7)));
            assert!(random.bits(5) < 32);
        }
    }
}
