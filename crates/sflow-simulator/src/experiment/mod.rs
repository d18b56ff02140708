//! Runs an autoscaler on a simulated cluster, in virtual time.
//!
//! An [`Experiment`] is a [`Scenario`] and a policy for each of its services. It runs the controller,
//! the telemetry and the node pools of [`sflow_autoscale`] on the datagrams of the simulated agents, and
//! records what they do, what they measure, and what is true. [`SimulatedCluster`] is the cluster for
//! control loops of your own; [`RecordedCluster`] stands for the cluster of a capture.

mod cluster;
mod policies;
mod recording;
mod scenario;
mod trace;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sflow_autoscale::controller::{ControlSettings, Controller, ManagedService, ServiceSettings};
use sflow_autoscale::format::counted;
use sflow_autoscale::leader::Alone;
use sflow_autoscale::node_pools::{NodePools, PoolEvent, PoolSettings, PoolStatus};
use sflow_autoscale::observe::Telemetry;
use sflow_autoscale::policy::{Decision, Mode, Signal, SubjectKind};
use sflow_metrics::Timestamp;

pub(crate) use policies::pace;

pub use cluster::{Arrival, NodeAddress, SimulatedCluster};
pub use policies::{kubernetes, two_thresholds};
pub use recording::RecordedCluster;
pub use scenario::{MachineSpec, Scenario, ServiceBounds};
pub use trace::{Moment, Score, Settling, Trace};

use crate::error::Error;
use crate::simulation::Truth;

/// A scenario, and a policy for each of its services.
///
/// ```
/// use sflow_autoscale::policy::Mode;
/// use sflow_simulator::experiment::{Experiment, Scenario, two_thresholds};
///
/// let scenario = Scenario::named("article")?;
/// let services = scenario.services(&two_thresholds());
/// let mut experiment = Experiment::new(scenario, services);
/// let outcome = experiment.run(1)?;
/// let sizes: Vec<u32> = outcome.changes.iter().map(|change| change.replicas).collect();
/// assert_eq!(sizes, [2, 3, 4, 5, 6, 7, 8, 7, 6, 5, 4, 3, 2, 1]);
///
/// // The same load without changes.
/// experiment.control.mode = Mode::Advise;
/// assert!(experiment.run(1)?.changes.is_empty());
/// # Ok::<(), sflow_simulator::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Experiment {
    /// The cluster and its load.
    pub scenario: Scenario,
    /// The policies.
    pub services: Vec<ServiceSettings>,
    /// Decision interval, mode and budget. Default: every 2 s, mode `act`, the scenario's budget.
    pub control: ControlSettings,
    /// Time of the first decision after the start. Default: one decision interval. It is rounded up to
    /// a multiple of [`SAMPLING`](Self::SAMPLING), as are all decisions.
    pub first_round: Duration,
}

/// Result of an experiment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// Changes of replicas that were carried out, in order.
    pub changes: Vec<Change>,
    /// Each service, in the order of the scenario.
    pub services: Vec<ServiceOutcome>,
    /// The node pool, if the scenario has machines.
    pub pool: Option<PoolOutcome>,
    /// Datagrams received.
    pub datagrams: u64,
}

/// A change of replicas.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Time of the change.
    pub at: Timestamp,
    /// Name of the service.
    pub service: String,
    /// New number of replicas.
    pub replicas: u32,
    /// Reasons of the decision, the last step first.
    pub reasons: Vec<String>,
}

/// Result of a service.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServiceOutcome {
    /// Name of the service.
    pub name: String,
    /// What the control loop measured and desired, for each decision.
    pub past: Vec<Point>,
    /// The real state over time.
    pub trace: Trace,
    /// The real state at the end.
    pub truth: Truth,
}

/// Result of the node pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolOutcome {
    /// Settings of the pool.
    pub pool: PoolSettings,
    /// What the control loop measured and desired, for each decision.
    pub past: Vec<Point>,
    /// Events in order.
    pub events: Vec<PoolEvent>,
    /// Status after the last decision.
    pub status: PoolStatus,
    /// Number of active machines integrated over time: the cost.
    pub machine_seconds: f64,
}

/// The values of one decision.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Point {
    /// Time since the start.
    pub at: Duration,
    /// Mean of the first metric per container or machine, as measured; `None` if unknown.
    pub load: Option<f64>,
    /// Lowest measured value of a container or machine.
    pub least: Option<f64>,
    /// Highest measured value of a container or machine.
    pub most: Option<f64>,
    /// Desired number after the decision.
    pub desired: u32,
    /// Number running before the decision.
    pub running: u32,
}

impl Experiment {
    /// Start of the simulated time: 2016-09-24 00:57:10 UTC. Results do not depend on it.
    pub const START: Timestamp = Timestamp::from_secs(1_474_678_630);
    /// Interval in which the real state is sampled.
    pub const SAMPLING: Duration = Duration::from_millis(500);

    /// An experiment with these policies; [`Scenario::services`] makes them from one.
    pub fn new(scenario: Scenario, services: Vec<ServiceSettings>) -> Self {
        let interval = Duration::from_secs(2);
        Self {
            control: ControlSettings {
                interval,
                mode: Mode::Act,
                is_mode_set: true,
                budget: scenario.budget,
                changes_per_minute: None,
            },
            first_round: interval,
            scenario,
            services,
        }
    }

    /// Runs the experiment. The same seed gives the same result.
    ///
    /// # Errors
    ///
    /// If the cluster is invalid, or a policy uses an unknown metric.
    pub fn run(&self, seed: u64) -> Result<Outcome, Error> {
        let mut cluster = SimulatedCluster::new(&self.scenario, seed, Self::START)?;
        let mut telemetry = Telemetry::default().with_services(crate::service_of);
        let mut controller = Controller::new(cluster.clone(), self.control, &self.services)?;
        let pool = self.scenario.pool();
        let mut pools = NodePools::new("simulated".to_owned(), pool.as_slice(), cluster.clone())?;
        let mut outcome = Outcome::new(&self.scenario);
        let end = Self::START + self.scenario.duration;
        let mut due = Self::START + self.first_round;
        let mut now = Self::START;
        while now < end {
            now = now + Self::SAMPLING;
            for arrival in cluster.advance(now) {
                telemetry.receive(arrival.at, arrival.source, &arrival.bytes);
            }
            if now >= due {
                telemetry.expire(now);
                let round = ready(controller.round(now, &Alone, &mut telemetry, || Duration::ZERO));
                for decided in &round.decisions {
                    outcome.record(&decided.decision, controller.managed());
                }
                let (mode, managed) = (controller.mode(), controller.managed());
                let pools_round =
                    pools.round(now, (mode, &Alone), &mut cluster, managed, &mut telemetry);
                if ready(pools_round).is_some()
                    && let Some(reconciler) = pools.reconcilers().first()
                {
                    let status = PoolStatus::new(now, reconciler, mode);
                    outcome.record_pool(now, status, reconciler.pool(), reconciler.events());
                }
                if let Some(pool) = &mut outcome.pool {
                    let serving = f64::from(pool.status.serving);
                    pool.machine_seconds += serving * self.control.interval.as_secs_f64();
                }
                due = round.again;
            }
            for service in &mut outcome.services {
                service.truth = cluster.truth(&service.name).unwrap_or_default();
                service.trace.moments.push(Moment::of(&service.truth));
            }
        }
        outcome.datagrams = telemetry.ingest_stats().datagrams;
        Ok(outcome)
    }
}

/// The output of a future that never waits: the simulated cluster answers at once.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

impl Outcome {
    fn new(scenario: &Scenario) -> Self {
        let services = scenario.cluster.services.iter();
        let services = services.map(|service| ServiceOutcome {
            name: service.name.clone(),
            past: Vec::new(),
            trace: Trace {
                every: Experiment::SAMPLING,
                moments: Vec::new(),
            },
            truth: Truth::default(),
        });
        Self {
            changes: Vec::new(),
            services: services.collect(),
            pool: None,
            datagrams: 0,
        }
    }

    /// Cost, overload and final size: one line for each service, then one for the machines. `run` is
    /// the name of the run in each line.
    ///
    /// ```
    /// use sflow_simulator::experiment::{Experiment, Scenario, two_thresholds};
    ///
    /// let scenario = Scenario::named("article")?;
    /// let services = scenario.services(&two_thresholds());
    /// let outcome = Experiment::new(scenario, services).run(1)?;
    /// let summary = outcome.summary("with two thresholds");
    /// assert!(summary[0].starts_with("apache with two thresholds: "));
    /// assert!(summary[0].ends_with(" task seconds with too little CPU, 1 replica at the end"));
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    pub fn summary(&self, run: &str) -> Vec<String> {
        let services = self.services.iter().map(|service| {
            format!(
                "{} {run}: {:.0} replica seconds, {:.0} task seconds with too little CPU, {} at the end",
                service.name,
                service.trace.replica_seconds(),
                service.truth.overload_seconds,
                counted(service.truth.replicas as usize, "replica"),
            )
        });
        let machines = self.pool.iter().map(|pool| {
            let (cost, active) = (pool.machine_seconds, pool.status.serving);
            format!("machines {run}: {cost:.0} machine seconds, {active} active at the end")
        });
        services.chain(machines).collect()
    }

    fn record(&mut self, decision: &Decision, managed: &[ManagedService]) {
        let name = &decision.subject.name;
        let is_done = decision.mode == Mode::Act;
        if is_done && decision.is_change() && decision.subject.kind == SubjectKind::Service {
            self.changes.push(Change {
                at: decision.time,
                service: name.clone(),
                replicas: decision.result,
                reasons: decision.reasons(),
            });
        }
        let desired = match is_done {
            true => decision.result,
            false => decision.replicas,
        };
        let state = managed.iter().find(|managed| managed.name == *name);
        let state = state.and_then(|managed| managed.state.as_ref());
        let running = state.map_or(0, |state| state.running());
        let mut services = self.services.iter_mut();
        if let Some(service) = services.find(|service| service.name == *name) {
            let point = Point::new(decision.time, &decision.inputs, desired, running);
            service.past.push(point);
        }
    }

    fn record_pool<'e>(
        &mut self,
        now: Timestamp,
        status: PoolStatus,
        settings: &PoolSettings,
        events: impl IntoIterator<Item = &'e PoolEvent>,
    ) {
        let pool = self.pool.get_or_insert_with(|| PoolOutcome {
            pool: settings.clone(),
            past: Vec::new(),
            events: Vec::new(),
            status: status.clone(),
            machine_seconds: 0.0,
        });
        let inputs = status.last.as_ref().map(|decision| &decision.inputs[..]);
        let (desired, running) = (status.desired(), status.serving);
        let point = Point::new(now, inputs.unwrap_or_default(), desired, running);
        pool.past.push(point);
        let last = pool.events.last().map_or(0, |event| event.id);
        let new = events.into_iter().filter(|event| event.id > last);
        pool.events.extend(new.cloned());
        pool.status = status;
    }
}

impl Point {
    fn new(at: Timestamp, inputs: &[Signal], desired: u32, running: u32) -> Self {
        let first = inputs.first();
        Self {
            at: at - Experiment::START,
            load: first.and_then(|input| input.value),
            least: first.and_then(|input| input.least),
            most: first.and_then(|input| input.most),
            desired,
            running,
        }
    }
}
