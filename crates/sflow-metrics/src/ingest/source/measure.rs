use super::limits::{AtMost, Limits};
use crate::catalogue::Ceiling;
use crate::config::Ceilings;
use crate::ingest::sequencing::interval::{Clock, Interval, Moment, interval};

/// An agent's clock that disagrees with arrival for more samples in a row than this is wrong,
/// and arrival measures instead.
const PATIENCE: u8 = 2;

/// Measures the interval of a sample, and what counters can have done in it, once for all
/// structures and sources of a datagram that were last read together.
pub(crate) struct Measure<'c> {
    pub(super) now: Moment,
    /// Whether the agent's clock has disagreed with arrival.
    pub(super) is_disputed: bool,
    disputes: u8,
    limits: Limits,
    ceilings: &'c Ceilings,
    last: Option<Moment>,
    interval: Interval,
    at_most: AtMost,
    /// Bytes that a counter went up by, and that were rejected.
    rejected_bytes: u64,
}

impl<'c> Measure<'c> {
    /// For the samples of a datagram that was received at this moment.
    pub(crate) fn new(now: Moment, ceilings: &'c Ceilings) -> Self {
        Self {
            now,
            is_disputed: false,
            disputes: 0,
            limits: Limits::default(),
            ceilings,
            last: None,
            interval: Interval::None,
            at_most: [0; Ceiling::ALL.len()],
            rejected_bytes: 0,
        }
    }

    /// Begins a sample of a source with these limits, after `disputes` samples in a row whose
    /// clock was disputed.
    pub(super) fn begin(&mut self, disputes: u8, limits: Limits) {
        // Only a disputed interval depends on the number of disputes.
        if self.is_disputed || self.limits != limits {
            self.last = None;
        }
        self.is_disputed = false;
        self.disputes = disputes;
        self.limits = limits;
        self.rejected_bytes = 0;
    }

    /// The time since a moment, and how much counters can have gone up in it.
    #[inline]
    pub(super) fn since(&mut self, before: Moment) -> (Interval, &AtMost) {
        if self.last != Some(before) {
            self.measure(before);
        }
        (self.interval, &self.at_most)
    }

    /// A counter of bytes went up by so many, which is more than it may.
    pub(super) fn reject_bytes(&mut self, bytes: u64) {
        self.rejected_bytes = self.rejected_bytes.max(bytes);
    }

    /// Whether a counter went up by more than the line carries, yet by what some line does.
    pub(super) fn exceeded_line(&self) -> bool {
        let Interval::Seconds(seconds) = self.interval else {
            return false;
        };
        let limits = Limits {
            line_rate: None,
            ..self.limits
        };
        let most = limits.within(seconds, self.ceilings)[Ceiling::Line as usize];
        self.rejected_bytes > 0 && self.rejected_bytes <= most
    }

    fn measure(&mut self, before: Moment) {
        self.interval = interval(before, self.now, Clock::Agent);
        if self.interval == Interval::Disputed {
            self.is_disputed = true;
            if self.disputes >= PATIENCE {
                self.interval = interval(before, self.now, Clock::Arrival);
            }
        }
        if let Interval::Seconds(seconds) = self.interval {
            self.at_most = self.limits.within(seconds, self.ceilings);
        }
        self.last = Some(before);
    }
}
