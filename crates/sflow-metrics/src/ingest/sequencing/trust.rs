/// Whether the sequence numbers of a sender are plausible enough to be used.
///
/// Some agents do not number as specified, and some do not number at all. After several implausible
/// numbers in a row all numbers are ignored, until enough numbers are consecutive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    is_distrusted: bool,
    /// Implausible numbers in a row.
    implausible: u8,
    /// Consecutive numbers in a row, while numbers are ignored.
    consecutive: u8,
}

impl Trust {
    /// Implausible numbers in a row after which all numbers are ignored.
    pub(crate) const MAX_IMPLAUSIBLE: u8 = 3;

    /// Consecutive numbers after which numbers are used again.
    pub(crate) const CONSECUTIVE: u8 = 64;

    /// No implausible number so far.
    pub(crate) const UNIMPAIRED: Self = Self {
        is_distrusted: false,
        implausible: 0,
        consecutive: 0,
    };

    /// Whether numbers are ignored.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.is_distrusted
    }

    /// Implausible numbers in a row.
    pub(crate) const fn implausible(&self) -> u8 {
        self.implausible
    }

    /// Whether one more implausible number reaches the limit.
    pub(crate) const fn is_at_limit(&self) -> bool {
        self.implausible + 1 >= Self::MAX_IMPLAUSIBLE
    }

    /// Counts an implausible number; returns whether the limit is reached.
    pub(crate) const fn count_implausible(&mut self) -> bool {
        self.implausible = self.implausible.saturating_add(1);
        self.implausible >= Self::MAX_IMPLAUSIBLE
    }

    /// Ends a row of implausible numbers; returns its length.
    pub(crate) const fn reset(&mut self) -> u8 {
        core::mem::replace(&mut self.implausible, 0)
    }

    /// Ignores numbers from now on. Does not end the row of implausible numbers.
    pub(crate) const fn distrust(&mut self) {
        self.is_distrusted = true;
        self.consecutive = 0;
    }

    /// Observes a number while numbers are ignored; returns whether they are used again.
    pub(crate) const fn observe(&mut self, is_consecutive: bool) -> bool {
        self.consecutive = if is_consecutive {
            self.consecutive.saturating_add(1)
        } else {
            0
        };
        self.is_distrusted = self.consecutive < Self::CONSECUTIVE;
        !self.is_distrusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ignored_after_implausible_ones_and_used_after_consecutive_ones() {
        let mut trust = Trust::default();
        assert!(!trust.count_implausible());
        assert!(!trust.count_implausible());
        assert_eq!((trust.is_at_limit(), trust.reset()), (true, 2));
        assert!(!trust.count_implausible());
        trust.distrust();
        assert!(trust.is_distrusted());
        for _ in 1..Trust::CONSECUTIVE {
            assert!(!trust.observe(true));
        }
        assert!(!trust.observe(false));
        for _ in 1..Trust::CONSECUTIVE {
            assert!(!trust.observe(true));
        }
        assert!(trust.observe(true));
        assert!(!trust.is_distrusted());
    }
}
