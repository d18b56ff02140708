//! A policy against a load, in virtual time: as fast as the machine computes, and the same
//! every time.

use std::net::SocketAddr;

use sflow_metrics::Timestamp;

use crate::balancer::Balancer;
use crate::config::{Config, ControlSettings, Pool, ServiceSettings};
use crate::policy::{Mode, SubjectKind};
use crate::simulator::{Scenario, Simulation, Truth};
use crate::view::Point;
use sflow_autoscale::node_pools::PoolEvent;
use sflow_autoscale::node_pools::PoolStatus;

/// The port that simulated agents send from.
const AGENT_PORT: u16 = 6343;

/// What happened.
#[derive(Debug)]
pub struct Outcome {
    /// Every change of replicas that was carried out, in order.
    pub changes: Vec<Change>,
    /// For each service, in the order of the scenario, its past and how it ended.
    pub services: Vec<ServiceOutcome>,
    /// The pool of machines, if there is one.
    pub pool: Option<PoolOutcome>,
    /// Datagrams that the telemetry received.
    pub datagrams: u64,
}

/// The pool of machines.
#[derive(Clone, Debug)]
pub struct PoolOutcome {
    /// How it was kept.
    pub pool: Pool,
    /// Load per machine and machines over time, as telemetry saw them.
    pub past: Vec<Point>,
    /// What happened, in order.
    pub events: Vec<PoolEvent>,
    /// How it stood at the end.
    pub standing: PoolStatus,
    /// Machines that took tasks, times how long: what it cost.
    pub machine_seconds: f64,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Of which service.
    pub service: String,
    /// To how many replicas.
    pub replicas: u32,
    /// Why.
    pub reasons: Vec<String>,
}

/// One service.
#[derive(Clone, Debug)]
pub struct ServiceOutcome {
    /// Its name.
    pub name: String,
    /// Load per container and replicas over time, as telemetry saw them.
    pub past: Vec<Point>,
    /// How it really was at the end.
    pub truth: Truth,
    /// Replicas wanted, times how long: what it cost.
    pub replica_seconds: f64,
}

/// Runs a scenario from beginning to end.
///
/// # Errors
///
/// If the scenario contradicts itself, or a service is to be balanced by an unknown metric.
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
            let board = balancer.board().lock();
            let last = events.last().map_or(0, |event| event.id);
            let new = board.events_of_pool(&pool.name);
            events.extend(new.filter(|event| event.id > last).cloned());
            let serving = board.pool(&pool.name).map_or(0, |pool| pool.serving);
            machine_seconds += f64::from(serving) * control.interval.as_secs_f64();
        }
        tick = round.again;
    }
    let pool = pool.and_then(|pool| {
        let board = balancer.board().lock();
        Some(PoolOutcome {
            past: board.past_of_pool(&pool.name),
            standing: board.pool(&pool.name)?.clone(),
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
            past: balancer.past(&service.name),
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

/// The machines of a scenario, kept as it says.
///
/// # Errors
///
/// If that contradicts itself.
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

/// Lets time pass, and hands what arrives to the telemetry: real bytes, to the real decoder.
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
