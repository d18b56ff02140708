/// Equal steps by more than one after which the step is known, so that nothing is missing.
const STRIDES: u8 = 20;

/// The step between the numbers of consecutive datagrams or samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stride {
    last: u32,
    /// Consecutive differences that are equal to the last.
    equal: u8,
    is_known: bool,
}

impl Stride {
    /// Whether the step is larger than one and known.
    pub(crate) const fn is_known(&self) -> bool {
        self.is_known
    }

    pub(crate) const ONE: Self = Self {
        last: 1,
        equal: 0,
        is_known: false,
    };

    /// For a number that is higher by `ahead`: how many are missing before it, and how many that were
    /// counted as missing earlier are not.
    #[inline]
    pub(crate) fn missing(&mut self, ahead: u32) -> (u32, u64) {
        if ahead == 1 && self.last == 1 {
            return (0, 0);
        }
        self.missing_of_stride(ahead)
    }

    #[cold]
    fn missing_of_stride(&mut self, ahead: u32) -> (u32, u64) {
        if self.is_known {
            if ahead.is_multiple_of(self.last) {
                return (ahead / self.last - 1, 0);
            }
            *self = Self::ONE;
        }
        if ahead != self.last {
            *self = Self {
                last: ahead,
                equal: 0,
                is_known: false,
            };
            return (ahead - 1, 0);
        }
        self.equal += 1;
        if self.equal < STRIDES {
            return (ahead - 1, 0);
        }
        self.is_known = true;
        (0, u64::from(ahead - 1) * u64::from(self.equal))
    }
}
