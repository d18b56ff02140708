use std::time::Duration;

use sflow_metrics::Timestamp;

use super::HeldBecause;

/// How long a hook that fails is left alone: twice as long after each failure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    failures: u32,
    until: Option<Timestamp>,
}

impl Patience {
    pub(super) fn fail(&mut self, now: Timestamp) {
        const FIRST: Duration = Duration::from_secs(30);
        const LONGEST: Duration = Duration::from_secs(3_600);
        let pause = FIRST.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause.min(LONGEST));
    }

    /// Why nothing is asked now.
    pub(super) fn held(self, now: Timestamp) -> Option<HeldBecause> {
        let until = self.until.filter(|until| now < *until)?;
        Some(HeldBecause::HookFails {
            failures: self.failures,
            left: (until - now).as_secs_f64(),
        })
    }
}
