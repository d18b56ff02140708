//! Status of node pools.

use std::collections::{BTreeMap, VecDeque};

use sflow_metrics::Timestamp;

use super::view::{Point, PoolView};
use super::{LoopStatus, News};
use crate::policy::{Mode, Subject, SubjectKind};
use sflow_autoscale::node_pools::{MachineStep, PoolEvent, PoolRound, PoolStatus, Reconciler};

/// Counters of machine operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineTally {
    /// Machines ordered.
    pub ordered: u64,
    /// Machines drained.
    pub drained: u64,
    /// Machines reactivated after they had been drained.
    pub activated: u64,
    /// Machines returned to the provider.
    pub given_back: u64,
}

/// Status of all pools.
#[derive(Debug, Default)]
pub(super) struct Pools {
    status: Vec<PoolStatus>,
    events: BTreeMap<String, VecDeque<PoolEvent>>,
    tally: BTreeMap<String, MachineTally>,
    outcomes: BTreeMap<(String, &'static str), u64>,
}

impl LoopStatus {
    /// Records the result of a round of the pools. Returns what is new.
    pub fn record_pools(
        &mut self,
        now: Timestamp,
        mode: Mode,
        reconcilers: &[Reconciler],
        round: &PoolRound,
    ) -> News {
        let mut news = News::default();
        for (decided, steps) in &round.decisions {
            let name = &decided.decision.subject.name;
            let key = (name.clone(), decided.outcome.name());
            *self.pools.outcomes.entry(key).or_default() += 1;
            let is_done = !steps.is_empty() && decided.decision.mode == Mode::Act;
            if is_done {
                let tally = self.pools.tally.entry(name.clone()).or_default();
                steps.iter().for_each(|step| tally.count(step));
            }
            if self.history.is_news(decided) || is_done {
                news.entries.push(self.history.add(decided, steps));
            }
        }
        self.update_pools(now, mode, reconcilers);
        let at = self.seconds(now);
        for pool in &self.pools.status {
            let inputs = pool.last.as_ref().map_or(&[][..], |last| &last.inputs);
            let point = Point::new(at, inputs, pool.desired(), pool.serving);
            let points = self.points.entry(Subject::pool(&pool.name)).or_default();
            points.push(Some(point), pool.signals.len(), inputs);
        }
        for reconciler in reconcilers {
            let name = reconciler.pool().name.clone();
            let known = self.pools.events.entry(name).or_default();
            let last = known.back().map_or(0, |event| event.id);
            let new = reconciler.events().iter().filter(|event| event.id > last);
            news.machines.extend(new.cloned());
            known.clone_from(reconciler.events());
        }
        news
    }

    /// Updates the status of all pools without a round.
    pub fn update_pools(&mut self, now: Timestamp, mode: Mode, reconcilers: &[Reconciler]) {
        let status = |reconciler| PoolStatus::new(now, reconciler, mode);
        self.pools.status = reconcilers.iter().map(status).collect();
        let is_known = |name: &String| {
            reconcilers
                .iter()
                .any(|reconciler| reconciler.pool().name == *name)
        };
        self.points
            .retain(|subject, _| subject.kind != SubjectKind::Pool || is_known(&subject.name));
        self.pools.events.retain(|name, _| is_known(name));
    }

    /// Status of every pool.
    pub fn pools(&self) -> &[PoolStatus] {
        &self.pools.status
    }

    /// Status of one pool.
    pub fn pool(&self, name: &str) -> Option<&PoolStatus> {
        self.pools.status.iter().find(|known| known.name == name)
    }

    /// Events of a pool, oldest first.
    pub fn events_of_pool(&self, pool: &str) -> impl DoubleEndedIterator<Item = &PoolEvent> {
        self.pools.events.get(pool).into_iter().flatten()
    }

    /// Counters of machine operations of a pool.
    pub fn machine_tally(&self, pool: &str) -> MachineTally {
        self.pools.tally.get(pool).copied().unwrap_or_default()
    }

    /// Number of decisions by pool and outcome.
    pub const fn pool_outcomes(&self) -> &BTreeMap<(String, &'static str), u64> {
        &self.pools.outcomes
    }

    /// Pools for the terminal and the page, with at most `points` points of each history.
    pub(super) fn pool_views(&self, points: usize) -> Vec<PoolView> {
        /// Events per pool.
        const SHOWN: usize = 8;
        let view = |pool| self.pool_view(pool, points, SHOWN);
        self.pools.status.iter().map(view).collect()
    }

    /// A pool with at most `points` points of its history and its last `events` events.
    pub fn pool_view(&self, pool: &PoolStatus, points: usize, events: usize) -> PoolView {
        let newest = self.events_of_pool(&pool.name).rev().take(events);
        let mut events: Vec<PoolEvent> = newest.cloned().collect();
        events.reverse();
        PoolView {
            status: pool.clone(),
            past: self.thinned(&Subject::pool(&pool.name), points),
            events,
        }
    }
}

impl MachineTally {
    const fn count(&mut self, step: &MachineStep) {
        match step {
            MachineStep::Add { .. } => self.ordered += 1,
            MachineStep::Drain { .. } => self.drained += 1,
            MachineStep::Activate { .. } => self.activated += 1,
            MachineStep::Remove { .. } => self.given_back += 1,
        }
    }
}
