/// The size of a counter on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Bits32,
    Bits64,
}

impl Width {
    /// The value for "unknown".
    pub(crate) const fn all_ones(self) -> u64 {
        match self {
            Self::Bits32 => u32::MAX as u64,
            Self::Bits64 => u64::MAX,
        }
    }

    pub(crate) const fn difference(self, before: u64, now: u64) -> u64 {
        now.wrapping_sub(before) & self.all_ones()
    }
}
