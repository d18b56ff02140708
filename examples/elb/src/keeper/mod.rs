//! One pool under control: how many machines it should have, which of them are poor performers,
//! and what to do next.
//!
//! Pure but for its memory: it is shown the cluster and what telemetry says, and answers with
//! what is to be done. [`pools`] does it.

pub mod pools;
mod standing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use sflow_metrics::{Timestamp, query};

pub use self::standing::{Given, Happened, MachineStanding, MachineState, PoolEvent, PoolStanding};
use crate::config::Pool;
use crate::orchestrator::{Availability, Census, DRAINED_FOR, Demand, Node};
use crate::policy::{
    Decision, HoldReason, HostLoad, Kind, Mode, Observation, Policy, Reason, Signal, Stage,
    StayReason,
};
use crate::pool::hook::{HookError, Order, Promise};
use sflow_autoscale::node_pools::{Goal, Leaving, Machine, MachineStep, Machines};
use sflow_autoscale::node_pools::{MinimumSize, minimum_size, unplaceable};
use sflow_autoscale::node_pools::{Outliers, PeerReading, PeerStanding};
use sflow_autoscale::observe::MetricQuery;

/// Events of a pool that are kept.
const EVENTS: usize = 200;

/// One pool under control.
#[derive(Debug)]
pub struct Keeper {
    pool: Pool,
    mode: Mode,
    policy: Policy,
    machines: Machines,
    peers: Outliers,
    question: MetricQuery,
    floor: MinimumSize,
    standings: Vec<MachineStanding>,
    orders: BTreeMap<String, Given>,
    /// To be done because of what hooks have answered.
    due: Vec<MachineStep>,
    /// What would be done in the mode in which something is done.
    advised: Vec<MachineStep>,
    /// Machines that were told to take tasks again.
    activated: BTreeSet<String>,
    last: Option<Arc<Decision>>,
    events: VecDeque<PoolEvent>,
    number: u64,
}

/// What telemetry shows of a pool.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// One for each metric of the rule, over the machines that take tasks.
    pub signals: Vec<Signal>,
    /// How busy each host is, by the name of its node.
    pub hosts: BTreeMap<String, HostLoad>,
    /// Work per CPU second of each host, beside what others do, by the name of its node.
    pub work: BTreeMap<String, f64>,
}

/// What is to be done for a pool.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// What is to be done about it, or would be in another mode.
    pub steps: Vec<MachineStep>,
}

impl Keeper {
    /// A pool of which nothing is known yet.
    ///
    /// # Errors
    ///
    /// If it is to be kept by a metric that is not known.
    pub fn new(pool: &Pool) -> Result<Self, query::Error> {
        Ok(Self {
            mode: pool.settings.mode,
            policy: Policy::new(pool.settings.clone()),
            machines: Machines::new(pool.machines),
            peers: Outliers::new(pool.peers),
            question: MetricQuery::new(&pool.settings.rule.metrics())?,
            floor: MinimumSize::default(),
            standings: Vec::new(),
            orders: BTreeMap::new(),
            due: Vec::new(),
            advised: Vec::new(),
            activated: BTreeSet::new(),
            last: None,
            events: VecDeque::new(),
            number: 0,
            pool: pool.clone(),
        })
    }

    /// The same pool, with all that is remembered, under other settings.
    ///
    /// # Errors
    ///
    /// If it is to be kept by a metric that is not known; then nothing has changed.
    pub fn configure(&mut self, pool: &Pool) -> Result<(), query::Error> {
        self.question = MetricQuery::new(&pool.settings.rule.metrics())?;
        self.policy = self.policy.with_settings(pool.settings.clone());
        self.machines.set_settings(pool.machines);
        if self.pool.peers != pool.peers {
            self.peers = Outliers::new(pool.peers);
        }
        self.mode = pool.settings.mode;
        self.pool = pool.clone();
        Ok(())
    }

    /// What it is and how it is kept.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What is to be done for it.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Does more or less.
    pub const fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// What is asked of the telemetry.
    pub const fn question(&self) -> &MetricQuery {
        &self.question
    }

    /// How many machines the services need.
    pub const fn floor(&self) -> &MinimumSize {
        &self.floor
    }

    /// How each machine stands.
    pub fn standings(&self) -> &[MachineStanding] {
        &self.standings
    }

    /// Orders that are under way.
    pub fn orders(&self) -> impl Iterator<Item = &Given> {
        self.orders.values()
    }

    /// What would be done now in the mode in which something is done; nothing if it is.
    pub fn advised(&self) -> &[MachineStep] {
        &self.advised
    }

    /// Whether a machine has joined less than the warm-up of the policy ago.
    pub fn is_warming(&self, now: Timestamp, machine: &str) -> bool {
        self.machines.age(now, machine) < self.policy.settings().warm_up
    }

    /// What was decided last.
    pub const fn last(&self) -> Option<&Arc<Decision>> {
        self.last.as_ref()
    }

    /// What has happened, oldest first.
    pub const fn events(&self) -> &VecDeque<PoolEvent> {
        &self.events
    }

    /// Poor performers that may still be replaced.
    pub fn replacements_left(&self, now: Timestamp) -> u32 {
        self.machines.replacements_left(now)
    }

    /// The nodes that take tasks for it, by name.
    pub fn serving<'c>(&self, census: &'c Census) -> impl Iterator<Item = &'c Node> + use<'c, '_> {
        let nodes = census.nodes.iter();
        nodes.filter(|node| {
            self.pool.nodes.is_for(node)
                && takes_tasks(node)
                && !self.machines.leaving().contains_key(&node.name)
        })
    }

    /// Decides. In a mode in which nothing is to be done, nothing is remembered as if it were.
    /// `least` says how many tasks of a service there should be at least.
    pub fn step(
        &mut self,
        now: Timestamp,
        instance: &str,
        mode: Mode,
        census: &Census,
        seen: &Seen,
        least: impl Fn(&Demand) -> u32,
    ) -> Decided {
        let due = self.resume(now, census);
        self.floor = self.floor_of(census, least);
        let mut machines = self.machines_of(census);
        let back = activate(&mut machines, &due);
        let sights = self.sights(&machines, seen);
        for event in self.peers.update(now, &sights) {
            self.tell(now, Happened::Peer(event));
        }
        for note in self.machines.record_arrivals(now, &machines) {
            self.tell(now, Happened::Note(note));
        }
        let withdrawn = self.machines.take_withdrawn();
        let count = self.machines.count(&machines);
        if withdrawn > 0 {
            self.policy
                .record_change(now, count.saturating_add(withdrawn), count);
        }
        if back > 0 {
            self.policy
                .record_change(now, count.saturating_sub(back), count);
        }
        let observation = self.observation(now, &machines, count, seen);
        let mut decision = self.policy.step(now, &observation);
        decision.mode = mode;
        let (min, most, _) = self.policy.settings().bounds(now);
        keep_floor(&mut decision, &self.floor, most);
        let poor = self.peers.poor();
        let aim = Goal {
            wish: decision.result,
            least: self.floor.machines.max(min).min(most),
            most,
            poor: &poor,
            replace: self.pool.replace,
        };
        let (plan, after) = if mode == Mode::Act {
            let plan = self.machines.step(now, instance, &machines, aim);
            let after = count_after(&self.machines, &machines, &plan.steps);
            (plan, after)
        } else {
            // What would be done, without having done it.
            let notes = self.machines.record_changes(now, &machines);
            let mut trial = self.machines.clone();
            let mut plan = trial.step(now, instance, &machines, aim);
            plan.notes = notes;
            let after = count_after(&trial, &machines, &plan.steps);
            (plan, after)
        };
        hold_machines(&mut decision, after, plan.held);
        for note in plan.notes {
            self.tell(now, Happened::Note(note));
        }
        self.stand(&machines, seen);
        if mode == Mode::Act {
            self.remember(&plan.steps);
        }
        let mut steps = due;
        steps.extend(plan.steps);
        self.advised = match mode {
            Mode::Act => Vec::new(),
            Mode::Advise | Mode::Off => steps.clone(),
        };
        Decided { decision, steps }
    }

    /// Takes note of what the hook answered.
    pub fn answered(&mut self, now: Timestamp, order: &str, promise: Result<Promise, HookError>) {
        match promise {
            Ok(promise) => {
                if let Some(given) = self.orders.get_mut(order) {
                    given.is_promised = true;
                    if promise.machine.is_some() {
                        given.machine.clone_from(&promise.machine);
                    }
                }
                self.machines.promised(order, promise.machine);
            }
            Err(error) => {
                let plan = self.machines.failed(now, order, &error.to_string());
                for note in plan.notes {
                    self.tell(now, Happened::Note(note));
                }
                self.due.extend(plan.steps);
            }
        }
    }

    /// Takes note of an order that is given, so that it can be shown while it is under way.
    pub fn given(&mut self, now: Timestamp, order: &Order) {
        let given = Given {
            order: order.order.clone(),
            action: order.action,
            machine: order.machine.clone(),
            since: now,
            is_promised: false,
        };
        self.orders.insert(order.order.clone(), given);
    }

    /// Takes note of a decision and of what was really done for it.
    pub fn decided(&mut self, now: Timestamp, decision: &Arc<Decision>, is_done: bool) {
        if is_done && decision.is_change() {
            self.policy
                .record_change(now, decision.replicas, decision.result);
        }
        self.last = Some(Arc::clone(decision));
        // What is neither to come nor on its way out is at its end.
        let coming = self.machines.coming().iter();
        let mut live: Vec<&str> = coming.map(|coming| coming.order.as_str()).collect();
        for leaving in self.machines.leaving().values() {
            if let Leaving::Given { order, .. } = leaving {
                live.push(order);
            }
        }
        self.orders
            .retain(|order, _| live.contains(&order.as_str()));
    }

    /// Keeps an event.
    pub fn tell(&mut self, now: Timestamp, what: Happened) {
        let words = match &what {
            Happened::Step(step) => step.to_string(),
            Happened::Note(note) => note.to_string(),
            Happened::Peer(event) => format!("machine {}: {}", event.host, event.standing),
        };
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.number += 1;
        self.events.push_back(PoolEvent {
            id: self.number,
            at: now,
            what,
            words,
        });
    }

    /// Those that were drained for this pool by whoever kept it before are on their way out still.
    /// Those that were told by this one to take tasks again, and do not, are told again.
    fn resume(&mut self, now: Timestamp, census: &Census) -> Vec<MachineStep> {
        let mut due = std::mem::take(&mut self.due);
        self.remember(&due);
        let is_drained = |node: &&Node| {
            node.labels.get(DRAINED_FOR) == Some(&self.pool.name)
                && node.is_ready
                && node.availability == Availability::Drain
                && self.pool.nodes.is_for(node)
        };
        let drained: Vec<String> = census
            .nodes
            .iter()
            .filter(is_drained)
            .map(|node| node.name.clone())
            .collect();
        self.activated.retain(|name| drained.contains(name));
        for machine in drained {
            if self.activated.contains(&machine) {
                let again = MachineStep::Activate { machine };
                if !due.contains(&again) {
                    due.push(again);
                }
            } else if let Some(note) = self.machines.resume(now, &machine) {
                self.tell(now, Happened::Note(note));
            }
        }
        due
    }

    /// Remembers whom these steps let take tasks again.
    fn remember(&mut self, steps: &[MachineStep]) {
        for step in steps {
            match step {
                MachineStep::Activate { machine } => {
                    self.activated.insert(machine.clone());
                }
                MachineStep::Drain { machine, .. } => {
                    self.activated.remove(machine);
                }
                MachineStep::Add { .. } | MachineStep::Remove { .. } => {}
            }
        }
    }

    fn floor_of(&self, census: &Census, least: impl Fn(&Demand) -> u32) -> MinimumSize {
        let serving: Vec<&Node> = self.serving(census).collect();
        let is_other = |node: &&Node| takes_tasks(node) && !self.pool.nodes.is_for(node);
        let others: Vec<&Node> = census.nodes.iter().filter(is_other).collect();
        minimum_size(census, &serving, &others, least, self.pool.settings.max)
    }

    /// The machines of the pool, one for each name: of several, the one that is heard.
    fn machines_of(&self, census: &Census) -> Vec<Machine> {
        let mut by_name: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for node in &census.nodes {
            if self.pool.nodes.is_for(node) {
                by_name.entry(&node.name).or_default().push(node);
            }
        }
        let staying: Vec<&Node> = census
            .nodes
            .iter()
            .filter(|node| takes_tasks(node))
            .collect();
        let machine = |(name, nodes): (&str, Vec<&Node>)| {
            let ready = nodes.iter().filter(|node| node.is_ready);
            let is_shared = ready.count() > 1;
            let node = nodes.iter().max_by_key(|node| node.is_ready)?;
            let others: Vec<&Node> = staying
                .iter()
                .filter(|other| other.id != node.id)
                .copied()
                .collect();
            let stays = if is_shared {
                Some(StayReason::SharedName)
            } else if takes_tasks(node) {
                // What others on their way out still have needs its room as well.
                let leaving = census.nodes.iter();
                let leaving = leaving.filter(|other| other.is_ready && !takes_tasks(other));
                let leaving: Vec<&Node> = leaving.chain([*node]).collect();
                let service = unplaceable(census, &leaving, &others);
                service.map(|service| StayReason::NoRoom { service })
            } else {
                None
            };
            Some(Machine {
                name: name.to_owned(),
                is_ready: node.is_ready,
                is_active: node.availability == Availability::Active,
                stays,
                tasks: node.crowd(),
            })
        };
        by_name.into_iter().filter_map(machine).collect()
    }

    fn sights(&self, machines: &[Machine], seen: &Seen) -> Vec<PeerReading> {
        let serving = machines.iter().filter(|machine| {
            let is_leaving = self.machines.leaving().contains_key(&machine.name);
            machine.is_ready && machine.is_active && !is_leaving
        });
        let sight = |machine: &Machine| PeerReading {
            host: machine.name.clone(),
            steal: seen.hosts.get(&machine.name).and_then(|load| load.steal),
            work: seen.work.get(&machine.name).copied(),
        };
        serving.map(sight).collect()
    }

    fn observation(
        &self,
        now: Timestamp,
        machines: &[Machine],
        count: u32,
        seen: &Seen,
    ) -> Observation {
        let age = |machine: &Machine| self.machines.age(now, &machine.name);
        let serving = machines.iter().filter(|machine| {
            let is_leaving = self.machines.leaving().contains_key(&machine.name);
            machine.is_ready && machine.is_active && !is_leaving
        });
        Observation {
            kind: Kind::Pool,
            service: self.pool.name.clone(),
            replicas: count,
            running: serving.map(age).collect(),
            signals: seen.signals.clone(),
            ..Observation::default()
        }
    }

    fn stand(&mut self, machines: &[Machine], seen: &Seen) {
        let peers: BTreeMap<&str, PeerStanding> = self.peers.standings().collect();
        let standing = |machine: &Machine| {
            let state = match self.machines.leaving().get(&machine.name) {
                _ if !machine.is_ready => MachineState::Away,
                Some(Leaving::Draining { .. }) => MachineState::Draining,
                Some(Leaving::Given { .. }) => MachineState::GivenBack,
                None if machine.is_active => MachineState::Serving,
                None => MachineState::OutOfUse,
            };
            MachineStanding {
                name: machine.name.clone(),
                state,
                stays: machine.stays.clone(),
                tasks: machine.tasks,
                load: seen.hosts.get(&machine.name).cloned(),
                work: seen.work.get(&machine.name).copied(),
                peer: peers.get(machine.name.as_str()).copied(),
            }
        };
        self.standings = machines.iter().map(standing).collect();
    }
}

/// Never fewer machines than the services need at least, nor more than the pool may have.
fn keep_floor(decision: &mut Decision, floor: &MinimumSize, most: u32) {
    let least = floor.machines.min(most);
    if decision.result >= least {
        if floor.is_short
            && let Some(service) = floor.service.clone()
        {
            let machines = floor.machines;
            decision.note(Stage::Floor, Reason::ServicesShort { machines, service });
        }
        return;
    }
    let reason = match (floor.is_short, floor.service.clone()) {
        (true, Some(service)) => Reason::ServicesShort {
            machines: floor.machines,
            service,
        },
        (_, service) => Reason::ServicesNeed {
            machines: floor.machines,
            service,
        },
    };
    decision.change(Stage::Floor, least, reason);
}

/// Goes only as far as machines come and go now.
fn hold_machines(decision: &mut Decision, reached: u32, held: Option<HoldReason>) {
    if let Some(held) = held {
        decision.change(Stage::Machines, reached, Reason::Machines(held));
    } else if reached > decision.result && reached > decision.replicas {
        decision.change(Stage::Machines, reached, Reason::TakesTasksAgain);
    } else if reached != decision.result {
        decision.change(Stage::Machines, reached, Reason::StepByStep);
    }
}

/// Lets those take tasks that are to do so again; answers how many did not.
fn activate(machines: &mut [Machine], steps: &[MachineStep]) -> u32 {
    let mut back = 0;
    for machine in machines {
        let is_it = |step: &MachineStep| matches!(step, MachineStep::Activate { machine: it } if *it == machine.name);
        if !machine.is_active && steps.iter().any(is_it) {
            machine.is_active = true;
            back += 1;
        }
    }
    back
}

/// How many there are once these steps are done.
fn count_after(after: &Machines, machines: &[Machine], steps: &[MachineStep]) -> u32 {
    let mut machines = machines.to_vec();
    activate(&mut machines, steps);
    after.count(&machines)
}

/// Whether a node is heard and takes tasks.
pub(super) fn takes_tasks(node: &Node) -> bool {
    node.is_ready && node.availability == Availability::Active
}
