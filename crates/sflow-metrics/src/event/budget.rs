use core::time::Duration;

use crate::timestamp::Timestamp;

/// Limit on the events of one agent in a period, so that one agent cannot displace the events of
/// all others from the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    since: Timestamp,
    spent: usize,
}

impl Budget {
    /// Counts an event; returns whether it is within `limit` for the period.
    pub(crate) fn spend(&mut self, at: Timestamp, period: Duration, limit: usize) -> bool {
        let is_over = at
            .checked_since(self.since)
            .is_none_or(|elapsed| elapsed >= period);
        if is_over {
            *self = Self {
                since: at,
                spent: 0,
            };
        }
        let is_within = self.spent < limit;
        self.spent += usize::from(is_within);
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_limits_events_per_period() {
        let mut budget = Budget::default();
        let mut spend =
            |second| budget.spend(Timestamp::from_secs(second), Duration::from_secs(30), 2);
        assert!(spend(100) && spend(101));
        assert!(!spend(102) && !spend(129));
        assert!(spend(130));
        assert!(spend(7), "a clock that was set back begins anew");
    }
}
