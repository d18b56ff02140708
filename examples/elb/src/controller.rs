//! The control loop: observe, decide, act. It returns when it wants to be called again and
//! never sleeps.

use std::time::Duration;

use sflow_metrics::{QueryError, Timestamp};

use crate::config::{Control, Service as Configured};
use crate::orchestrator::{Orchestrator, OrchestratorError, Rollout, Scaling, Service, TaskState};
use crate::policy::{Claim, Decision, Mode, Observation, Obstacle, Policy, shares};
use crate::telemetry::{Question, Telemetry};

/// How often one decision is made anew when the service changes meanwhile.
const TRIES: usize = 5;

/// Balances services through an orchestrator.
#[derive(Debug)]
pub struct Controller<O> {
    orchestrator: O,
    control: Control,
    managed: Vec<Managed>,
}

/// One service under control.
#[derive(Debug)]
pub struct Managed {
    /// What is configured for it.
    pub name: String,
    /// Larger is served first when the budget is short.
    pub priority: i32,
    /// Its policy.
    pub policy: Policy,
    /// What is asked of the telemetry.
    pub question: Question,
    /// As it was found last; `None` if the orchestrator does not know it.
    pub state: Option<Service>,
    /// What was decided last.
    pub last: Option<Decision>,
}

/// What one round of the loop brought.
#[derive(Debug, Default)]
pub struct Round {
    /// A decision for each service that was found.
    pub decisions: Vec<Decision>,
    /// What went wrong, in words, one for each service or for all of them.
    pub troubles: Vec<String>,
    /// When the loop wants to be called again.
    pub again: Timestamp,
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

    /// Time between rounds.
    pub const fn interval(&self) -> Duration {
        self.control.interval
    }

    /// One round: reads every service, decides, and carries out what is to be carried out.
    pub async fn round(&mut self, now: Timestamp, telemetry: &Telemetry) -> Round {
        let mut round = Round {
            again: now + self.control.interval,
            ..Round::default()
        };
        let names: Vec<String> = self
            .managed
            .iter()
            .filter(|managed| managed.policy.settings().mode != Mode::Off)
            .map(|managed| managed.name.clone())
            .collect();
        let found = match self.orchestrator.services(&names).await {
            Ok(found) => found,
            Err(trouble) => {
                round.troubles.push(trouble.to_string());
                return round;
            }
        };
        for managed in &mut self.managed {
            managed.state = found
                .iter()
                .find(|service| service.name == managed.name)
                .cloned();
        }
        let ceilings = self.ceilings();
        for (managed, ceiling) in self.managed.iter_mut().zip(ceilings) {
            if managed.policy.settings().mode == Mode::Off {
                continue;
            }
            if managed.state.is_none() {
                round
                    .troubles
                    .push(format!("service {} does not exist", managed.name));
                continue;
            }
            match managed
                .balance(&mut self.orchestrator, now, telemetry, ceiling)
                .await
            {
                Ok(decision) => round.decisions.push(decision),
                Err(trouble) => {
                    round.troubles.push(format!("{}: {trouble}", managed.name));
                    round.decisions.extend(managed.last.clone());
                }
            }
        }
        round
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

impl Managed {
    fn new(service: &Configured) -> Result<Self, QueryError> {
        let question = Question::new(&service.name, &service.settings.rule.metrics())?;
        Ok(Self {
            name: service.name.clone(),
            priority: service.priority,
            policy: Policy::new(service.settings.clone()),
            question,
            state: None,
            last: None,
        })
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

    /// Decides and acts; when the service has changed meanwhile, reads and decides again.
    async fn balance<O: Orchestrator>(
        &mut self,
        orchestrator: &mut O,
        now: Timestamp,
        telemetry: &Telemetry,
        ceiling: Option<u32>,
    ) -> Result<Decision, OrchestratorError> {
        for _ in 0..TRIES {
            let Some(service) = self.state.clone() else {
                break;
            };
            let signals = telemetry.observe(now, &self.question);
            let decision = self
                .policy
                .step(now, &observation(&service, signals, ceiling));
            self.last = Some(decision.clone());
            if !decision.is_change() {
                return Ok(decision);
            }
            if decision.mode != Mode::Act {
                return Ok(decision);
            }
            match orchestrator.scale(&service, decision.result).await {
                Ok(()) => {
                    self.policy.changed(now, decision.replicas, decision.result);
                    return Ok(decision);
                }
                Err(OrchestratorError::Conflict) => {
                    let name = [self.name.clone()];
                    self.state = orchestrator.services(&name).await?.into_iter().next();
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Err(OrchestratorError::Conflict)
    }
}

/// What the policy is shown of a service.
fn observation(
    service: &Service,
    signals: Vec<crate::policy::Signal>,
    ceiling: Option<u32>,
) -> Observation {
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
