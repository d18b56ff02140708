//! Scales a simulated service by its CPU usage, as sFlow reports it.

use std::error::Error;
use std::time::Duration;

use sflow_metrics::{Registry, query::Query};
use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, Workload};

fn main() -> Result<(), Box<dyn Error>> {
    let mut cluster = ClusterSpec::with_hosts(3);
    let workload = Workload::Step {
        before: 200.0,
        after: 1_800.0,
        at: Duration::from_secs(60),
    };
    cluster.services.push(ServiceSpec::new("web", workload));

    let mut simulation = Simulation::new(&cluster, 1)?;
    let mut registry = Registry::default();
    let query: Query = "sum:vir_cpu_cores{container=web.*}".parse()?;
    for now in (1..=18).map(|tick| Duration::from_secs(10 * tick)) {
        simulation.advance(now, |delivery| {
            let _ = registry.ingest_bytes(delivery.at.into(), delivery.source, delivery.bytes);
        });
        // One replica for each half core.
        if let Some(cores) = registry.query(now.into(), &query)[0].value {
            simulation.scale("web", (cores / 0.5).ceil().max(1.0) as u32)?;
            let truth = simulation.truth("web").ok_or("no such service")?;
            println!(
                "{:>3} s: {:.2} cores measured, replicas: {}",
                now.as_secs(),
                cores,
                truth.replicas
            );
        }
    }
    Ok(())
}
