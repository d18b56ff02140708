//! What a registry makes of datagrams that a bad network delivers, and of a lost host.

use std::error::Error;
use std::time::Duration;

use sflow_metrics::{Registry, query::Query};
use sflow_simulator::{ClusterSpec, Event, Network, ServiceSpec, Simulation, Workload};

fn main() -> Result<(), Box<dyn Error>> {
    let mut service = ServiceSpec::new("web", Workload::Constant(600.0));
    service.replicas = 6;
    let leave = Event::Leave {
        host: "node2".to_owned(),
    };
    let mut cluster = ClusterSpec::with_hosts(3).with_event(Duration::from_secs(60), leave);
    cluster.services.push(service);
    cluster.network = Network {
        loss: 0.05,
        duplication: 0.05,
        reordering: 0.1,
        delay: Duration::from_millis(800),
    };

    let mut simulation = Simulation::new(&cluster, 1)?;
    let mut registry = Registry::default();
    let end = Duration::from_secs(180);
    simulation.advance(end, |delivery| {
        let _ = registry.ingest_bytes(delivery.at.into(), delivery.source, delivery.bytes);
    });
    let query: Query = "sum:vir_bytes_in+vir_bytes_out{container=web.*}".parse()?;
    let measured = registry.query(end.into(), &query)[0].value;
    let real = simulation.truth("web").map(|truth| truth.offered_bytes);
    println!("bytes/s measured: {measured:.0?}, real: {real:.0?}");
    println!("{:?}", simulation.stats());
    println!("lost: {}", registry.health().datagrams_lost);
    Ok(())
}
