//! Status of node pools.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::{LoopStatus, News, POINTS};
use crate::policy::Mode;
use crate::view::{Point, PoolView};
use sflow_autoscale::node_pools::MachineStep;
use sflow_autoscale::node_pools::PoolRound;
use sflow_autoscale::node_pools::{PoolEvent, PoolStatus, Reconciler};

/// Counters of machine operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
    past: BTreeMap<String, VecDeque<Point>>,
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
            let past = self.pools.past.entry(pool.name.clone()).or_default();
            if past.len() == POINTS {
                past.pop_front();
            }
            past.push_back(point(pool, at));
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
        self.pools.past.retain(|name, _| is_known(name));
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

    /// History of a pool, oldest first.
    pub fn pool_history(&self, pool: &str) -> Vec<Point> {
        let past = self.pools.past.get(pool).into_iter().flatten();
        past.copied().collect()
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
            past: super::thinned(self.pools.past.get(&pool.name), points),
            events,
        }
    }
}

/// The current point of a pool's history.
fn point(pool: &PoolStatus, at: f64) -> Point {
    let inputs = pool.last.as_ref().map(|decision| &decision.inputs);
    let first = inputs.and_then(|inputs| inputs.first());
    Point {
        at,
        load: first.and_then(|input| input.value),
        least: first.and_then(|input| input.least).map(|load| load as f32),
        most: first.and_then(|input| input.most).map(|load| load as f32),
        wanted: pool.desired(),
        running: pool.serving,
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
