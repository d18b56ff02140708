//! How pools of machines stand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::{Band, Board, News, PAST};
use crate::policy::{Decision, Mode};
use crate::pool::keeper::{Given, Keeper, MachineStanding, MachineState, PoolEvent};
use crate::pool::machines::MachineStep;
use crate::pool::peers::PeerStanding;
use crate::pool::pools::PoolRound;
use crate::pool::room::Floor;
use crate::view::{Point, PoolView};

/// How a pool stands after a round.
#[derive(Clone, Debug, Serialize)]
pub struct PoolStanding {
    /// Its name.
    pub name: String,
    /// What the loop does for it: its own mode, or the loop's where that allows less.
    pub mode: Mode,
    /// Its own mode.
    pub own_mode: Mode,
    /// Whether there is a hook that adds and removes machines.
    pub has_hook: bool,
    /// Never fewer machines.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// How many the services need.
    pub floor: Floor,
    /// Machines that take tasks.
    pub serving: u32,
    /// Each machine.
    pub machines: Vec<MachineStanding>,
    /// Orders that are under way.
    pub orders: Vec<Given>,
    /// What would be done now, were it to act.
    pub advised: Vec<MachineStep>,
    /// Whether machines that stay out of line are replaced.
    pub replace: bool,
    /// How many may still be replaced in this period.
    pub replacements_left: u32,
    /// What it is kept by, with the values between which nothing happens.
    pub signals: Vec<Band>,
    /// What was decided last.
    pub last: Option<Arc<Decision>>,
}

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
    standings: Vec<PoolStanding>,
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
        keepers: &[Keeper],
        round: &PoolRound,
    ) -> News {
        let mut news = News::default();
        for (decided, steps) in &round.decisions {
            let name = &decided.decision.service;
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
        self.stand_pools(now, mode, keepers);
        let at = self.seconds(now);
        for standing in &self.pools.standings {
            let past = self.pools.past.entry(standing.name.clone()).or_default();
            if past.len() == PAST {
                past.pop_front();
            }
            past.push_back(standing.point(at));
        }
        for keeper in keepers {
            let name = keeper.pool().name.clone();
            let known = self.pools.events.entry(name).or_default();
            let last = known.back().map_or(0, |event| event.id);
            let new = keeper.events().iter().filter(|event| event.id > last);
            news.machines.extend(new.cloned());
            known.clone_from(keeper.events());
        }
        news
    }

    /// Takes down how pools stand, without a round.
    pub fn stand_pools(&mut self, now: Timestamp, mode: Mode, keepers: &[Keeper]) {
        let standing = |keeper| PoolStanding::of(now, keeper, mode);
        self.pools.standings = keepers.iter().map(standing).collect();
        let is_known = |name: &String| keepers.iter().any(|keeper| keeper.pool().name == *name);
        self.pools.past.retain(|name, _| is_known(name));
        self.pools.events.retain(|name, _| is_known(name));
    }

    /// How every pool stands.
    pub fn pools(&self) -> &[PoolStanding] {
        &self.pools.standings
    }

    /// How one does.
    pub fn pool(&self, name: &str) -> Option<&PoolStanding> {
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
    pub fn pool_view(&self, standing: &PoolStanding, points: usize, events: usize) -> PoolView {
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

impl PoolStanding {
    fn of(now: Timestamp, keeper: &Keeper, mode: Mode) -> Self {
        let pool = keeper.pool();
        let metrics = keeper.question().metrics().iter().enumerate();
        let band = |(index, metric): (usize, &String)| {
            let (lower, upper) = pool.settings.rule.band(index).unwrap_or_default();
            Band {
                metric: metric.clone(),
                unit: keeper.question().unit(index),
                lower,
                upper,
            }
        };
        let machines = keeper.standings().to_vec();
        let serving = machines.iter();
        let serving = serving.filter(|machine| machine.state == MachineState::Serving);
        let (min, max, _) = pool.settings.bounds(now);
        Self {
            name: pool.name.clone(),
            mode: keeper.mode().least(mode),
            own_mode: keeper.mode(),
            has_hook: pool.hook.is_some(),
            min,
            max,
            floor: keeper.floor().clone(),
            serving: u32::try_from(serving.count()).unwrap_or(u32::MAX),
            machines,
            orders: keeper.orders().cloned().collect(),
            advised: keeper.advised().to_vec(),
            replace: pool.replace,
            replacements_left: keeper.replacements_left(now),
            signals: metrics.map(band).collect(),
            last: keeper.last().cloned(),
        }
    }

    /// Machines that there should be.
    pub fn wanted(&self) -> u32 {
        match &self.last {
            Some(decision) if decision.mode == Mode::Act => decision.result,
            Some(decision) => decision.replicas,
            None => self.serving,
        }
    }

    /// Machines that stay out of line with their peers.
    pub fn poor(&self) -> impl Iterator<Item = &MachineStanding> {
        let machines = self.machines.iter();
        machines.filter(|machine| matches!(machine.peer, Some(PeerStanding::Poor { .. })))
    }

    fn point(&self, at: f64) -> Point {
        let inputs = self.last.as_ref().map(|decision| &decision.inputs);
        let first = inputs.and_then(|inputs| inputs.first());
        Point {
            at,
            load: first.and_then(|input| input.value),
            least: first.and_then(|input| input.least).map(|load| load as f32),
            most: first.and_then(|input| input.most).map(|load| load as f32),
            wanted: self.wanted(),
            running: self.serving,
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
