//! Runs a policy under a simulated workload in virtual time. The result is reproducible.

use std::net::SocketAddr;

use sflow_metrics::Timestamp;

use crate::balancer::Balancer;
use crate::config::{Config, ControlSettings, Pool, ServiceSettings};
use crate::policy::{Mode, Subject, SubjectKind};
use crate::simulator::{Scenario, Simulation, Truth};
use crate::view::Point;
use sflow_autoscale::node_pools::PoolEvent;
use sflow_autoscale::node_pools::PoolStatus;

/// UDP port of simulated agents.
const AGENT_PORT: u16 = 6343;

/// Result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Changes of replicas that were applied, in order.
    pub changes: Vec<Change>,
    /// History and final state of each service, in the order of the scenario.
    pub services: Vec<ServiceOutcome>,
    /// The node pool, if there is one.
    pub pool: Option<PoolOutcome>,
    /// Datagrams received by the telemetry.
    pub datagrams: u64,
}

/// Result of the node pool.
#[derive(Clone, Debug)]
pub struct PoolOutcome {
    /// Settings of the pool.
    pub pool: Pool,
    /// Load per machine and number of machines over time, according to the telemetry.
    pub past: Vec<Point>,
    /// Events in order.
    pub events: Vec<PoolEvent>,
    /// Final status.
    pub status: PoolStatus,
    /// Number of active machines integrated over time: the cost.
    pub machine_seconds: f64,
}

/// A change of replicas.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Time of the change.
    pub at: Timestamp,
    /// Name of the service.
    pub service: String,
    /// New number of replicas.
    pub replicas: u32,
    /// Reasons.
    pub reasons: Vec<String>,
}

/// Result of a service.
#[derive(Clone, Debug)]
pub struct ServiceOutcome {
    /// Name of the service.
    pub name: String,
    /// Load per container and replicas over time, according to the telemetry.
    pub past: Vec<Point>,
    /// Final real state.
    pub truth: Truth,
    /// Desired replicas integrated over time: the cost.
    pub replica_seconds: f64,
}

/// Runs a scenario.
///
/// # Errors
///
/// If the scenario is invalid, or a rule uses an unknown metric.
pub async fn run(
    scenario: &Scenario,
    seed: u64,
    start: Timestamp,
    control: ControlSettings,
    services: &[ServiceSettings],
) -> anyhow::Result<Outcome> {
    let simulation = Simulation::new(scenario, seed, start)?;
    let provisioner = simulation.provisioner();
    let mut balancer = Balancer::new(start, simulation, control, services)?;
    let mode = services.first().map(|service| service.settings.mode);
    let pool = pool(scenario, mode.unwrap_or_default())?;
    if let (Some(pool), Some(provisioner)) = (&pool, provisioner) {
        balancer.keep("trial".to_owned(), std::slice::from_ref(pool))?;
        if let Some(pools) = balancer.pools_mut() {
            pools.provide(Box::new(provisioner));
        }
    }
    let mut events: Vec<PoolEvent> = Vec::new();
    let mut machine_seconds = 0.0;
    let end = start + scenario.duration;
    let mut tick = start + control.interval;
    let mut changes = Vec::new();
    let mut replica_seconds = vec![0.0; scenario.cluster.services.len()];
    while tick <= end {
        deliver(&mut balancer, tick);
        let round = balancer.round(tick).await;
        for decision in round
            .decisions
            .iter()
            .map(|decided| &decided.decision)
            .filter(|decision| {
                decision.is_change() && decision.subject.kind == SubjectKind::Service
            })
        {
            let change = Change {
                at: decision.time,
                service: decision.subject.name.clone(),
                replicas: decision.result,
                reasons: decision.reasons(),
            };
            if decision.mode == Mode::Act {
                changes.push(change);
            }
        }
        for (sum, service) in replica_seconds.iter_mut().zip(&scenario.cluster.services) {
            let truth = balancer
                .orchestrator_mut()
                .truth(&service.name)
                .unwrap_or_default();
            *sum += f64::from(truth.replicas) * control.interval.as_secs_f64();
        }
        if let Some(pool) = &pool {
            let status = balancer.status().lock();
            let last = events.last().map_or(0, |event| event.id);
            let new = status.events_of_pool(&pool.name);
            events.extend(new.filter(|event| event.id > last).cloned());
            let serving = status.pool(&pool.name).map_or(0, |pool| pool.serving);
            machine_seconds += f64::from(serving) * control.interval.as_secs_f64();
        }
        tick = round.again;
    }
    let pool = pool.and_then(|pool| {
        let status = balancer.status().lock();
        Some(PoolOutcome {
            past: status.points(&Subject::pool(&pool.name)),
            status: status.pool(&pool.name)?.clone(),
            pool,
            events,
            machine_seconds,
        })
    });
    let outcomes = scenario
        .cluster
        .services
        .iter()
        .zip(replica_seconds)
        .map(|(service, sum)| ServiceOutcome {
            name: service.name.clone(),
            past: balancer.service_history(&service.name),
            truth: balancer
                .controller()
                .orchestrator()
                .truth(&service.name)
                .unwrap_or_default(),
            replica_seconds: sum,
        });
    let services = outcomes.collect();
    Ok(Outcome {
        changes,
        services,
        pool,
        datagrams: balancer.telemetry().lock().ingest_stats().datagrams,
    })
}

/// The node pool of a scenario.
///
/// # Errors
///
/// If its settings are invalid.
pub fn pool(scenario: &Scenario, mode: Mode) -> anyhow::Result<Option<Pool>> {
    let Some(machines) = &scenario.machines else {
        return Ok(None);
    };
    let (least, most) = machines.bounds;
    let config = Config::from_toml(&format!(
        "[[pool]]\nname = \"machines\"\n\
         policy = {{ mode = \"{mode}\", min = {least}, max = {most}, \
         metric = [{{ name = \"cpu_utilization\", target = {target:.1} }}], \
         up = {{ stabilise = \"30s\" }}, down = {{ stabilise = \"300s\" }} }}\n\
         join = \"5m\"\ndrain = \"3m\"\nleave = \"3m\"\n\
         poor = {{ replace = {replace}, after = \"120s\", clear = \"120s\" }}\n\
         hook = {{ program = \"/simulated\" }}\n",
        mode = mode.name(),
        target = machines.target,
        replace = machines.replace,
    ))?;
    Ok(config.pools.into_iter().next())
}

/// Advances the simulation and passes received datagrams to the telemetry.
pub(crate) fn deliver(balancer: &mut Balancer<Simulation>, to: Timestamp) {
    let mut arrived = Vec::new();
    balancer.orchestrator_mut().advance(to, |delivery| {
        let source = SocketAddr::new(delivery.source, AGENT_PORT);
        arrived.push((delivery.at, source, delivery.bytes.to_vec()));
    });
    for (at, source, bytes) in arrived {
        balancer.receive(at, source, &bytes);
    }
}
