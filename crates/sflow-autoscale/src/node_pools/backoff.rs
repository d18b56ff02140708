use std::time::Duration;

use sflow_metrics::Timestamp;

use crate::policy::HoldReason;

/// The pause after a hook has failed: it doubles with each failure in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Timestamp>,
}

impl Backoff {
    pub(super) fn fail(&mut self, now: Timestamp) {
        const FIRST: Duration = Duration::from_secs(30);
        const LONGEST: Duration = Duration::from_secs(3_600);
        let pause = FIRST.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause.min(LONGEST));
    }

    /// The reason for holding during the pause.
    pub(super) fn held(self, now: Timestamp) -> Option<HoldReason> {
        let until = self.until.filter(|until| now < *until)?;
        Some(HoldReason::HookFails {
            failures: self.failures,
            left: (until - now).as_secs_f64(),
        })
    }
}
