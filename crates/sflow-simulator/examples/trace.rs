//! Reports how well a fixed number of replicas serves a recorded workload.
//!
//! `cargo run -p sflow-simulator --example trace -- FILE REPLICAS`: the file has one number per line,
//! for each second the requests per second.

use std::error::Error;
use std::time::Duration;
use std::{env, fs};

use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, Workload};

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: trace FILE REPLICAS";
    let text = fs::read_to_string(env::args().nth(1).ok_or(usage)?)?;
    let seconds = text.lines().count() as u64;

    let mut service = ServiceSpec::new("web", Workload::from_lines(text.lines())?);
    service.replicas = env::args().nth(2).ok_or(usage)?.parse()?;
    service.request.cpu = Duration::from_millis(8);
    service.cpu_limit = Some(1.0); // So a replica serves 125 requests per second.
    let mut cluster = ClusterSpec::with_hosts(3);
    cluster.agents.sampling = 0;
    cluster.services.push(service);

    let mut simulation = Simulation::new(&cluster, 1)?;
    simulation.advance(Duration::from_secs(seconds), |_| {});
    let truth = simulation.truth("web").ok_or("no such service")?;
    println!(
        "{seconds} s: {:.0} task-seconds of overload, {:.0} requests not served",
        truth.overload_seconds, truth.unserved_requests
    );
    Ok(())
}
