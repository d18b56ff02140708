use super::stop::StopReason;

/// Bytes that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether they end where the packet says, and not where the agent cut it.
    pub(super) whole: bool,
    /// Bytes of the packet behind these that were not sampled, or [`UNKNOWN`](Self::UNKNOWN).
    pub(super) unsampled: usize,
}

impl<'a> Input<'a> {
    /// An unknown number of bytes that were not sampled.
    pub(super) const UNKNOWN: usize = usize::MAX;

    /// What follows a header that is known to be there.
    #[inline]
    pub(super) fn behind(self, header: &[u8]) -> Self {
        let bytes = self.bytes.get(header.len()..).unwrap_or_default();
        Self { bytes, ..self }
    }

    /// Ended where a header says, unless the agent cut it before.
    #[inline]
    pub(super) fn until(self, length: usize) -> Self {
        match self.bytes.get(..length) {
            Some(bytes) => Self {
                bytes,
                whole: true,
                unsampled: 0,
            },
            None => {
                let unsampled = length.saturating_sub(self.bytes.len());
                Self { unsampled, ..self }
            }
        }
    }

    /// Nothing of it.
    #[inline]
    pub(super) fn none(self) -> Self {
        self.behind(self.bytes)
    }

    /// The length of the packet from here to its end, sampled or not; `None` if unknown.
    pub(super) fn length(self) -> Option<usize> {
        let is_known = self.unsampled != Self::UNKNOWN;
        is_known.then(|| self.bytes.len().saturating_add(self.unsampled))
    }

    /// There are fewer bytes than a header takes.
    #[cold]
    pub(super) const fn short(self, header: &'static str, needed: usize) -> StopReason {
        let available = self.bytes.len();
        if self.whole {
            StopReason::Short {
                header,
                needed,
                available,
            }
        } else {
            StopReason::Cut {
                header,
                needed,
                available,
            }
        }
    }
}
