use super::rest::StopReason;

/// The bytes of a packet that have not been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether the bytes end at the end of the packet, and not where the agent truncated it.
    pub(super) whole: bool,
    /// Number of bytes behind these that were not sampled, or [`UNKNOWN`](Self::UNKNOWN).
    pub(super) unsampled: usize,
}

impl<'a> Input<'a> {
    /// The number of bytes that were not sampled is unknown.
    pub(super) const UNKNOWN: usize = usize::MAX;

    /// The input behind `header`, with which it begins.
    #[inline]
    pub(super) fn behind(self, header: &[u8]) -> Self {
        let bytes = self.bytes.get(header.len()..).unwrap_or_default();
        Self { bytes, ..self }
    }

    /// The first `length` bytes, or fewer if the agent truncated the packet.
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

    /// The empty input at the end.
    #[inline]
    pub(super) fn end(self) -> Self {
        self.behind(self.bytes)
    }

    /// The length from here to the end of the packet, sampled or not; `None` if unknown.
    pub(super) fn length(self) -> Option<usize> {
        let is_known = self.unsampled != Self::UNKNOWN;
        is_known.then(|| self.bytes.len().saturating_add(self.unsampled))
    }

    /// The reason if a header of `needed` bytes does not fit.
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
