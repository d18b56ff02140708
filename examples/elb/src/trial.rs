//! A policy against a load, in virtual time: as fast as the machine computes, and the same
//! every time.

use std::net::SocketAddr;

use sflow_metrics::Timestamp;

use crate::balancer::Balancer;
use crate::config::{Control, Service};
use crate::simulator::{Scenario, Simulation, Truth};
use crate::view::Point;

/// The port that simulated agents send from.
const AGENT_PORT: u16 = 6343;

/// What happened.
#[derive(Debug)]
pub struct Outcome {
    /// Every change of replicas that was carried out, in order.
    pub changes: Vec<Change>,
    /// For each service, in the order of the scenario, its past and how it ended.
    pub services: Vec<ServiceOutcome>,
    /// Datagrams that the telemetry received.
    pub datagrams: u64,
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
    control: Control,
    services: &[Service],
) -> anyhow::Result<Outcome> {
    let simulation = Simulation::new(scenario, seed, start)?;
    let mut balancer = Balancer::new(start, simulation, control, services)?;
    let end = start + scenario.duration;
    let mut tick = start + control.interval;
    let mut changes = Vec::new();
    let mut replica_seconds = vec![0.0; scenario.services.len()];
    while tick <= end {
        deliver(&mut balancer, tick);
        let round = balancer.round(tick).await;
        for decision in round
            .decisions
            .iter()
            .map(|decided| &decided.decision)
            .filter(|decision| decision.is_change())
        {
            let change = Change {
                at: decision.time,
                service: decision.service.clone(),
                replicas: decision.result,
                reasons: decision.reasons(),
            };
            if decision.mode == crate::policy::Mode::Act {
                changes.push(change);
            }
        }
        for (sum, service) in replica_seconds.iter_mut().zip(&scenario.services) {
            let truth = balancer
                .orchestrator_mut()
                .truth(&service.name)
                .unwrap_or_default();
            *sum += f64::from(truth.wanted) * control.interval.as_secs_f64();
        }
        tick = round.again;
    }
    let outcomes = scenario
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
        datagrams: balancer.telemetry().lock().intake().datagrams,
    })
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
