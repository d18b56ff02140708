use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use sflow_metrics::{Timestamp, query};

use super::journal;
use super::order::{Action, Order, Provider};
use super::reading::PoolReadings;
use super::reconciler::Reconciler;
use super::settings::PoolSettings;
use super::status::PoolEventKind;
use super::step::MachineStep;
use crate::controller::{Decided, ManagedService, Outcome, problems};
use crate::leader::{Leadership, NOT_RENEWED, Permit, Role};
use crate::observe::{MetricQuery, Telemetry, TelemetryAccess, work_per_cpu, work_query};
use crate::orchestrator::{Availability, Census, Demand, Node, Orchestrator, OrchestratorError};
use crate::policy::Mode;
use crate::problem::{Problem, ProblemReason};

/// Time between two rounds: machines are slow, and reading the whole cluster is expensive.
const INTERVAL: Duration = Duration::from_secs(10);

/// All pools of nodes under control. It never waits for the provider.
#[derive(Debug)]
pub struct NodePools<P> {
    reconcilers: Vec<Reconciler>,
    provider: P,
    /// Distinguishes the keys of orders from those of other runs.
    instance: String,
    work: MetricQuery,
    next: Option<Timestamp>,
    /// The term of the last round, if this process led then.
    led: Option<u64>,
    /// Orders that are submitted as soon as the journal of the lease contains them.
    waiting: Vec<Order>,
}

/// The result of a round of all pools.
#[derive(Debug, Default)]
pub struct PoolRound {
    /// The decision for each pool, its outcome, and the steps.
    pub decisions: Vec<(Decided, Vec<MachineStep>)>,
    /// Problems found.
    pub problems: Vec<Problem>,
}

/// A key that distinguishes the orders of this run from those of others: the time and a random number.
pub fn instance(now: Timestamp) -> String {
    let random = RandomState::new().hash_one(now.as_nanos()) & 0xffff_ffff;
    format!("{}-{random:08x}", now.as_nanos() / 1_000_000_000)
}

impl<P: Provider> NodePools<P> {
    /// These pools, whose orders `provider` carries out. See [`instance`].
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown.
    pub fn new(
        instance: String,
        pools: &[PoolSettings],
        provider: P,
    ) -> Result<Self, query::Error> {
        let reconcilers = pools.iter().map(Reconciler::new);
        Ok(Self {
            reconcilers: reconcilers.collect::<Result<_, _>>()?,
            provider,
            instance,
            work: work_query()?,
            next: None,
            led: None,
            waiting: Vec::new(),
        })
    }

    /// The provider.
    pub const fn provider_mut(&mut self) -> &mut P {
        &mut self.provider
    }

    /// The pools.
    pub fn reconcilers(&self) -> &[Reconciler] {
        &self.reconcilers
    }

    /// Sets the mode of a pool; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If it has no provider and the mode is `act`.
    pub fn set_mode(&mut self, pool: &str, mode: Mode) -> Option<Result<(), String>> {
        let mut reconcilers = self.reconcilers.iter_mut();
        let reconciler = reconcilers.find(|reconciler| reconciler.pool().name == pool)?;
        if mode == Mode::Act && !reconciler.pool().has_provider {
            let why = format!("pool {pool} has no hook: nothing adds or removes its machines");
            return Some(Err(why));
        }
        reconciler.set_mode(mode);
        self.next = None;
        Some(Ok(()))
    }

    /// Replaces the pools. Pools that remain keep their state.
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown; then nothing has changed.
    pub fn configure(&mut self, pools: &[PoolSettings]) -> Result<(), query::Error> {
        let mut reconcilers = pools
            .iter()
            .map(Reconciler::new)
            .collect::<Result<Vec<Reconciler>, query::Error>>()?;
        for reconciler in &mut reconcilers {
            let name = &reconciler.pool().name;
            let known = self
                .reconcilers
                .iter()
                .position(|old| old.pool().name == *name);
            if let Some(place) = known {
                let mut old = self.reconcilers.swap_remove(place);
                old.configure(reconciler.pool())?;
                *reconciler = old;
            }
        }
        self.reconcilers = reconcilers;
        self.next = None;
        Ok(())
    }

    /// The orders in progress, for the journal of the lease
    /// ([`Election::set_journal`](crate::leader::Election::set_journal)); `None` before the first round in
    /// this term, which reads the orders of the last leader. With an election, an order is submitted only
    /// when the journal contains it, and the next leader repeats it with the same key.
    pub fn journal(&self, term: u64) -> Option<String> {
        if self.led != Some(term) {
            return None;
        }
        let orders = self.reconcilers.iter().flat_map(|reconciler| {
            let pool = &reconciler.pool().name;
            reconciler.orders().map(|order| journal::line(order, pool))
        });
        Some(orders.collect())
    }

    /// One round, if it is due: reads the cluster, decides for each pool, and carries the steps out.
    /// `most` is the mode of the controller, `managed` are the services under control. `permit` states who
    /// leads and is asked before each change and each order; a standby only advises, and so does the first
    /// round of a leader.
    pub async fn round<O: Orchestrator>(
        &mut self,
        now: Timestamp,
        (most, permit): (Mode, &impl Permit),
        orchestrator: &mut O,
        managed: &[ManagedService],
        telemetry: &mut impl TelemetryAccess,
    ) -> Option<PoolRound> {
        let leadership = permit.leadership();
        if leadership.is_leader && self.led == Some(leadership.term) {
            self.submit_waiting(&leadership, permit);
        }
        let is_on = |reconciler: &Reconciler| reconciler.mode().least(most) != Mode::Off;
        if !self.reconcilers.iter().any(is_on) || self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + INTERVAL);
        let mut round = PoolRound::default();
        let mut census = match orchestrator.census().await {
            Ok(census) => census,
            Err(error) => {
                let message = format!("the nodes cannot be read: {error}");
                let trouble = Problem::new(ProblemReason::Pool, "", message);
                round.problems.push(trouble);
                return Some(round);
            }
        };
        telemetry.with(|telemetry| telemetry.set_nodes(now, orchestrator.nodes()));
        let had_led = self.led.is_some();
        let role = Role::new(&leadership, &mut self.led);
        if had_led && !matches!(role, Role::Leads) {
            self.drop_orders();
        }
        if matches!(role, Role::TakesOver) {
            self.adopt(now, &leadership.journal);
        }
        self.record_answers(now);
        let least = |demand: &Demand| least(now, most, managed, demand);
        for place in 0..self.reconcilers.len() {
            let Some(reconciler) = self.reconcilers.get_mut(place) else {
                continue;
            };
            let mode = reconciler.mode().least(most);
            if mode == Mode::Off {
                continue;
            }
            let readings = telemetry
                .with(|telemetry| read(now, reconciler, &self.work, &census, managed, telemetry));
            let mode = match role {
                Role::Leads => mode,
                Role::TakesOver | Role::Standby { .. } => mode.least(Mode::Advise),
            };
            let decided = reconciler.step(now, &self.instance, mode, &census, &readings, least);
            let (mut decision, steps) = (decided.decision, decided.steps);
            role.apply(&mut decision);
            let outcome = if mode == Mode::Act {
                let done = self
                    .carry_out(now, place, &steps, &mut census, (orchestrator, permit))
                    .await;
                match done {
                    Ok(()) if decision.is_change() => Outcome::Done,
                    Ok(()) => Outcome::Kept,
                    Err(why) => {
                        let about = format!("pool {}", decision.subject.name);
                        let message = format!("{about}: {why}");
                        let trouble = Problem::new(ProblemReason::Pool, about, message);
                        round.problems.push(trouble);
                        Outcome::Failed { why }
                    }
                }
            } else if decision.is_change() || !steps.is_empty() {
                Outcome::Advised
            } else {
                Outcome::Kept
            };
            if let Some(reconciler) = self.reconcilers.get(place) {
                let bands = reconciler.query().bands(&reconciler.pool().settings.rule);
                round.problems.extend(problems(&decision, &bands, None));
            }
            let decision = Arc::new(decision);
            if let Some(reconciler) = self.reconcilers.get_mut(place) {
                reconciler.record_decision(now, &decision, mode == Mode::Act);
            }
            round.decisions.push((Decided { decision, outcome }, steps));
        }
        Some(round)
    }

    /// Records the answers to orders.
    fn record_answers(&mut self, now: Timestamp) {
        for answer in self.provider.answers() {
            let Order { order, pool, .. } = answer.order;
            let mut reconcilers = self.reconcilers.iter_mut();
            if let Some(reconciler) = reconcilers.find(|reconciler| reconciler.pool().name == pool)
            {
                reconciler.record_answer(now, &order, answer.promise);
            }
        }
    }

    /// Carries the steps out, as many as possible.
    async fn carry_out<O: Orchestrator>(
        &mut self,
        now: Timestamp,
        place: usize,
        steps: &[MachineStep],
        census: &mut Census,
        (orchestrator, permit): (&mut O, &impl Permit),
    ) -> Result<(), String> {
        let mut done = Ok(());
        for step in steps {
            let Some(reconciler) = self.reconcilers.get_mut(place) else {
                break;
            };
            let pool = reconciler.pool().name.clone();
            reconciler.record(now, PoolEventKind::Step(step.clone()));
            let (machine, availability, drained_for) = match step {
                MachineStep::Add { order } => {
                    self.order(now, place, order, Action::Add, None);
                    continue;
                }
                MachineStep::Remove { order, machine } => {
                    self.order(now, place, order, Action::Remove, Some(machine.clone()));
                    continue;
                }
                MachineStep::Drain { machine, .. } => {
                    (machine, Availability::Drain, Some(pool.as_str()))
                }
                MachineStep::Activate { machine } => (machine, Availability::Active, None),
            };
            if !permit.may_write() {
                done = Err(NOT_RENEWED.to_owned());
                continue;
            }
            let set = set(machine, availability, drained_for, census, orchestrator).await;
            if let Err(trouble) = set {
                done = Err(format!("machine {machine}: {trouble}"));
            }
        }
        self.submit_waiting(&permit.leadership(), permit);
        done
    }

    fn order(
        &mut self,
        now: Timestamp,
        place: usize,
        order: &str,
        action: Action,
        machine: Option<String>,
    ) {
        let Some(reconciler) = self.reconcilers.get_mut(place) else {
            return;
        };
        if !reconciler.pool().has_provider {
            return;
        }
        let order = Order {
            order: order.to_owned(),
            action,
            pool: reconciler.pool().name.clone(),
            machine,
        };
        reconciler.record_order(now, &order);
        self.waiting.push(order);
    }

    /// Submits the waiting orders that the journal contains: the next leader knows them.
    fn submit_waiting(&mut self, leadership: &Leadership, permit: &impl Permit) {
        let is_alone = leadership.term == 0;
        for order in std::mem::take(&mut self.waiting) {
            let mut reconcilers = self.reconcilers.iter();
            let pool = reconcilers.find(|reconciler| reconciler.pool().name == order.pool);
            // An order that has expired or is not needed any more is dropped.
            let is_open = |it: &&Reconciler| it.orders().any(|open| open.order == order.order);
            let Some(machines) = pool.filter(is_open).map(|it| it.pool().machines) else {
                continue;
            };
            let is_known = is_alone || journal::contains(&leadership.journal, &order.order);
            if !is_known || !permit.may_write() {
                self.waiting.push(order);
                continue;
            }
            let within = match order.action {
                Action::Add => machines.join,
                Action::Remove => machines.leave,
            };
            self.provider.submit(order, within);
        }
    }

    /// Continues with the orders of the last leader: it repeats them with their keys.
    fn adopt(&mut self, now: Timestamp, journal: &str) {
        for (order, promised) in journal::read(journal) {
            let mut reconcilers = self.reconcilers.iter_mut();
            let pool = reconcilers.find(|reconciler| reconciler.pool().name == order.pool);
            if let Some(reconciler) = pool.filter(|it| it.pool().has_provider)
                && reconciler.adopt(now, &order, promised)
            {
                self.waiting.push(order);
            }
        }
    }

    /// Forgets the orders in progress: they belong to the next leader.
    fn drop_orders(&mut self) {
        self.waiting.clear();
        self.reconcilers
            .iter_mut()
            .for_each(Reconciler::forget_orders);
    }
}

/// Sets the availability of a machine. After a conflict it reads the cluster and tries once more, unless
/// the availability has changed meanwhile.
async fn set<O: Orchestrator>(
    machine: &str,
    availability: Availability,
    drained_for: Option<&str>,
    census: &mut Census,
    orchestrator: &mut O,
) -> Result<(), OrchestratorError> {
    let mut is_second = false;
    loop {
        let is_it = |node: &&Node| node.name == machine && node.is_ready && !node.is_manager;
        let Some(node) = census.nodes.iter().find(is_it).cloned() else {
            return Err(OrchestratorError::NotFound(machine.to_owned()));
        };
        let set = orchestrator
            .set_availability(&node, availability, drained_for)
            .await;
        match set {
            Err(OrchestratorError::Conflict) if !is_second => {
                is_second = true;
                *census = orchestrator.census().await?;
                let mut nodes = census.nodes.iter();
                let is_as_it_was = nodes
                    .find(|fresh| fresh.id == node.id)
                    .is_some_and(|fresh| fresh.availability == node.availability);
                if !is_as_it_was {
                    return Err(OrchestratorError::Conflict);
                }
            }
            set => {
                // The decision for the next pool depends on it.
                let mut nodes = census.nodes.iter_mut();
                if set.is_ok()
                    && let Some(known) = nodes.find(|known| known.id == node.id)
                {
                    known.availability = availability;
                }
                return set;
            }
        }
    }
}

/// The number of tasks that a service needs at least: its minimum if this controller may shrink it, and
/// its present number otherwise.
fn least(now: Timestamp, most: Mode, managed: &[ManagedService], demand: &Demand) -> u32 {
    let mut managed = managed.iter();
    let known = managed.find(|managed| managed.name == demand.name);
    match known.filter(|managed| managed.mode.least(most) == Mode::Act) {
        Some(managed) => managed.policy.settings().bounds(now).0,
        None => demand.replicas(),
    }
}

/// Reads the telemetry of a pool.
fn read(
    now: Timestamp,
    reconciler: &Reconciler,
    work: &MetricQuery,
    census: &Census,
    managed: &[ManagedService],
    telemetry: &Telemetry,
) -> PoolReadings {
    let snapshot = telemetry.snapshot(now, [reconciler.query(), work]);
    let serving = reconciler.serving(census).map(|node| node.name.as_str());
    let is_warming = |machine: &str| reconciler.is_warming(now, machine);
    let signals = snapshot.host_signals(reconciler.query(), serving, is_warming);
    let services = managed
        .iter()
        .filter_map(|managed| managed.state.as_deref());
    let by_host = work_per_cpu(&snapshot, work, services);
    let loads = telemetry.hosts(now);
    let (mut hosts, mut work) = (BTreeMap::new(), BTreeMap::new());
    for node in census
        .nodes
        .iter()
        .filter(|node| reconciler.pool().nodes.matches(node))
    {
        if let Some(load) = loads.load(&node.name) {
            hosts.insert(node.name.clone(), load);
        }
        if let Some(part) = by_host.get(&node.name)
            && node.takes_tasks()
        {
            work.insert(node.name.clone(), *part);
        }
    }
    PoolReadings {
        signals,
        hosts,
        work,
    }
}
