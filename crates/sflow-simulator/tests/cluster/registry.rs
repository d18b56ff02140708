//! A registry of `sflow-metrics` that receives the datagrams, compared with the real state.

use std::time::Duration;

use sflow_metrics::query::Query;
use sflow_metrics::{Health, Registry, Timestamp};
use sflow_simulator::{ClusterSpec, Event, Network, Simulation};

use crate::{constant, s};

/// Mean CPU and traffic of the containers of `web` over the last minute, as cores and bytes per
/// second. Truncated datagrams of foreign traffic can contain complete samples of containers.
fn query() -> Query {
    "sum:vir_cpu_cores,sum:vir_bytes_in+vir_bytes_out{container=web.*,sender!=192.0.2.66}[60s]"
        .parse()
        .unwrap()
}

fn measured(registry: &Registry, now: Duration) -> [f64; 2] {
    let answers = registry.query(now.into(), &query());
    [0, 1].map(|position| answers[position].value.unwrap())
}

fn run(cluster: &ClusterSpec, until: Duration) -> (Simulation, Registry) {
    let mut simulation = Simulation::new(cluster, 1).unwrap();
    let mut registry = Registry::default();
    registry.watch(&query());
    simulation.advance(until, |delivery| {
        let at = Timestamp::from(delivery.at);
        // Foreign traffic is an error, and counted.
        let _ = registry.ingest_bytes(at, delivery.source, delivery.bytes);
    });
    (simulation, registry)
}

#[test]
fn cpu_and_traffic_agree_with_the_real_state() {
    let faults = |loss, duplication, reordering| Network {
        loss,
        duplication,
        reordering,
        delay: Duration::from_millis(1_500),
    };
    for (name, network) in [
        ("no faults", Network::default()),
        ("loss", faults(0.2, 0.0, 0.0)),
        ("duplication", faults(0.0, 0.3, 0.0)),
        ("reordering", faults(0.0, 0.0, 0.3)),
        ("all", faults(0.2, 0.2, 0.2)),
    ] {
        let mut cluster = constant(6, 5_000.0);
        cluster.network = network;
        let (simulation, registry) = run(&cluster, s(180));
        let truth = simulation.truth("web").unwrap();
        let real = [
            truth.cores_per_task.unwrap() * 6.0,
            truth.bytes_per_task.unwrap() * 6.0,
        ];
        for (measured, real) in measured(&registry, s(180)).into_iter().zip(real) {
            let error = (measured / real - 1.0).abs();
            assert!(error < 0.01, "{name}: {measured}, really {real}");
        }
    }
}

#[test]
fn foreign_traffic_and_restarts_do_not_change_what_is_measured() {
    let mut cluster = constant(6, 5_000.0).with_event(
        s(20),
        Event::ForeignTraffic {
            interval: Duration::from_millis(50),
            duration: s(160),
        },
    );
    for (second, host) in [(70, "node1"), (100, "node2"), (130, "node3")] {
        let restart = Event::AgentRestart {
            host: host.to_owned(),
            downtime: s(2),
        };
        cluster = cluster.with_event(s(second), restart);
    }
    let (simulation, registry) = run(&cluster, s(180));
    assert!(simulation.stats().foreign > 3_000);
    let truth = simulation.truth("web").unwrap();
    let [cores, bytes] = measured(&registry, s(180));
    assert!(
        (cores / (truth.cores_per_task.unwrap() * 6.0) - 1.0).abs() < 0.01,
        "{cores}"
    );
    assert!((bytes / truth.offered_bytes - 1.0).abs() < 0.01, "{bytes}");
}

#[test]
fn registry_accepts_all_datagrams_and_samples() {
    let (simulation, registry) = run(&constant(6, 5_000.0), s(180));
    let health = registry.health();
    let mut expected = Health::default();
    expected.datagrams = simulation.stats().datagrams;
    expected.counter_samples = health.counter_samples;
    expected.events = health.events;
    expected.flow_samples = health.flow_samples;
    assert!(health.counter_samples > 200 && health.flow_samples > 1_000);
    assert_eq!(*health, expected);
}
