/// SplitMix64, with the same numbers on every machine. Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// An independent generator for each purpose, so that additional draws do not affect others.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let mut random = Self(seed);
        for byte in purpose.bytes() {
            random.0 = random.next() ^ u64::from(byte);
        }
        random
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of at most `bits` bits (1 to 64).
    pub(super) const fn bits(&mut self, bits: u32) -> u64 {
        self.next() >> (64 - bits)
    }

    pub(super) const fn word(&mut self) -> u32 {
        self.bits(32) as u32
    }

    pub(super) const fn half(&mut self) -> u16 {
        self.bits(16) as u16
    }

    /// Uniform in `[0, end)`, with a bias below 2^-32.
    pub(super) const fn below(&mut self, end: u32) -> u32 {
        ((self.bits(32) * end as u64) >> 32) as u32
    }

    /// Uniform in `[first, end)`.
    pub(super) const fn between(&mut self, first: u32, end: u32) -> u32 {
        first + self.below(end - first)
    }

    /// True with a probability in percent.
    pub(super) const fn percent(&mut self, percent: u32) -> bool {
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

    /// The first numbers for the seed 1234567 of the reference implementation.
    #[test]
    fn numbers_equal_reference_implementation() {
        let mut random = Random::new(1_234_567, "");
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

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
