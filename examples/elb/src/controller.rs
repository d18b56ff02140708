//! The control loop: observe, decide, act. It returns when it wants to be called again and
//! never sleeps.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use sflow_metrics::{QueryError, Timestamp};

use crate::config::{Control, Service as Configured};
use crate::orchestrator::{
    Orchestrator, OrchestratorError, Rollout, Scaling, Service, ServiceId, TaskState,
};
use crate::policy::{Claim, Decision, Fast, Mode, Observation, Obstacle, Policy, Signal, shares};
use crate::shared::Shared;
use crate::telemetry::{Question, Telemetry};

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
}

/// One service under control.
#[derive(Debug)]
pub struct Managed {
    /// Its name.
    pub name: String,
    /// Larger is served first when the budget is short.
    pub priority: i32,
    /// What is to be done for it.
    pub mode: Mode,
    /// Its policy.
    pub policy: Policy,
    /// What is asked of the telemetry.
    pub question: Question,
    /// As it was found last; `None` if the orchestrator does not know it.
    pub state: Option<Service>,
    /// What was decided last.
    pub last: Option<Arc<Decision>>,
    /// The identity that it had when it was found last.
    known: Option<ServiceId>,
    /// How often in a row it had changed when it was to be changed.
    conflicts: u32,
}

/// What one round of the loop brought.
#[derive(Debug, Default)]
pub struct Round {
    /// A decision for each service that was found, and what came of it.
    pub decisions: Vec<Decided>,
    /// What went wrong, in words, one for each service or for all of them.
    pub troubles: Vec<String>,
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
    ) -> Result<Self, QueryError> {
        let managed: Result<Vec<_>, _> = services.iter().map(Managed::new).collect();
        Ok(Self {
            orchestrator,
            control,
            mode: Mode::Act,
            managed: managed?,
        })
    }

    /// The orchestrator.
    pub const fn orchestrator(&self) -> &O {
        &self.orchestrator
    }

    /// The orchestrator, to be driven by who simulates it.
    pub const fn orchestrator_mut(&mut self) -> &mut O {
        &mut self.orchestrator
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
    pub fn manage(&mut self, service: &Configured) -> Result<(), QueryError> {
        self.managed.push(Managed::new(service)?);
        Ok(())
    }

    /// What may be done at most.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Does more or less for one service, or at most this for all; `false` if it is not under
    /// control.
    pub fn set_mode(&mut self, service: Option<&str>, mode: Mode) -> bool {
        let Some(name) = service else {
            self.mode = mode;
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
    ) -> Result<(), QueryError> {
        let managed: Result<Vec<_>, _> = services.iter().map(Managed::new).collect();
        let mut managed = managed?;
        for new in &mut managed {
            let old = self.managed.iter_mut().find(|old| old.name == new.name);
            if let Some(old) = old {
                new.policy = old.policy.with(new.policy.settings().clone());
                new.state = old.state.take();
                new.known = old.known.take();
                new.last = old.last.take();
            }
        }
        self.managed = managed;
        self.control = control;
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
        let is_on = |managed: &&Managed| managed.mode.least(self.mode) != Mode::Off;
        let on = self.managed.iter().filter(is_on);
        let names: Vec<String> = on.map(|managed| managed.name.clone()).collect();
        let found = self.orchestrator.services(&names).await;
        round.stages.read = clock.elapsed();
        let found = match found {
            Ok(found) => found,
            Err(trouble) => {
                round.troubles.push(trouble.to_string());
                return round;
            }
        };
        round.reached = true;
        self.find(found);

        let clock = Instant::now();
        let signals = self.observe(now, telemetry);
        round.stages.observe = clock.elapsed();

        let clock = Instant::now();
        let decisions = self.decide(now, signals, &mut round);
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
    fn find(&mut self, found: Vec<Service>) {
        let mut found: HashMap<String, Service> = found
            .into_iter()
            .map(|service| (service.name.clone(), service))
            .collect();
        for managed in &mut self.managed {
            managed.is_now(found.remove(&managed.name));
        }
    }

    fn observe(&self, now: Timestamp, telemetry: &Shared<Telemetry>) -> Vec<Vec<Signal>> {
        let mut telemetry = telemetry.lock();
        let look = telemetry.look(now, self.managed.iter().map(|managed| &managed.question));
        let signals = self.managed.iter().map(|managed| match &managed.state {
            Some(service) => look.signals(&managed.question, service),
            None => Vec::new(),
        });
        let mut signals: Vec<Vec<Signal>> = signals.collect();
        drop(look);
        let names: HashSet<&str> = self
            .managed
            .iter()
            .filter(|managed| managed.policy.settings().fast)
            .map(|managed| managed.name.as_str())
            .collect();
        if names.is_empty() {
            return signals;
        }
        telemetry.sample(now, |service| names.contains(service));
        for (managed, signals) in self.managed.iter().zip(&mut signals) {
            if let Some(service) = &managed.state
                && managed.policy.settings().fast
            {
                add_fast(now, service, signals, &mut telemetry);
            }
        }
        signals
    }

    /// A decision for each service that there is, by its place.
    fn decide(
        &mut self,
        now: Timestamp,
        signals: Vec<Vec<Signal>>,
        round: &mut Round,
    ) -> Vec<(usize, Decision)> {
        let ceilings = self.ceilings();
        let mut decisions = Vec::new();
        let managed = self.managed.iter_mut().zip(signals).zip(ceilings);
        for (place, ((managed, signals), ceiling)) in managed.enumerate() {
            let mode = managed.mode.least(self.mode);
            if mode == Mode::Off {
                continue;
            }
            match &managed.state {
                Some(service) => {
                    let observation = observation(service, signals, ceiling);
                    let mut decision = managed.policy.step(now, &observation);
                    decision.mode = mode;
                    decisions.push((place, decision));
                }
                None => {
                    let trouble = format!("service {} does not exist", managed.name);
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
                        Ok(found) => managed.is_now(found.into_iter().next()),
                        Err(trouble) => break failed(managed, &trouble, round),
                    }
                    let Some(service) = &managed.state else {
                        break Outcome::Kept;
                    };
                    let mut telemetry = telemetry.lock();
                    let look = telemetry.look(now, [&managed.question]);
                    let mut signals = look.signals(&managed.question, service);
                    drop(look);
                    if managed.policy.settings().fast {
                        add_fast(now, service, &mut signals, &mut telemetry);
                    }
                    let observation = observation(service, signals, None);
                    let mode = decision.mode;
                    decision = managed.policy.step(now, &observation);
                    decision.mode = mode;
                }
                Err(trouble) => break failed(managed, &trouble, round),
            }
        };
        let decision = Arc::new(decision);
        managed.last = Some(Arc::clone(&decision));
        round.decisions.push(Decided { decision, outcome });
    }

    /// Each service's share of the budget, from what each wished for last.
    fn ceilings(&self) -> Vec<Option<u32>> {
        let Some(budget) = self.control.budget else {
            return vec![None; self.managed.len()];
        };
        let claims: Vec<Claim> = self.managed.iter().map(Managed::claim).collect();
        shares(budget, &claims).into_iter().map(Some).collect()
    }
}

/// Adds what packet samples say to what counters said. These correct them where most of the
/// containers have told.
fn add_fast(now: Timestamp, service: &Service, signals: &mut [Signal], telemetry: &mut Telemetry) {
    let running = service.running();
    if running == 0 {
        return;
    }
    for signal in signals {
        let is_most = 2 * signal.contributing > running;
        let counters = signal.value.filter(|_| is_most);
        let counters = counters.map(|mean| mean * f64::from(running));
        let sampled = telemetry.sampled(now, &service.name, &signal.metric, counters);
        signal.fast = sampled.map(|sampled| Fast {
            value: sampled.value / f64::from(running),
            error: sampled.error,
            samples: sampled.samples,
            correction: sampled.correction,
        });
    }
}

fn failed(managed: &Managed, trouble: &OrchestratorError, round: &mut Round) -> Outcome {
    round.troubles.push(format!("{}: {trouble}", managed.name));
    Outcome::Failed {
        why: trouble.to_string(),
    }
}

/// A moment that is not the same for two balancers that got into each other's way.
fn jitter(attempt: u32) -> Duration {
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    Duration::from_millis(50 * u64::from(attempt) + chance / 4)
}

impl Managed {
    fn new(service: &Configured) -> Result<Self, QueryError> {
        let question = Question::new(&service.settings.rule.metrics())?;
        Ok(Self {
            name: service.name.clone(),
            priority: service.priority,
            mode: service.settings.mode,
            policy: Policy::new(service.settings.clone()),
            question,
            state: None,
            last: None,
            known: None,
            conflicts: 0,
        })
    }

    /// Takes note of how the service is now. What was remembered of another under the same name
    /// is not of this one.
    fn is_now(&mut self, state: Option<Service>) {
        if let Some(found) = &state
            && self.known.as_ref() != Some(&found.id)
        {
            if self.known.is_some() {
                self.policy = Policy::new(self.policy.settings().clone());
                self.last = None;
                self.conflicts = 0;
            }
            self.known = Some(found.id.clone());
        }
        self.state = state;
    }

    fn claim(&self) -> Claim {
        let settings = self.policy.settings();
        let replicas = match self.state.as_ref().map(|service| service.scaling) {
            Some(Scaling::Replicated { replicas }) => replicas,
            _ => 0,
        };
        // One more than it has, so that a service can begin to grow before it has said so.
        let wish = self
            .last
            .as_ref()
            .and_then(|decision| decision.wish)
            .unwrap_or(replicas);
        let wish = wish
            .max(replicas.saturating_add(1))
            .clamp(settings.min, settings.max);
        Claim {
            priority: self.priority,
            min: settings.min,
            replicas,
            wish,
        }
    }
}

/// What the policy is shown of a service.
fn observation(service: &Service, signals: Vec<Signal>, ceiling: Option<u32>) -> Observation {
    let (replicas, obstacle) = match service.scaling {
        Scaling::Replicated { replicas } => (replicas, None),
        Scaling::Global => (service.running(), Some("global")),
        Scaling::Job => (service.running(), Some("job")),
    };
    let obstacle = obstacle
        .map(|what| Obstacle::NotScalable {
            what: what.to_owned(),
        })
        .or(match service.rollout {
            Rollout::Settled => None,
            Rollout::Running => Some(Obstacle::RolloutRunning),
            Rollout::Paused => Some(Obstacle::RolloutPaused),
        });
    let in_state = |state: TaskState| service.tasks.iter().filter(move |task| task.state == state);
    let running: Vec<Duration> = in_state(TaskState::Running).map(|task| task.age).collect();
    let late: Vec<_> = service
        .tasks
        .iter()
        .filter(|task| task.state != TaskState::Running && task.age >= START_TIME)
        .collect();
    Observation {
        service: service.name.clone(),
        replicas,
        running,
        pending: u32::try_from(late.len()).unwrap_or(u32::MAX),
        pending_error: late.iter().find_map(|task| task.error.clone()),
        obstacle,
        signals,
        ceiling,
    }
}

/// A task that takes longer than this to start is taken for one that does not start.
const START_TIME: Duration = Duration::from_secs(15);
