use core::fmt;

/// A percentage from 0 to 100 with two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    pub(crate) const HALF: Self = Self(5_000);
    pub(crate) const QUARTER: Self = Self(2_500);
    pub(crate) const THREE_QUARTERS: Self = Self(7_500);

    /// Rounds to two decimals; `None` if the value is not from 0 to 100.
    pub fn new(percent: f64) -> Option<Self> {
        let hundredths = (percent * 100.0).round();
        (0.0..=10_000.0)
            .contains(&hundredths)
            .then_some(Self(hundredths as u16))
    }

    /// The value from 0 to 100.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Parses `p95` or `p99.9`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let number = name.strip_prefix('p')?;
        let is_plain = number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        Self::new(number.parse().ok().filter(|_| is_plain)?)
    }

    /// The percentile of sorted values.
    pub(crate) fn of_sorted(self, values: &[f64]) -> Option<f64> {
        let at = |rank: u64| values.get(usize::try_from(rank).ok()?).copied();
        self.of_ranks(values.len() as u64, at)
    }

    /// The percentile of `count` values, of which `at` returns the one at a rank from 0. `None` if
    /// there are no values.
    pub(crate) fn of_ranks(self, count: u64, at: impl Fn(u64) -> Option<f64>) -> Option<f64> {
        let last = count.checked_sub(1)?;
        let rank = last as f64 * self.percent() / 100.0;
        let part = rank.fract();
        let below = at((rank.floor() as u64).min(last))?;
        let above = at((rank.ceil() as u64).min(last))?;
        Some(if part > 0.0 {
            below + (above - below) * part
        } else {
            below
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("p{}", self.percent()))
    }
}
