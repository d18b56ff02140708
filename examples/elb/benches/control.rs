//! Measures the time and memory of one step of the control loop in a large cluster.
//!
//! `cargo bench -p elb --bench control`. A thousand services of ten tasks each on 250
//! simulated hosts, whose agents send encoded datagrams. Each service has two metrics; every tenth
//! service has different ones, so that there are several queries.

use std::net::Ipv4Addr;
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::{Config, ServiceSettings};
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use sflow_simulator::{Delay, HostSpec, Workload};

/// The target for reading, observing and deciding together.
const AT_MOST_MILLISECONDS: f64 = 30.0;
const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn main() {
    let (services, hosts, rounds) = if is_measuring() {
        (1_000, 250, 40)
    } else {
        (10, 3, 8)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(run(services, hosts, rounds));
}

async fn run(services: u32, hosts: u32, rounds: u32) {
    let before = resident();
    let scenario = scenario(services, hosts);
    let simulation = SimulatedCluster::new(&scenario, 1, START).expect("a scenario");
    let control = Config::article().control;
    let simulated = resident();
    let mut balancer =
        Balancer::new(START, simulation, control, &policies(&scenario)).expect("known metrics");
    let mut now = START;
    let mut steps = Vec::new();
    let mut changes = 0;
    let mut datagrams = 0_u64;
    for _ in 0..rounds {
        now = now + control.interval;
        let arrived = balancer.orchestrator_mut().advance(now);
        datagrams += arrived.len() as u64;
        for sent in arrived {
            balancer.receive(sent.at, sent.source, &sent.bytes);
        }
        let round = balancer.round(now).await;
        assert_eq!(
            round.decisions.len(),
            services as usize,
            "{:?}",
            round.problems
        );
        changes += round
            .decisions
            .iter()
            .filter(|decided| decided.decision.is_change())
            .count();
        steps.push(round.stages);
    }
    assert!(changes > 0, "growing load changes replicas");
    if !is_measuring() {
        return;
    }
    println!("{services} services of ten tasks each on {hosts} hosts, {datagrams} datagrams");
    println!("ms per step             median      max");
    let line = |name: &str, of: fn(&sflow_autoscale::controller::Stages) -> Duration| {
        let mut times: Vec<f64> = steps
            .iter()
            .map(|step| of(step).as_secs_f64() * 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
        println!("{name:<20} {median:>9.1} {most:>8.1}");
        most
    };
    line("read", |step| step.read);
    line("observe", |step| step.observe);
    line("decide", |step| step.decide);
    line("act", |step| step.act);
    // Actions take the time of the orchestrator, which is simulated here. So does reading, for which
    // the simulator copies the description of each task.
    let most = line("all but act", |step| step.read + step.observe + step.decide);
    let result = match most <= AT_MOST_MILLISECONDS {
        true => "met",
        false => "missed",
    };
    println!("target {AT_MOST_MILLISECONDS} ms: {result}");
    if let (Some(before), Some(simulated), Some(after)) = (before, simulated, resident()) {
        let mebibytes = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1048576.0;
        println!(
            "memory: {:.0} MiB for the loop and its telemetry, {:.0} MiB for the simulated cluster",
            mebibytes(simulated, after),
            mebibytes(before, simulated),
        );
    }
}

/// Services whose load grows one after the other, so that each round changes some of them.
fn scenario(services: u32, hosts: u32) -> Scenario {
    let mut scenario = Scenario::named("article").expect("a known scenario");
    let like = scenario.cluster.services[0].clone();
    scenario.cluster.hosts = (0..hosts)
        .map(|host| {
            let address = Ipv4Addr::from_bits(0x0a64_0001 + host);
            let mut spec = HostSpec::new(format!("node{host}"), address);
            (spec.cores, spec.memory) = (32, 64 << 30);
            spec
        })
        .collect();
    scenario.cluster.services = (0..services)
        .map(|service| {
            let mut spec = like.clone();
            spec.name = format!("service{service}");
            spec.replicas = 10;
            spec.workload = Workload::Step {
                before: 750.0,
                after: 1_200.0,
                at: Duration::from_secs(30 + u64::from(service) % 60),
            };
            spec.start = Delay::millis(500, 2_000);
            spec
        })
        .collect();
    scenario.duration = Duration::from_secs(3_600);
    scenario
}

fn policies(scenario: &Scenario) -> Vec<ServiceSettings> {
    let article = Config::article();
    let like = &article.services[0];
    let services = scenario.cluster.services.iter().enumerate();
    services
        .map(|(place, service)| {
            let mut settings = like.settings.clone();
            (settings.min, settings.max) = (2, 20);
            if place % 10 == 0 {
                settings.rule = elb::policy::Rule::Target {
                    metrics: vec![elb::policy::Target {
                        metric: "vir_cpu_cores".to_owned(),
                        target: 0.008,
                    }],
                    tolerance_up: 0.1,
                    tolerance_down: 0.1,
                };
            }
            ServiceSettings {
                name: service.name.clone(),
                priority: 0,
                settings,
            }
        })
        .collect()
}

/// Whether the program runs under `cargo bench`, and not under `cargo test`.
fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The resident memory of this process in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
