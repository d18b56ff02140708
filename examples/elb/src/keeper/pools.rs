//! All pools: reads the cluster, lets each keeper decide, and carries out what is to be done.
//! It waits for the orchestrator, as for everything else, and never for a hook.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use sflow_metrics::{Timestamp, query};

use super::{Happened, Keeper, Seen, takes_tasks};
use crate::config::Pool;
use crate::orchestrator::{Availability, Census, Demand, Node, Orchestrator, OrchestratorError};
use crate::policy::Mode;
use crate::pool::hook::{Action, Order};
use crate::pool::provider::{Background, Provider};
use sflow_autoscale::controller::{Decided, ManagedService, Outcome, problems};
use sflow_autoscale::node_pools::MachineStep;
use sflow_autoscale::observe::{MetricQuery, Telemetry, TelemetryAccess, work_per_cpu, work_query};
use sflow_autoscale::problem::{Problem, ProblemReason};

/// From one round to the next: machines are slow, and reading all of the cluster is not cheap.
const EVERY: Duration = Duration::from_secs(10);

/// All pools under control.
#[derive(Debug)]
pub struct Pools {
    keepers: Vec<Keeper>,
    provider: Box<dyn Provider>,
    /// What makes the keys of orders those of this run.
    instance: String,
    work: MetricQuery,
    next: Option<Timestamp>,
}

/// What a round of the pools brought.
#[derive(Debug, Default)]
pub struct PoolRound {
    /// A decision for each pool, what came of it, and what was to be done.
    pub decisions: Vec<(Decided, Vec<MachineStep>)>,
    /// Problems found.
    pub problems: Vec<Problem>,
}

impl Pools {
    /// What makes the keys of orders those of a run that begins now: no two begin at the same
    /// moment and by the same chance.
    pub fn instance(now: Timestamp) -> String {
        let chance = RandomState::new().hash_one(now.as_nanos()) & 0xffff_ffff;
        format!("{}-{chance:08x}", now.as_nanos() / 1_000_000_000)
    }

    /// These pools, whose hooks are given their orders in the background.
    ///
    /// # Errors
    ///
    /// If one is to be kept by a metric that is not known.
    pub fn new(instance: String, pools: &[Pool]) -> Result<Self, query::Error> {
        let keepers = pools.iter().map(Keeper::new);
        Ok(Self {
            keepers: keepers.collect::<Result<_, _>>()?,
            provider: Box::<Background>::default(),
            instance,
            work: work_query()?,
            next: None,
        })
    }

    /// Gives orders another way.
    pub fn provide(&mut self, provider: Box<dyn Provider>) {
        self.provider = provider;
    }

    /// The pools.
    pub fn keepers(&self) -> &[Keeper] {
        &self.keepers
    }

    /// Does more or less for a pool.
    ///
    /// # Errors
    ///
    /// If it is to act and has nothing to act with; `None` if there is no such pool.
    pub fn set_mode(&mut self, pool: &str, mode: Mode) -> Option<Result<(), String>> {
        let mut keepers = self.keepers.iter_mut();
        let keeper = keepers.find(|keeper| keeper.pool().name == pool)?;
        if mode == Mode::Act && keeper.pool().hook.is_none() {
            let why = format!("pool {pool} has no hook: nothing adds or removes its machines");
            return Some(Err(why));
        }
        keeper.set_mode(mode);
        self.next = None;
        Some(Ok(()))
    }

    /// Goes on with other pools. What is known of one that stays is kept.
    ///
    /// # Errors
    ///
    /// If one is to be kept by a metric that is not known; then nothing has changed.
    pub fn configure(&mut self, pools: &[Pool]) -> Result<(), query::Error> {
        let mut keepers = pools
            .iter()
            .map(Keeper::new)
            .collect::<Result<Vec<Keeper>, query::Error>>()?;
        for keeper in &mut keepers {
            let name = &keeper.pool().name;
            let known = self.keepers.iter().position(|old| old.pool().name == *name);
            if let Some(place) = known {
                let mut old = self.keepers.swap_remove(place);
                old.configure(keeper.pool())?;
                *keeper = old;
            }
        }
        self.keepers = keepers;
        self.next = None;
        Ok(())
    }

    /// One round, if it is time for one: reads the cluster, decides for each pool, and carries
    /// out what is to be carried out.
    pub async fn round<O: Orchestrator>(
        &mut self,
        now: Timestamp,
        most: Mode,
        orchestrator: &mut O,
        managed: &[ManagedService],
        telemetry: &mut impl TelemetryAccess,
    ) -> Option<PoolRound> {
        let is_on = |keeper: &Keeper| keeper.mode().least(most) != Mode::Off;
        if !self.keepers.iter().any(is_on) || self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + EVERY);
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
        self.hear(now);
        let least = |demand: &Demand| least(now, most, managed, demand);
        for place in 0..self.keepers.len() {
            let Some(keeper) = self.keepers.get_mut(place) else {
                continue;
            };
            let mode = keeper.mode().least(most);
            if mode == Mode::Off {
                continue;
            }
            let seen = telemetry
                .with(|telemetry| see(now, keeper, &self.work, &census, managed, telemetry));
            let decided = keeper.step(now, &self.instance, mode, &census, &seen, least);
            let (decision, steps) = (decided.decision, decided.steps);
            let outcome = if mode == Mode::Act {
                let done = self
                    .carry_out(now, place, &steps, &mut census, orchestrator)
                    .await;
                match done {
                    Ok(()) if decision.is_change() => Outcome::Done,
                    Ok(()) => Outcome::Kept,
                    Err(why) => {
                        let about = format!("pool {}", decision.service);
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
            if let Some(keeper) = self.keepers.get(place) {
                let bands = keeper.question().bands(&keeper.pool().settings.rule);
                round.problems.extend(problems(&decision, &bands, None));
            }
            let decision = Arc::new(decision);
            if let Some(keeper) = self.keepers.get_mut(place) {
                keeper.decided(now, &decision, mode == Mode::Act);
            }
            round.decisions.push((Decided { decision, outcome }, steps));
        }
        Some(round)
    }

    /// Waits for hooks that are being asked, but no longer than this; whether all have answered.
    pub async fn finish(&mut self, patience: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(50);
        let finished = async {
            while self.provider.is_busy() {
                tokio::time::sleep(STEP).await;
            }
        };
        tokio::time::timeout(patience, finished).await.is_ok()
    }

    /// Hears what hooks have answered.
    fn hear(&mut self, now: Timestamp) {
        for answer in self.provider.answers() {
            let Order { order, pool, .. } = answer.order;
            let mut keepers = self.keepers.iter_mut();
            if let Some(keeper) = keepers.find(|keeper| keeper.pool().name == pool) {
                keeper.answered(now, &order, answer.promise);
            }
        }
    }

    /// Does what is to be done for a pool, and as much of it as can be.
    async fn carry_out<O: Orchestrator>(
        &mut self,
        now: Timestamp,
        place: usize,
        steps: &[MachineStep],
        census: &mut Census,
        orchestrator: &mut O,
    ) -> Result<(), String> {
        let mut done = Ok(());
        for step in steps {
            let Some(keeper) = self.keepers.get_mut(place) else {
                break;
            };
            let pool = keeper.pool().name.clone();
            keeper.tell(now, Happened::Step(step.clone()));
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
            let set = set(machine, availability, drained_for, census, orchestrator).await;
            if let Err(trouble) = set {
                done = Err(format!("machine {machine}: {trouble}"));
            }
        }
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
        let Some(keeper) = self.keepers.get_mut(place) else {
            return;
        };
        let Some(hook) = keeper.pool().hook.clone() else {
            return;
        };
        let order = Order {
            order: order.to_owned(),
            action,
            pool: keeper.pool().name.clone(),
            machine,
        };
        let machines = keeper.pool().machines;
        let patience = match action {
            Action::Add => machines.join,
            Action::Remove => machines.leave,
        };
        keeper.given(now, &order);
        self.provider.give(&hook, order, patience);
    }
}

/// Lets a machine take tasks or not. When it has changed meanwhile, reads once more: what was
/// decided of it may not hold any longer, and if it takes tasks as it did, it does.
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
                // What is decided for the next pool counts with it.
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

/// How many tasks of a service there should be at least: its minimum where this loop may shrink
/// it to that, and all that it has otherwise.
fn least(now: Timestamp, most: Mode, managed: &[ManagedService], demand: &Demand) -> u32 {
    let mut managed = managed.iter();
    let known = managed.find(|managed| managed.name == demand.name);
    match known.filter(|managed| managed.mode.least(most) == Mode::Act) {
        Some(managed) => managed.policy.settings().bounds(now).0,
        None => demand.replicas(),
    }
}

/// What telemetry shows of a pool.
fn see(
    now: Timestamp,
    keeper: &Keeper,
    work: &MetricQuery,
    census: &Census,
    managed: &[ManagedService],
    telemetry: &Telemetry,
) -> Seen {
    let look = telemetry.snapshot(now, [keeper.question(), work]);
    let serving = keeper.serving(census).map(|node| node.name.as_str());
    let is_warming = |machine: &str| keeper.is_warming(now, machine);
    let signals = look.host_signals(keeper.question(), serving, is_warming);
    let services = managed
        .iter()
        .filter_map(|managed| managed.state.as_deref());
    let by_host = work_per_cpu(&look, work, services);
    let loads = telemetry.hosts(now);
    let (mut hosts, mut work) = (BTreeMap::new(), BTreeMap::new());
    for node in census
        .nodes
        .iter()
        .filter(|node| keeper.pool().nodes.is_for(node))
    {
        if let Some(load) = loads.load(&node.name) {
            hosts.insert(node.name.clone(), load);
        }
        if let Some(part) = by_host.get(&node.name)
            && takes_tasks(node)
        {
            work.insert(node.name.clone(), *part);
        }
    }
    Seen {
        signals,
        hosts,
        work,
    }
}
