//! Compares two policies under one workload: a target, and two thresholds.

use std::error::Error;
use std::time::Duration;

use sflow_autoscale::policy::{Rule, Settings};
use sflow_simulator::experiment::{Experiment, Scenario, two_thresholds};
use sflow_simulator::{ClusterSpec, ServiceSpec, Workload};

fn main() -> Result<(), Box<dyn Error>> {
    let step = Workload::Step {
        before: 200.0,
        after: 700.0,
        at: Duration::from_secs(60),
    };
    let mut cluster = ClusterSpec::with_hosts(3);
    cluster.services.push(ServiceSpec::new("web", step));
    cluster.network.loss = 0.01;
    let scenario = Scenario::new("step", Duration::from_secs(600), cluster);

    let bytes = Rule::target("vir_bytes_in+vir_bytes_out", 80_000.0);
    for (name, settings) in [
        ("target", Settings::new(bytes)),
        ("two thresholds", two_thresholds()),
    ] {
        let services = scenario.services(&settings);
        let outcome = Experiment::new(scenario.clone(), services).run(1)?;
        let trace = &outcome.services[0].trace;
        println!(
            "{name:<14} {:>5.1} s overloaded, {:.0} replica-seconds, {} changes",
            trace.overload_seconds(100.0), // requests/s that a replica can serve
            trace.replica_seconds(),
            trace.changes().count(),
        );
    }
    Ok(())
}
