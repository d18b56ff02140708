//! The simulated cluster from outside: its datagrams, and as an orchestrator.

mod autoscaling;
mod datagrams;
mod determinism;
mod faults;
mod orchestration;
mod registry;

use std::time::Duration;

use sflow_simulator::{
    ClusterSpec, Event, Network, Request, ServiceSpec, Simulation, TaskState, TaskStatus, Workload,
};
use sflow_v5::{CountersSample, Datagram, Sample};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Three hosts of two cores, and the service `web` with this workload. A request makes 1,000
/// bytes and needs 80 µs of CPU time.
fn cluster(replicas: u32, workload: Workload) -> ClusterSpec {
    let mut cluster = ClusterSpec::with_hosts(3);
    for host in &mut cluster.hosts {
        (host.cores, host.memory) = (2, 4 << 30);
    }
    let mut service = ServiceSpec::new("web", workload);
    service.replicas = replicas;
    service.request = Request {
        cpu: Duration::from_micros(80),
        rx_bytes: 380.0,
        rx_packets: 5.0,
        tx_bytes: 620.0,
        tx_packets: 5.0,
        disk_bytes: 90.0,
    };
    cluster.services.push(service);
    cluster
}

fn constant(replicas: u32, rate: f64) -> ClusterSpec {
    cluster(replicas, Workload::Constant(rate))
}

/// Load for a minute.
fn minute() -> ClusterSpec {
    cluster(1, Workload::Table(vec![(s(10), 720.0), (s(70), 0.0)]))
}

fn bad_network() -> ClusterSpec {
    let mut cluster = minute();
    cluster.network = Network {
        loss: 0.05,
        duplication: 0.05,
        reordering: 0.1,
        delay: Duration::from_millis(800),
    };
    let foreign_traffic = Event::ForeignTraffic {
        interval: Duration::from_millis(500),
        duration: s(125),
    };
    cluster.with_event(s(5), foreign_traffic)
}

fn crash_loop(replicas: u32) -> ClusterSpec {
    let crash_loop = Event::CrashLoop {
        service: "web".to_owned(),
        slot: 3,
        after: s(4),
        duration: s(300),
    };
    constant(replicas, 720.0).with_event(s(0), crash_loop)
}

fn simulation(cluster: &ClusterSpec) -> Simulation {
    Simulation::new(cluster, 1).unwrap()
}

/// The datagrams that arrive until then, with their times.
fn run(simulation: &mut Simulation, until: Duration) -> Vec<(Duration, Vec<u8>)> {
    let mut arrived = Vec::new();
    simulation.advance(until, |delivery| {
        arrived.push((delivery.at, delivery.bytes.to_vec()));
    });
    arrived
}

fn counters(bytes: &[u8]) -> Vec<CountersSample<'_>> {
    let samples = Datagram::parse(bytes).unwrap().samples();
    samples
        .filter_map(|sample| match sample {
            Sample::Counters(sample) => Some(sample),
            _ => None,
        })
        .collect()
}

/// Tasks of the service `web`.
fn tasks(simulation: &Simulation) -> Vec<TaskStatus> {
    simulation.tasks("web").collect()
}

fn count(simulation: &Simulation, state: TaskState) -> usize {
    let tasks = simulation.tasks("web");
    tasks.filter(|task| task.state == state).count()
}
