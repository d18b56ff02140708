//! The control loop: observe, decide, act.
//!
//! [`Controller::round`] reads the services from the orchestrator, decides for each and carries the
//! decisions out. It returns when it is to be called again and never sleeps. Whether this process may
//! change the cluster is an input, its [`Permit`]: a standby observes and decides like the leader, in mode
//! [`Mode::Advise`].

mod change_quota;
mod discovery;
mod managed;
mod observe;
mod problems;
mod settings;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sflow_metrics::{Timestamp, query};

use self::change_quota::ChangeQuota;
pub use self::discovery::Discovered;
use self::discovery::Found;
pub use self::managed::{ManagedService, Origin};
use self::observe::{observe_again, observe_all};
pub use self::problems::problems;
pub use self::settings::{ControlSettings, Discovery, LabelReader, Ownership, ServiceSettings};
use crate::leader::{NOT_RENEWED, Permit, Role};
use crate::observe::TelemetryAccess;
use crate::orchestrator::{Orchestrator, OrchestratorError, Service};
use crate::policy::{BudgetRequest, Decision, Mode, Observation, Reason, share_budget};
use crate::problem::{Problem, ProblemReason};

/// Number of conflicts in a row after which the next decision waits for the next regular round.
const MAX_CONFLICTS: u32 = 5;

/// Scales services through an orchestrator.
#[derive(Debug)]
pub struct Controller<O> {
    orchestrator: O,
    control: ControlSettings,
    /// The mode of all services; the mode of each can allow less.
    mode: Mode,
    managed: Vec<ManagedService>,
    discovery: Option<Discovery>,
    ownership: Option<Ownership>,
    found: Found,
    quota: ChangeQuota,
    /// The term of the last round, if this process led then.
    led: Option<u64>,
}

/// The result of one round.
#[derive(Debug, Default)]
pub struct Round {
    /// The decision for each service that exists, and its outcome.
    pub decisions: Vec<Decided>,
    /// Problems found.
    pub problems: Vec<Problem>,
    /// Whether the orchestrator could be read.
    pub reached: bool,
    /// Conflicts: decisions that were made again because the service had changed.
    pub conflicts: u64,
    /// Changes of the list of services by their labels.
    pub discovered: Vec<Discovered>,
    /// How long each stage took.
    pub stages: Stages,
    /// When the next round is due.
    pub again: Timestamp,
}

/// A decision and its outcome.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Arc<Decision>,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The size stays.
    Kept,
    /// It is not carried out, because of the mode.
    Advised,
    /// It was carried out.
    Done,
    /// The orchestrator did not carry it out.
    Failed {
        /// The error.
        why: String,
    },
}

impl Outcome {
    /// The name, as in JSON and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Advised => "advised",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// How long each stage of a round took, by the stopwatch of the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Reading services and tasks from the orchestrator.
    pub read: Duration,
    /// Reading the telemetry of their containers.
    pub observe: Duration,
    /// Deciding.
    pub decide: Duration,
    /// Changing services through the orchestrator.
    pub act: Duration,
}

impl<O: Orchestrator> Controller<O> {
    /// A controller of these services.
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown.
    pub fn new(
        orchestrator: O,
        control: ControlSettings,
        services: &[ServiceSettings],
    ) -> Result<Self, query::Error> {
        Ok(Self {
            orchestrator,
            control,
            mode: control.mode,
            managed: configured(services)?,
            discovery: None,
            found: Found::default(),
            ownership: None,
            quota: ChangeQuota::default(),
            led: None,
        })
    }

    /// Finds further services by a label.
    pub fn discover(&mut self, discovery: Option<Discovery>) {
        self.discovery = discovery;
        self.found.search_soon();
    }

    /// Searches for services in the next round, because one has changed.
    pub fn discover_soon(&mut self) {
        self.found.search_soon();
    }

    /// The orchestrator.
    pub const fn orchestrator(&self) -> &O {
        &self.orchestrator
    }

    /// The orchestrator.
    pub const fn orchestrator_mut(&mut self) -> &mut O {
        &mut self.orchestrator
    }

    /// The orchestrator and the services under control, for the reconciliation of node pools.
    pub fn parts(&mut self) -> (&mut O, &[ManagedService]) {
        (&mut self.orchestrator, &self.managed)
    }

    /// Respects the owners of services.
    pub fn set_ownership(&mut self, ownership: Option<Ownership>) {
        self.ownership = ownership;
    }

    /// The services under control.
    pub fn managed(&self) -> &[ManagedService] {
        &self.managed
    }

    /// Adds a service.
    ///
    /// # Errors
    ///
    /// If a metric of its policy is unknown.
    pub fn manage(&mut self, service: &ServiceSettings) -> Result<(), query::Error> {
        self.managed
            .push(ManagedService::new(service, Origin::Configuration)?);
        Ok(())
    }

    /// The mode of all services.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether an operator has set the mode of all services.
    pub const fn is_mode_set(&self) -> bool {
        self.control.is_mode_set
    }

    /// Sets the mode of one service, or of all; `false` if the service is not under control.
    pub fn set_mode(&mut self, service: Option<&str>, mode: Mode) -> bool {
        let Some(name) = service else {
            self.mode = mode;
            self.control.is_mode_set = true;
            return true;
        };
        let managed = self.managed.iter_mut().find(|known| known.name == name);
        managed.is_some_and(|managed| {
            managed.mode = mode;
            true
        })
    }

    /// Replaces the settings and the services. Services that remain keep their state.
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown; then nothing has changed.
    pub fn configure(
        &mut self,
        control: ControlSettings,
        services: &[ServiceSettings],
        discovery: Option<Discovery>,
        ownership: Option<Ownership>,
    ) -> Result<(), query::Error> {
        let mut managed = configured(services)?;
        let old = std::mem::take(&mut self.managed).into_iter();
        let mut old: HashMap<String, (usize, ManagedService)> = old
            .enumerate()
            .map(|(place, old)| (old.name.clone(), (place, old)))
            .collect();
        for new in &mut managed {
            if let Some((_, mut old)) = old.remove(&new.name) {
                new.inherit(&mut old);
            }
        }
        let mut found: Vec<(usize, ManagedService)> = old
            .into_values()
            .filter(|(_, old)| old.origin == Origin::Labels)
            .collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        managed.extend(found.into_iter().map(|(_, old)| old));
        self.managed = managed;
        self.mode = control.mode;
        self.control = control;
        self.discovery = discovery;
        self.ownership = ownership;
        self.found.search_soon();
        Ok(())
    }

    /// Time between rounds.
    pub const fn interval(&self) -> Duration {
        self.control.interval
    }

    /// One round: reads all services, decides for each, and carries the decisions out.
    ///
    /// `permit` states who leads and is asked immediately before each write; without an election it is
    /// [`Alone`](crate::leader::Alone). A standby changes nothing and reads the same data, so that its
    /// windows are complete when it takes over. In the first round of a leader nothing shrinks.
    ///
    /// `lap` returns the time since its last call, for [`Round::stages`]; a caller without interest
    /// passes `|| Duration::ZERO`.
    pub async fn round(
        &mut self,
        now: Timestamp,
        permit: &impl Permit,
        telemetry: &mut impl TelemetryAccess,
        mut lap: impl FnMut() -> Duration,
    ) -> Round {
        let mut round = Round {
            again: now + self.control.interval,
            ..Round::default()
        };
        lap();
        if !self.find_labelled(now, &mut round).await {
            round.stages.read = lap();
            return round;
        }
        let is_on = |managed: &&ManagedService| managed.mode.least(self.mode) != Mode::Off;
        let on = self.managed.iter().filter(is_on);
        let names: Vec<String> = on.map(|managed| managed.name.clone()).collect();
        let found = self.orchestrator.services(&names).await;
        round.stages.read = lap();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                round.problems.push(unreadable(&error));
                return round;
            }
        };
        round.reached = true;
        let nodes = self.orchestrator.nodes();
        let down = self.orchestrator.down_nodes().into_iter();
        round.problems.extend(down.map(|node| {
            let message = format!("node {node} is down");
            Problem::new(ProblemReason::NodeDown, node, message)
        }));
        self.update(now, found);

        let ceilings = self.ceilings(now);
        let ownership = self.ownership.as_ref();
        let observations = telemetry.with(|telemetry| {
            telemetry.set_nodes(now, nodes);
            observe_all(now, &self.managed, ownership, ceilings, telemetry)
        });
        round.stages.observe = lap();

        let role = Role::new(&permit.leadership(), &mut self.led);
        let mut decisions = self.decide(now, &role, observations, &mut round);
        if let Some(per_minute) = self.control.changes_per_minute {
            let priority = |place: usize| self.managed.get(place).map_or(0, |it| it.priority);
            self.quota.apply(now, per_minute, &mut decisions, priority);
        }
        if self.control.budget.is_some() {
            // Replicas that one service releases have to be free before another gets them.
            decisions.sort_by_key(|(_, decision)| decision.result > decision.replicas);
        }
        round.stages.decide = lap();

        for (place, decision) in decisions {
            let decision = (place, decision);
            self.act(decision, now, (permit, &role), telemetry, &mut round)
                .await;
        }
        round.stages.act = lap();
        round
    }

    /// Updates the descriptions of all services.
    fn update(&mut self, now: Timestamp, found: Vec<Service>) {
        let mut found: HashMap<String, Service> = found
            .into_iter()
            .map(|service| (service.name.clone(), service))
            .collect();
        for managed in &mut self.managed {
            managed.update(now, found.remove(&managed.name));
        }
    }

    /// The decision for each service that exists, with the index of the service.
    fn decide(
        &mut self,
        now: Timestamp,
        role: &Role,
        observations: Vec<Option<Observation>>,
        round: &mut Round,
    ) -> Vec<(usize, Decision)> {
        let mut decisions = Vec::new();
        let managed = self.managed.iter_mut().zip(observations);
        for (place, (managed, observation)) in managed.enumerate() {
            let mode = managed.mode.least(self.mode);
            if mode == Mode::Off {
                continue;
            }
            match observation {
                Some(observation) => {
                    let mut decision = managed.policy.step(now, &observation);
                    decision.mode = role.mode(mode);
                    role.apply(&mut decision);
                    managed.observed = Some(Arc::new(observation));
                    decisions.push((place, decision));
                }
                None => {
                    let message = format!("service {} does not exist", managed.name);
                    let name = managed.name.as_str();
                    let problem = Problem::new(ProblemReason::ServiceGone, name, message);
                    round.problems.push(problem);
                }
            }
        }
        decisions
    }

    /// Carries a decision out. After a conflict it reads the service and decides again; after a second
    /// conflict the next round is due soon.
    async fn act(
        &mut self,
        (place, decision): (usize, Decision),
        now: Timestamp,
        (permit, role): (&impl Permit, &Role),
        telemetry: &mut impl TelemetryAccess,
        round: &mut Round,
    ) {
        let Some(managed) = self.managed.get_mut(place) else {
            return;
        };
        let mut decision = decision;
        let mut is_second = false;
        let outcome = loop {
            if !decision.is_change() {
                break Outcome::Kept;
            }
            if decision.mode != Mode::Act {
                break Outcome::Advised;
            }
            let Some(service) = &managed.state else {
                break Outcome::Kept;
            };
            if !permit.may_write() {
                break failed(managed, NOT_RENEWED, round);
            }
            match self.orchestrator.scale(service, decision.result).await {
                Ok(()) => {
                    managed.conflicts = 0;
                    managed.unconfirmed = None;
                    self.quota.record(now);
                    managed
                        .policy
                        .record_change(now, decision.replicas, decision.result);
                    break Outcome::Done;
                }
                Err(OrchestratorError::Conflict) => {
                    round.conflicts += 1;
                    managed.conflicts += 1;
                    if is_second {
                        if managed.conflicts < MAX_CONFLICTS {
                            round.again = round.again.min(now + jitter(managed.conflicts));
                        }
                        break failed(managed, OrchestratorError::Conflict, round);
                    }
                    is_second = true;
                    let name = [managed.name.clone()];
                    match self.orchestrator.services(&name).await {
                        Ok(found) => managed.update(now, found.into_iter().next()),
                        Err(problem) => break failed(managed, problem, round),
                    }
                    let (ownership, ceiling) = (self.ownership.as_ref(), ceiling(&decision));
                    let observation = telemetry.with(|telemetry| {
                        observe_again(now, managed, ownership, ceiling, telemetry)
                    });
                    let Some(observation) = observation else {
                        break Outcome::Kept;
                    };
                    let mode = decision.mode;
                    decision = managed.policy.step(now, &observation);
                    decision.mode = mode;
                    role.apply(&mut decision);
                    managed.observed = Some(Arc::new(observation));
                }
                Err(problem) => {
                    managed.unconfirmed = Some(decision.result);
                    break failed(managed, problem, round);
                }
            }
        };
        let bands = managed.query.bands(&managed.policy.settings().rule);
        let state = managed.state.as_deref();
        let mut problems = problems(&decision, &bands, state);
        if managed.unconfirmed == Some(decision.replicas) {
            problems.retain(|it| it.reason != ProblemReason::ForeignScale);
        }
        round.problems.extend(problems);
        let decision = Arc::new(decision);
        managed.last = Some(Arc::clone(&decision));
        round.decisions.push(Decided { decision, outcome });
    }

    /// The share of each service of the budget.
    fn ceilings(&self, now: Timestamp) -> Vec<Option<u32>> {
        let Some(budget) = self.control.budget else {
            return vec![None; self.managed.len()];
        };
        let requests: Vec<BudgetRequest> = self
            .managed
            .iter()
            .map(|managed| managed.budget_request(now))
            .collect();
        share_budget(budget, &requests)
            .into_iter()
            .map(Some)
            .collect()
    }
}

fn configured(services: &[ServiceSettings]) -> Result<Vec<ManagedService>, query::Error> {
    let managed = |service| ManagedService::new(service, Origin::Configuration);
    services.iter().map(managed).collect()
}

/// The share of the budget that limited a decision.
fn ceiling(decision: &Decision) -> Option<u32> {
    decision.steps.iter().find_map(|step| match step.reason {
        Reason::Budget { ceiling } => Some(ceiling),
        _ => None,
    })
}

fn unreadable(error: &OrchestratorError) -> Problem {
    Problem::new(ProblemReason::Orchestrator, "", error.to_string())
}

fn failed(managed: &ManagedService, problem: impl fmt::Display, round: &mut Round) -> Outcome {
    let message = format!("{}: {problem}", managed.name);
    let name = managed.name.as_str();
    let reason = ProblemReason::ChangeFailed;
    round.problems.push(Problem::new(reason, name, message));
    Outcome::Failed {
        why: problem.to_string(),
    }
}

/// A random delay, so that two autoscalers do not conflict again and again.
fn jitter(attempt: u32) -> Duration {
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    Duration::from_millis(50 * u64::from(attempt) + chance / 4)
}
