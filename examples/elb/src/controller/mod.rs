//! The control loop: observe, decide, act. It returns when it wants to be called again and
//! never sleeps.

pub(crate) mod blocked;
mod discovery;
mod managed;
mod observe;
mod turns;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use sflow_metrics::{Timestamp, query};

use crate::config::{Control, Discovery, Service as Configured};
use crate::orchestrator::{Orchestrator, OrchestratorError, Service};
use crate::policy::{Claim, Decision, Mode, Reason, shares};
use crate::shared::Shared;
use crate::trouble::{Trouble, TroubleReason};
use discovery::Found;
pub use managed::{Managed, Origin};
use observe::{Seen, observation, see, see_again};
use sflow_autoscale::observe::Telemetry;
use turns::Turns;

/// How often in a row a decision is made anew when the service changes meanwhile, before the
/// next ordinary round is waited for.
const TRIES: u32 = 5;

/// Balances services through an orchestrator.
#[derive(Debug)]
pub struct Controller<O> {
    orchestrator: O,
    control: Control,
    /// What may be done at most, whatever the services' own modes allow.
    mode: Mode,
    managed: Vec<Managed>,
    discovery: Option<Discovery>,
    found: Found,
    turns: Turns,
}

/// What one round of the loop brought.
#[derive(Debug, Default)]
pub struct Round {
    /// A decision for each service that was found, and what came of it.
    pub decisions: Vec<Decided>,
    /// Problems found.
    pub troubles: Vec<Trouble>,
    /// Whether the orchestrator could be read.
    pub reached: bool,
    /// Decisions that were made anew because a service had changed meanwhile.
    pub conflicts: u64,
    /// How long each stage took.
    pub stages: Stages,
    /// When the loop wants to be called again.
    pub again: Timestamp,
}

/// A decision and what came of it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Arc<Decision>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Nothing was to be changed.
    Kept,
    /// It was told, and not carried out: the mode says so.
    Advised,
    /// The orchestrator has been told and has agreed.
    Done,
    /// The orchestrator did not do it.
    Failed {
        /// Why, in words.
        why: String,
    },
}

impl Outcome {
    /// One word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Advised => "advised",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// How long each stage of a round took, by this machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Reading services and tasks from the orchestrator.
    pub read: Duration,
    /// Asking the telemetry about their containers.
    pub observe: Duration,
    /// Deciding.
    pub decide: Duration,
    /// Telling the orchestrator.
    pub act: Duration,
}

impl<O: Orchestrator> Controller<O> {
    /// Takes the configured services under control.
    ///
    /// # Errors
    ///
    /// If a service is to be balanced by a metric that is not known.
    pub fn new(
        orchestrator: O,
        control: Control,
        services: &[Configured],
    ) -> Result<Self, query::Error> {
        Ok(Self {
            orchestrator,
            control,
            mode: control.mode,
            managed: configured(services)?,
            discovery: None,
            found: Found::default(),
            turns: Turns::default(),
        })
    }

    /// Finds further services by their labels.
    pub fn discover(&mut self, discovery: Discovery) {
        self.discovery = Some(discovery);
        self.found.look_soon();
    }

    /// Looks for services in the next round, because something has happened to one.
    pub fn look_soon(&mut self) {
        self.found.look_soon();
    }

    /// The orchestrator.
    pub const fn orchestrator(&self) -> &O {
        &self.orchestrator
    }

    /// The orchestrator, to be driven by who simulates it.
    pub const fn orchestrator_mut(&mut self) -> &mut O {
        &mut self.orchestrator
    }

    /// The orchestrator and the services under control, for who keeps machines for these.
    pub fn parts(&mut self) -> (&mut O, &[Managed]) {
        (&mut self.orchestrator, &self.managed)
    }

    /// The services under control.
    pub fn managed(&self) -> &[Managed] {
        &self.managed
    }

    /// Takes one more service under control.
    ///
    /// # Errors
    ///
    /// If it is to be balanced by a metric that is not known.
    pub fn manage(&mut self, service: &Configured) -> Result<(), query::Error> {
        self.managed.push(Managed::new(service, Origin::File)?);
        Ok(())
    }

    /// What may be done at most.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the configuration or a request has set what may be done at most.
    pub const fn is_mode_set(&self) -> bool {
        self.control.is_mode_set
    }

    /// Does more or less for one service, or at most this for all; `false` if it is not under
    /// control.
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

    /// Goes on with other services and another pace. What is known of a service that stays is
    /// kept: nothing has to be watched anew because something else was configured.
    ///
    /// # Errors
    ///
    /// If a service is to be balanced by a metric that is not known; then nothing has changed.
    pub fn configure(
        &mut self,
        control: Control,
        services: &[Configured],
        discovery: Option<Discovery>,
    ) -> Result<(), query::Error> {
        let mut managed = configured(services)?;
        let old = std::mem::take(&mut self.managed).into_iter();
        let mut old: HashMap<String, (usize, Managed)> = old
            .enumerate()
            .map(|(place, old)| (old.name.clone(), (place, old)))
            .collect();
        for new in &mut managed {
            if let Some((_, mut old)) = old.remove(&new.name) {
                new.inherit(&mut old);
            }
        }
        let mut found: Vec<(usize, Managed)> = old
            .into_values()
            .filter(|(_, old)| old.origin == Origin::Labels)
            .collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        managed.extend(found.into_iter().map(|(_, old)| old));
        self.managed = managed;
        self.mode = control.mode;
        self.control = control;
        self.discovery = discovery;
        self.found.look_soon();
        Ok(())
    }

    /// Time between rounds.
    pub const fn interval(&self) -> Duration {
        self.control.interval
    }

    /// One round: reads every service, decides, and carries out what is to be carried out.
    pub async fn round(&mut self, now: Timestamp, telemetry: &Shared<Telemetry>) -> Round {
        let mut round = Round {
            again: now + self.control.interval,
            ..Round::default()
        };
        let clock = Instant::now();
        if !self.find_labelled(now, &mut round).await {
            round.stages.read = clock.elapsed();
            return round;
        }
        let is_on = |managed: &&Managed| managed.mode.least(self.mode) != Mode::Off;
        let on = self.managed.iter().filter(is_on);
        let names: Vec<String> = on.map(|managed| managed.name.clone()).collect();
        let found = self.orchestrator.services(&names).await;
        round.stages.read = clock.elapsed();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                round.troubles.push(unreadable(&error));
                return round;
            }
        };
        round.reached = true;
        let nodes = self.orchestrator.nodes();
        let down = self.orchestrator.down_nodes().into_iter();
        round.troubles.extend(down.map(|node| {
            let message = format!("node {node} is down. See `docker node ls`");
            Trouble::new(TroubleReason::NodeDown, node, message)
        }));
        self.find(now, found);

        let clock = Instant::now();
        let seen = {
            let mut telemetry = telemetry.lock();
            telemetry.set_nodes(now, nodes);
            see(now, &self.managed, &mut telemetry)
        };
        round.stages.observe = clock.elapsed();

        let clock = Instant::now();
        let mut decisions = self.decide(now, seen, &mut round);
        if let Some(per_minute) = self.control.changes_per_minute {
            let priority = |place: usize| self.managed.get(place).map_or(0, |it| it.priority);
            self.turns.take(now, per_minute, &mut decisions, priority);
        }
        if self.control.budget.is_some() {
            // What one is to give another has to be there first.
            decisions.sort_by_key(|(_, decision)| decision.result > decision.replicas);
        }
        round.stages.decide = clock.elapsed();

        let clock = Instant::now();
        for (place, decision) in decisions {
            self.act(place, decision, now, telemetry, &mut round).await;
        }
        round.stages.act = clock.elapsed();
        round
    }

    /// Takes note of how the services are now. One that is removed and made again under the same
    /// name is another: nothing that was remembered is of it.
    fn find(&mut self, now: Timestamp, found: Vec<Service>) {
        let mut found: HashMap<String, Service> = found
            .into_iter()
            .map(|service| (service.name.clone(), service))
            .collect();
        for managed in &mut self.managed {
            managed.is_now(now, found.remove(&managed.name));
        }
    }

    /// A decision for each service that there is, by its place.
    fn decide(
        &mut self,
        now: Timestamp,
        seen: Vec<Seen>,
        round: &mut Round,
    ) -> Vec<(usize, Decision)> {
        let ceilings = self.ceilings(now);
        let owner = self
            .discovery
            .as_ref()
            .map_or("elb", |it| it.owner.as_str());
        let mut decisions = Vec::new();
        let managed = self.managed.iter_mut().zip(seen).zip(ceilings);
        for (place, ((managed, seen), ceiling)) in managed.enumerate() {
            let mode = managed.mode.least(self.mode);
            if mode == Mode::Off {
                continue;
            }
            match &managed.state {
                Some(service) => {
                    let observation = observation(service, owner, seen, ceiling);
                    let mut decision = managed.policy.step(now, &observation);
                    decision.mode = mode;
                    decisions.push((place, decision));
                }
                None => {
                    let message = format!("service {} does not exist", managed.name);
                    let name = managed.name.as_str();
                    let trouble = Trouble::new(TroubleReason::ServiceGone, name, message);
                    round.troubles.push(trouble);
                }
            }
        }
        decisions
    }

    /// Carries a decision out; when the service has changed meanwhile, reads and decides once
    /// more, and then wants to be called again soon.
    async fn act(
        &mut self,
        place: usize,
        decision: Decision,
        now: Timestamp,
        telemetry: &Shared<Telemetry>,
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
            match self.orchestrator.scale(service, decision.result).await {
                Ok(()) => {
                    managed.conflicts = 0;
                    managed.unconfirmed = None;
                    self.turns.taken(now);
                    managed
                        .policy
                        .changed(now, decision.replicas, decision.result);
                    break Outcome::Done;
                }
                Err(OrchestratorError::Conflict) => {
                    round.conflicts += 1;
                    managed.conflicts += 1;
                    if is_second {
                        if managed.conflicts < TRIES {
                            round.again = round.again.min(now + jitter(managed.conflicts));
                        }
                        break failed(managed, &OrchestratorError::Conflict, round);
                    }
                    is_second = true;
                    let name = [managed.name.clone()];
                    match self.orchestrator.services(&name).await {
                        Ok(found) => managed.is_now(now, found.into_iter().next()),
                        Err(trouble) => break failed(managed, &trouble, round),
                    }
                    let Some(service) = &managed.state else {
                        break Outcome::Kept;
                    };
                    let (question, settings) = (&managed.question, managed.policy.settings());
                    let seen = see_again(now, question, service, settings, &mut telemetry.lock());
                    let owner = self
                        .discovery
                        .as_ref()
                        .map_or("elb", |it| it.owner.as_str());
                    let ceiling = ceiling(&decision);
                    let observation = observation(service, owner, seen, ceiling);
                    let mode = decision.mode;
                    decision = managed.policy.step(now, &observation);
                    decision.mode = mode;
                }
                Err(trouble) => {
                    managed.unconfirmed = Some(decision.result);
                    break failed(managed, &trouble, round);
                }
            }
        };
        let bands = managed.question.bands(&managed.policy.settings().rule);
        let state = managed.state.as_deref();
        let mut troubles = blocked::troubles(&decision, &bands, state);
        if managed.unconfirmed == Some(decision.replicas) {
            troubles.retain(|it| it.reason != TroubleReason::ForeignScale);
        }
        round.troubles.extend(troubles);
        let decision = Arc::new(decision);
        managed.last = Some(Arc::clone(&decision));
        round.decisions.push(Decided { decision, outcome });
    }

    /// Each service's share of the budget, from what each wished for last.
    fn ceilings(&self, now: Timestamp) -> Vec<Option<u32>> {
        let Some(budget) = self.control.budget else {
            return vec![None; self.managed.len()];
        };
        let claims: Vec<Claim> = self
            .managed
            .iter()
            .map(|managed| managed.claim(now))
            .collect();
        shares(budget, &claims).into_iter().map(Some).collect()
    }
}

fn configured(services: &[Configured]) -> Result<Vec<Managed>, query::Error> {
    let managed = |service| Managed::new(service, Origin::File);
    services.iter().map(managed).collect()
}

/// The share of the budget that a decision was bounded by.
fn ceiling(decision: &Decision) -> Option<u32> {
    decision.steps.iter().find_map(|step| match step.reason {
        Reason::Budget { ceiling } => Some(ceiling),
        _ => None,
    })
}

pub(crate) fn unreadable(error: &OrchestratorError) -> Trouble {
    Trouble::new(TroubleReason::Orchestrator, "", error.to_string())
}

fn failed(managed: &Managed, trouble: &OrchestratorError, round: &mut Round) -> Outcome {
    let message = format!("{}: {trouble}", managed.name);
    let name = managed.name.as_str();
    let reason = TroubleReason::ChangeFailed;
    round.troubles.push(Trouble::new(reason, name, message));
    Outcome::Failed {
        why: trouble.to_string(),
    }
}

/// A moment that is not the same for two balancers that got into each other's way.
fn jitter(attempt: u32) -> Duration {
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    Duration::from_millis(50 * u64::from(attempt) + chance / 4)
}
