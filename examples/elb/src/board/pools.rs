//! How pools of machines stand.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::{Board, News, PAST};
use crate::policy::Mode;
use crate::view::{Point, PoolView};
use sflow_autoscale::node_pools::MachineStep;
use sflow_autoscale::node_pools::PoolRound;
use sflow_autoscale::node_pools::{PoolEvent, PoolStatus, Reconciler};

/// How often what happened to machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MachineTally {
    /// Machines that were ordered.
    pub ordered: u64,
    /// Machines that were drained.
    pub drained: u64,
    /// Machines that were to leave and take tasks again.
    pub activated: u64,
    /// Machines that were given back.
    pub given_back: u64,
}

/// What is known of all pools.
#[derive(Debug, Default)]
pub(super) struct Pools {
    standings: Vec<PoolStatus>,
    past: BTreeMap<String, VecDeque<Point>>,
    events: BTreeMap<String, VecDeque<PoolEvent>>,
    tally: BTreeMap<String, MachineTally>,
    outcomes: BTreeMap<(String, &'static str), u64>,
}

impl Board {
    /// Takes down what a round of the pools came to; answers what of it is news.
    pub fn note_pools(
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
        self.stand_pools(now, mode, reconcilers);
        let at = self.seconds(now);
        for standing in &self.pools.standings {
            let past = self.pools.past.entry(standing.name.clone()).or_default();
            if past.len() == PAST {
                past.pop_front();
            }
            past.push_back(point(standing, at));
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

    /// Takes down how pools stand, without a round.
    pub fn stand_pools(&mut self, now: Timestamp, mode: Mode, reconcilers: &[Reconciler]) {
        let standing = |reconciler| PoolStatus::new(now, reconciler, mode);
        self.pools.standings = reconcilers.iter().map(standing).collect();
        let is_known = |name: &String| {
            reconcilers
                .iter()
                .any(|reconciler| reconciler.pool().name == *name)
        };
        self.pools.past.retain(|name, _| is_known(name));
        self.pools.events.retain(|name, _| is_known(name));
    }

    /// How every pool stands.
    pub fn pools(&self) -> &[PoolStatus] {
        &self.pools.standings
    }

    /// How one does.
    pub fn pool(&self, name: &str) -> Option<&PoolStatus> {
        self.pools.standings.iter().find(|known| known.name == name)
    }

    /// A pool's past, oldest first.
    pub fn past_of_pool(&self, pool: &str) -> Vec<Point> {
        let past = self.pools.past.get(pool).into_iter().flatten();
        past.copied().collect()
    }

    /// What has happened in a pool, oldest first.
    pub fn events_of_pool(&self, pool: &str) -> impl DoubleEndedIterator<Item = &PoolEvent> {
        self.pools.events.get(pool).into_iter().flatten()
    }

    /// How often what happened to the machines of each pool.
    pub fn machine_tally(&self, pool: &str) -> MachineTally {
        self.pools.tally.get(pool).copied().unwrap_or_default()
    }

    /// How many decisions for each pool came to what.
    pub const fn pool_outcomes(&self) -> &BTreeMap<(String, &'static str), u64> {
        &self.pools.outcomes
    }

    /// Pools as a person sees them, with at most so many points of each one's past.
    pub(super) fn pool_views(&self, points: usize) -> Vec<PoolView> {
        /// Events that a person is shown.
        const SHOWN: usize = 8;
        let view = |standing| self.pool_view(standing, points, SHOWN);
        self.pools.standings.iter().map(view).collect()
    }

    /// One of them, with at most so many points of its past and of its last events.
    pub fn pool_view(&self, standing: &PoolStatus, points: usize, events: usize) -> PoolView {
        let newest = self.events_of_pool(&standing.name).rev().take(events);
        let mut events: Vec<PoolEvent> = newest.cloned().collect();
        events.reverse();
        PoolView {
            standing: standing.clone(),
            past: super::thinned(self.pools.past.get(&standing.name), points),
            events,
        }
    }
}

/// One moment of a pool's past.
fn point(standing: &PoolStatus, at: f64) -> Point {
    let inputs = standing.last.as_ref().map(|decision| &decision.inputs);
    let first = inputs.and_then(|inputs| inputs.first());
    Point {
        at,
        load: first.and_then(|input| input.value),
        least: first.and_then(|input| input.least).map(|load| load as f32),
        most: first.and_then(|input| input.most).map(|load| load as f32),
        wanted: standing.desired(),
        running: standing.serving,
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
