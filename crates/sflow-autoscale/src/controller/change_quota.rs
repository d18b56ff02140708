//! The limit of changes per minute of all services together.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use sflow_metrics::Timestamp;

use crate::policy::{Decision, Mode};

const MINUTE: Duration = Duration::from_secs(60);

/// The changes of the last minute.
#[derive(Debug, Default)]
pub(super) struct ChangeQuota(VecDeque<Timestamp>);

impl ChangeQuota {
    /// Defers the decisions beyond the limit. Growth precedes shrinking, then the priority counts, then
    /// how far a service is above its limit.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        per_minute: u32,
        decisions: &mut [(usize, Decision)],
        priority: impl Fn(usize) -> i32,
    ) {
        while self.0.front().is_some_and(|at| now - *at >= MINUTE) {
            self.0.pop_front();
        }
        let most = usize::try_from(per_minute).unwrap_or(usize::MAX);
        let left = most.saturating_sub(self.0.len());
        let mut changes: Vec<&mut (usize, Decision)> = decisions
            .iter_mut()
            .filter(|(_, decision)| decision.is_change() && decision.mode == Mode::Act)
            .collect();
        changes.sort_by(|(a, first), (b, second)| {
            let grows = |decision: &Decision| decision.result > decision.replicas;
            grows(second)
                .cmp(&grows(first))
                .then(priority(*b).cmp(&priority(*a)))
                .then(
                    second
                        .need()
                        .partial_cmp(&first.need())
                        .unwrap_or(Ordering::Equal),
                )
        });
        let next = self
            .0
            .front()
            .map_or(now + MINUTE, |oldest| *oldest + MINUTE);
        for (_, decision) in changes.into_iter().skip(left) {
            decision.defer(per_minute, next);
        }
    }

    /// Records a change.
    pub(super) fn record(&mut self, now: Timestamp) {
        self.0.push_back(now);
    }
}
