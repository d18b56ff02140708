use super::limits::{AtMost, Limits};
use crate::catalogue::Ceiling;
use crate::config::Ceilings;
use crate::ingest::sequencing::interval::{Clock, Interval, Moment, interval};

/// Maximum number of fields of a counter record.
pub(super) const MAX_FIELDS: usize = 64;

/// An unknown number. Counters have the same value for "unknown".
pub(super) const UNKNOWN: u64 = u64::MAX;

/// Number of samples in a row with a disputed clock after which arrival measures intervals.
const MAX_DISPUTES: u8 = 2;

/// Measures the interval of a sample and the largest increases of counters in it, once for all
/// structures and sources of a datagram with equal previous readings.
pub(crate) struct Measure<'c> {
    pub(super) now: Moment,
    /// Whether the clock of the agent disagrees with arrival.
    pub(super) is_disputed: bool,
    disputes: u8,
    limits: Limits,
    ceilings: &'c Ceilings,
    last: Option<Moment>,
    interval: Interval,
    /// Largest plausible increases of counters in the interval.
    pub(super) at_most: AtMost,
    /// Buffer for the counters of a record.
    pub(super) numbers: [u64; MAX_FIELDS],
    /// Not zero if a counter of the sample advanced.
    pub(super) advances: u64,
    /// Largest rejected increase of a counter of bytes in the sample.
    pub(super) rejected_bytes: u64,
}

impl<'c> Measure<'c> {
    /// For the samples of a datagram.
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
            numbers: [UNKNOWN; MAX_FIELDS],
            advances: 0,
            rejected_bytes: 0,
        }
    }

    /// Begins a sample of a source with these limits and number of disputed samples in a row.
    pub(super) fn begin(&mut self, disputes: u8, limits: Limits) {
        // Only a disputed interval depends on the number of disputes.
        if self.is_disputed || self.limits != limits {
            self.last = None;
        }
        self.is_disputed = false;
        self.disputes = disputes;
        self.limits = limits;
        self.advances = 0;
        self.rejected_bytes = 0;
    }

    /// The time since a reading.
    #[inline]
    pub(super) fn since(&mut self, before: Moment) -> Interval {
        if self.last != Some(before) {
            self.measure(before);
        }
        self.interval
    }

    /// Records a rejected increase of a counter of bytes.
    pub(super) fn reject_bytes(&mut self, bytes: u64) {
        self.rejected_bytes = self.rejected_bytes.max(bytes);
    }

    /// Whether a counter exceeded the reported line speed, but not the largest possible line speed.
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
            if self.disputes >= MAX_DISPUTES {
                self.interval = interval(before, self.now, Clock::Arrival);
            }
        }
        if let Interval::Seconds(seconds) = self.interval {
            self.at_most = self.limits.within(seconds, self.ceilings);
        }
        self.last = Some(before);
    }
}
