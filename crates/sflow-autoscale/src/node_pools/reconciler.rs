//! The reconciliation of one pool: its size, its outliers, and the next steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use sflow_metrics::{Timestamp, query};

use super::capacity::MinimumSize;
use super::machines::{Goal, Leaving, Machine, Machines};
use super::order::{Order, Promise};
use super::outliers::Outliers;
use super::reading::PoolReadings;
use super::settings::PoolSettings;
use super::status::{
    ActiveOrder, MachineState, MachineStatus, PoolEvent, PoolEventKind, PoolStatus,
};
use super::step::MachineStep;
use crate::observe::MetricQuery;
use crate::orchestrator::{Availability, Census, Demand, Node};
use crate::policy::Observation;
use crate::policy::{Decision, HoldReason, Mode, Policy, Reason, Stage};

/// Limit of stored events of a pool.
const MAX_EVENTS: usize = 200;

/// A pool of nodes under control: decides its size and the next steps, without carrying them out.
#[derive(Debug)]
pub struct Reconciler {
    pub(super) pool: PoolSettings,
    mode: Mode,
    policy: Policy,
    pub(super) machines: Machines,
    pub(super) peers: Outliers,
    query: MetricQuery,
    minimum_size: MinimumSize,
    pub(super) statuses: Vec<MachineStatus>,
    orders: BTreeMap<String, ActiveOrder>,
    /// Steps that are due because of answers to orders.
    due: Vec<MachineStep>,
    /// The steps that mode `act` would take.
    advised: Vec<MachineStep>,
    /// Machines that were activated again.
    activated: BTreeSet<String>,
    last: Option<Arc<Decision>>,
    observed: Option<Arc<Observation>>,
    events: VecDeque<PoolEvent>,
    event_id: u64,
}

/// The decision for a pool and the steps that follow from it.
#[derive(Clone, Debug)]
pub struct PoolDecision {
    /// The decision.
    pub decision: Decision,
    /// The steps; in a mode other than `act` they are only advice.
    pub steps: Vec<MachineStep>,
}

impl Reconciler {
    /// A pool without history.
    ///
    /// # Errors
    ///
    /// If a metric of its policy is unknown.
    pub fn new(pool: &PoolSettings) -> Result<Self, query::Error> {
        Ok(Self {
            mode: pool.settings.mode,
            policy: Policy::new(pool.settings.clone()),
            machines: Machines::new(pool.machines),
            peers: Outliers::new(pool.peers),
            query: MetricQuery::new(&pool.settings.rule.metrics())?,
            minimum_size: MinimumSize::default(),
            statuses: Vec::new(),
            orders: BTreeMap::new(),
            due: Vec::new(),
            advised: Vec::new(),
            activated: BTreeSet::new(),
            last: None,
            observed: None,
            events: VecDeque::new(),
            event_id: 0,
            pool: pool.clone(),
        })
    }

    /// Replaces the settings and keeps the state.
    ///
    /// # Errors
    ///
    /// If a metric of the policy is unknown; then nothing has changed.
    pub fn configure(&mut self, pool: &PoolSettings) -> Result<(), query::Error> {
        self.query = MetricQuery::new(&pool.settings.rule.metrics())?;
        self.policy = self.policy.with_settings(pool.settings.clone());
        self.machines.set_settings(pool.machines);
        if self.pool.peers != pool.peers {
            self.peers = Outliers::new(pool.peers);
        }
        self.mode = pool.settings.mode;
        self.pool = pool.clone();
        Ok(())
    }

    /// The settings of the pool.
    pub const fn pool(&self) -> &PoolSettings {
        &self.pool
    }

    /// The mode of the pool; the mode of the controller can allow less.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Sets the mode.
    pub const fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The metrics of the policy.
    pub const fn query(&self) -> &MetricQuery {
        &self.query
    }

    /// The number of machines that the services need.
    pub const fn minimum_size(&self) -> &MinimumSize {
        &self.minimum_size
    }

    /// The status of each machine.
    pub fn statuses(&self) -> &[MachineStatus] {
        &self.statuses
    }

    /// Orders in progress.
    pub fn orders(&self) -> impl Iterator<Item = &ActiveOrder> {
        self.orders.values()
    }

    /// The steps that mode `act` would take now; empty in that mode.
    pub fn advised(&self) -> &[MachineStep] {
        &self.advised
    }

    /// Whether a machine is younger than the warm-up of the policy.
    pub fn is_warming(&self, now: Timestamp, machine: &str) -> bool {
        self.machines.age(now, machine) < self.policy.settings().warm_up
    }

    /// The last decision.
    pub const fn last(&self) -> Option<&Arc<Decision>> {
        self.last.as_ref()
    }

    /// The input of the last decision.
    pub const fn observed(&self) -> Option<&Arc<Observation>> {
        self.observed.as_ref()
    }

    /// The events, oldest first.
    pub const fn events(&self) -> &VecDeque<PoolEvent> {
        &self.events
    }

    /// The number of replacements that are left in this period.
    pub fn replacements_left(&self, now: Timestamp) -> u32 {
        self.machines.replacements_left(now)
    }

    /// The nodes of the pool that take tasks and do not leave.
    pub fn serving<'c>(&self, census: &'c Census) -> impl Iterator<Item = &'c Node> + use<'c, '_> {
        let nodes = census.nodes.iter();
        nodes.filter(|node| {
            self.pool.nodes.matches(node)
                && node.takes_tasks()
                && !self.machines.leaving().contains_key(&node.name)
        })
    }

    /// Decides the size and the next steps. In a mode other than `act` the state stays as if no step was
    /// taken. `least` is the number of tasks that a service needs at least.
    pub fn step(
        &mut self,
        now: Timestamp,
        instance: &str,
        mode: Mode,
        census: &Census,
        readings: &PoolReadings,
        least: impl Fn(&Demand) -> u32,
    ) -> PoolDecision {
        let due = self.resume(now, mode, census);
        self.minimum_size = self.minimum_of(census, least);
        let mut machines = self.machines_of(census);
        let back = activate(&mut machines, &due);
        let peer_readings = self.peer_readings(&machines, readings);
        for event in self.peers.update(now, &peer_readings) {
            self.record(now, PoolEventKind::Peer(event));
        }
        for note in self.machines.record_arrivals(now, &machines) {
            self.record(now, PoolEventKind::Note(note));
        }
        let withdrawn = self.machines.drain_withdrawn();
        let count = self.machines.count(&machines);
        if withdrawn > 0 {
            self.policy
                .record_change(now, count.saturating_add(withdrawn), count);
        }
        if back > 0 {
            self.policy
                .record_change(now, count.saturating_sub(back), count);
        }
        let observation = self.observation(now, &machines, count, readings);
        let mut decision = self.policy.step(now, &observation);
        decision.mode = mode;
        self.observed = Some(Arc::new(observation));
        let (min, most, _) = self.policy.settings().bounds(now);
        apply_minimum(&mut decision, &self.minimum_size, most);
        let poor = self.peers.poor();
        let aim = Goal {
            machines: decision.result,
            min: self.minimum_size.machines.max(min).min(most),
            max: most,
            poor: &poor,
            replace: self.pool.replace,
        };
        let (plan, after) = if mode == Mode::Act {
            let plan = self.machines.step(now, instance, &machines, aim);
            let after = count_after(&self.machines, &machines, &plan.steps);
            (plan, after)
        } else {
            // The steps are planned on a copy.
            let notes = self.machines.record_changes(now, &machines);
            let mut copy = self.machines.clone();
            let mut plan = copy.step(now, instance, &machines, aim);
            plan.notes = notes;
            let after = count_after(&copy, &machines, &plan.steps);
            (plan, after)
        };
        hold_machines(&mut decision, after, plan.held);
        for note in plan.notes {
            self.record(now, PoolEventKind::Note(note));
        }
        self.update_statuses(&machines, readings);
        if mode == Mode::Act {
            self.record_steps(&plan.steps);
        }
        let mut steps = due;
        steps.extend(plan.steps);
        self.advised = match mode {
            Mode::Act => Vec::new(),
            Mode::Advise | Mode::Off => steps.clone(),
        };
        PoolDecision { decision, steps }
    }

    /// Records the answer to an order.
    pub fn record_answer(&mut self, now: Timestamp, order: &str, promise: Result<Promise, String>) {
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
                let plan = self.machines.failed(now, order, &error);
                for note in plan.notes {
                    self.record(now, PoolEventKind::Note(note));
                }
                self.due.extend(plan.steps);
            }
        }
    }

    /// Records an order that was submitted.
    pub fn record_order(&mut self, now: Timestamp, order: &Order) {
        let given = ActiveOrder {
            order: order.order.clone(),
            action: order.action,
            machine: order.machine.clone(),
            since: now,
            is_promised: false,
        };
        self.orders.insert(order.order.clone(), given);
    }

    /// Continues with an order of the last leader. Returns whether it is to be repeated: not if the
    /// promised machine has joined, or if the order is known.
    pub(super) fn adopt(
        &mut self,
        now: Timestamp,
        order: &Order,
        promised: Option<String>,
    ) -> bool {
        let key = order.order.clone();
        let is_open = match &order.machine {
            None => self.machines.adopt_arrival(now, key, promised),
            Some(machine) => self.machines.adopt_return(now, key, machine),
        };
        if is_open {
            self.record_order(now, order);
        }
        is_open
    }

    /// Forgets all orders and machines that leave. Those that are drained for the pool are found again in
    /// the cluster.
    pub(super) fn forget_orders(&mut self) {
        self.machines.forget_orders();
        self.orders.clear();
        self.due.clear();
        self.activated.clear();
    }

    /// Records a decision and whether it was carried out.
    pub fn record_decision(&mut self, now: Timestamp, decision: &Arc<Decision>, is_done: bool) {
        if is_done && decision.is_change() {
            self.policy
                .record_change(now, decision.replicas, decision.result);
        }
        self.last = Some(Arc::clone(decision));
        // Orders of machines that are neither expected nor leaving are finished.
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

    /// Records an event.
    pub fn record(&mut self, now: Timestamp, what: PoolEventKind) {
        let words = match &what {
            PoolEventKind::Step(step) => step.to_string(),
            PoolEventKind::Note(note) => note.to_string(),
            PoolEventKind::Peer(event) => format!("machine {}: {}", event.host, event.standing),
        };
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.event_id += 1;
        self.events.push_back(PoolEvent {
            id: self.event_id,
            at: now,
            what,
            words,
        });
    }

    /// Continues with machines that were drained for this pool by an earlier process, and activates
    /// machines again whose activation has had no effect. In a mode other than `act`, machines that take
    /// tasks again, by another process, do not leave any more.
    fn resume(&mut self, now: Timestamp, mode: Mode, census: &Census) -> Vec<MachineStep> {
        let mut due = std::mem::take(&mut self.due);
        self.record_steps(&due);
        let is_drained = |node: &&Node| {
            node.drained_for.as_ref() == Some(&self.pool.name)
                && node.is_ready
                && node.availability == Availability::Drain
                && self.pool.nodes.matches(node)
        };
        let drained: Vec<String> = census
            .nodes
            .iter()
            .filter(is_drained)
            .map(|node| node.name.clone())
            .collect();
        self.activated.retain(|name| drained.contains(name));
        if mode != Mode::Act {
            let is_back = |node: &&Node| node.is_ready && !drained.contains(&node.name);
            for node in census.nodes.iter().filter(is_back) {
                self.machines.stays(&node.name);
            }
        }
        for machine in drained {
            if self.activated.contains(&machine) {
                let again = MachineStep::Activate { machine };
                if !due.contains(&again) {
                    due.push(again);
                }
            } else if let Some(note) = self.machines.resume(now, &machine) {
                self.record(now, PoolEventKind::Note(note));
            }
        }
        due
    }

    /// Records which machines these steps activate or drain.
    fn record_steps(&mut self, steps: &[MachineStep]) {
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
}

/// Raises the result to the number of machines that the services need, within the maximum of the pool.
fn apply_minimum(decision: &mut Decision, minimum_size: &MinimumSize, most: u32) {
    let least = minimum_size.machines.min(most);
    if decision.result >= least {
        if minimum_size.is_short
            && let Some(service) = minimum_size.service.clone()
        {
            let machines = minimum_size.machines;
            decision.note(Stage::Floor, Reason::ServicesShort { machines, service });
        }
        return;
    }
    let reason = match (minimum_size.is_short, minimum_size.service.clone()) {
        (true, Some(service)) => Reason::ServicesShort {
            machines: minimum_size.machines,
            service,
        },
        (_, service) => Reason::ServicesNeed {
            machines: minimum_size.machines,
            service,
        },
    };
    decision.change(Stage::Floor, least, reason);
}

/// Limits the result to the number that the next steps reach.
fn hold_machines(decision: &mut Decision, reached: u32, held: Option<HoldReason>) {
    if let Some(held) = held {
        decision.change(Stage::Machines, reached, Reason::Machines(held));
    } else if reached > decision.result && reached > decision.replicas {
        decision.change(Stage::Machines, reached, Reason::TakesTasksAgain);
    } else if reached != decision.result {
        decision.change(Stage::Machines, reached, Reason::StepByStep);
    }
}

/// Activates the machines of these steps. Returns how many were inactive.
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

/// The number of machines after these steps.
fn count_after(after: &Machines, machines: &[Machine], steps: &[MachineStep]) -> u32 {
    let mut machines = machines.to_vec();
    activate(&mut machines, steps);
    after.count(&machines)
}

impl PoolStatus {
    /// The status of a pool, where `mode` is the mode of the controller.
    pub fn new(now: Timestamp, reconciler: &Reconciler, mode: Mode) -> Self {
        let pool = reconciler.pool();
        let machines = reconciler.statuses().to_vec();
        let serving = machines.iter();
        let serving = serving.filter(|machine| machine.state == MachineState::Serving);
        let (min, max, _) = pool.settings.bounds(now);
        Self {
            name: pool.name.clone(),
            mode: reconciler.mode().least(mode),
            own_mode: reconciler.mode(),
            has_hook: pool.has_provider,
            min,
            max,
            minimum_size: reconciler.minimum_size().clone(),
            known: reconciler.last().is_some(),
            serving: u32::try_from(serving.count()).unwrap_or(u32::MAX),
            machines,
            orders: reconciler.orders().cloned().collect(),
            advised: reconciler.advised().to_vec(),
            replace: pool.replace,
            replacements_left: reconciler.replacements_left(now),
            signals: reconciler.query().bands(&pool.settings.rule),
            last: reconciler.last().cloned(),
        }
    }
}
