use core::time::Duration;

use crate::timestamp::Timestamp;

/// A sequence has not stopped before this.
pub(super) const SHORTEST_STOP: Duration = Duration::from_secs(1);

/// The longest gap is that of about the last two periods of this length.
const GAP_PERIOD: Duration = Duration::from_secs(64);

/// The longest recent time between two datagrams of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gaps {
    period_began: Timestamp,
    this_period: Duration,
    last_period: Duration,
}

impl Gaps {
    pub(super) const fn starting_at(began: Timestamp) -> Self {
        Self {
            period_began: began,
            this_period: Duration::ZERO,
            last_period: Duration::ZERO,
        }
    }

    pub(super) fn record(&mut self, gap: Duration, now: Timestamp) {
        let longest = self.longest();
        // A single pause is limited to twice the usual gap.
        let gap = if longest.is_zero() {
            gap
        } else {
            gap.min(longest.max(SHORTEST_STOP).saturating_mul(2))
        };
        let is_over = now
            .checked_since(self.period_began)
            .is_none_or(|elapsed| elapsed > GAP_PERIOD);
        if is_over {
            self.period_began = now;
            self.last_period = core::mem::take(&mut self.this_period);
        }
        self.this_period = self.this_period.max(gap);
    }

    pub(super) fn longest(&self) -> Duration {
        self.this_period.max(self.last_period)
    }
}
