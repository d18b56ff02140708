//! Many services that need more replicas at the same time.

use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::Config;
use sflow_autoscale::controller::Outcome;
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use sflow_simulator::{Delay, Workload};

use crate::world::START;

const SERVICES: u32 = 100;
const A_MINUTE: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// When the load of all services rises.
const STEP: Duration = Duration::from_secs(90);

/// Name of the service of this number.
fn name(number: u32) -> String {
    format!("s{number:02}")
}

fn priority(number: u32) -> i32 {
    i32::from(number % 10 >= 7)
}

fn after(number: u32) -> f64 {
    if number.is_multiple_of(3) {
        400.0
    } else {
        200.0
    }
}

fn scenario() -> Scenario {
    let mut scenario = Scenario::named("article").unwrap();
    let like = scenario.cluster.services[0].clone();
    for host in &mut scenario.cluster.hosts {
        host.cores = 64;
    }
    let service = |number| {
        let mut service = like.clone();
        service.name = name(number);
        service.replicas = 2;
        service.start = Delay::millis(500, 1_500);
        service.workload = Workload::Step {
            before: 100.0,
            after: after(number),
            at: STEP,
        };
        service
    };
    scenario.cluster.services = (0..SERVICES).map(service).collect();
    scenario.duration = Duration::from_secs(1_800);
    scenario
}

fn config() -> Config {
    let service = |number| {
        format!(
            "[[service]]\nname = \"{}\"\npriority = {}\n",
            name(number),
            priority(number)
        )
    };
    let services: String = (0..SERVICES).map(service).collect();
    Config::from_toml(&format!(
        "[control]\nmode = \"act\"\nchanges_per_minute = {A_MINUTE}\n[defaults]\nmode = \"act\"\nmin = 2\n\
         max = 10\nfast = false\nmetric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = \
         80000 }}]\n{services}"
    ))
    .unwrap()
}

#[tokio::test]
async fn d19_hundred_growing_services_are_served_by_priority_and_need() {
    let config = config();
    let simulation = SimulatedCluster::new(&scenario(), 1, START).unwrap();
    let mut balancer = Balancer::new(START, simulation, config.control, &config.services).unwrap();
    let mut now = START;
    let mut made: Vec<(Timestamp, u32)> = Vec::new();
    let mut waited = 0;
    while now < START + STEP + MINUTE * 10 {
        now = now + Duration::from_secs(2);
        for sent in balancer.orchestrator_mut().advance(now) {
            balancer.receive(sent.at, sent.source, &sent.bytes);
        }
        for decided in balancer.round(now).await.decisions {
            let reason = decided.decision.to_string();
            waited += u32::from(reason.contains("deferred: at most"));
            if decided.outcome == Outcome::Done {
                assert!(
                    decided.decision.result > decided.decision.replicas,
                    "{reason}"
                );
                made.push((now, decided.decision.subject.name[1..].parse().unwrap()));
            }
        }
    }
    assert!(waited > 100, "{waited}");
    for window in made.windows(A_MINUTE + 1) {
        let (first, last) = (window[0].0, window[A_MINUTE].0);
        assert!(
            last - first >= MINUTE,
            "more than changes_per_minute: {window:?}"
        );
    }
    // In the end every service has the replicas that it needs, …
    for number in 0..SERVICES {
        let truth = balancer.orchestrator_mut().truth(&name(number)).unwrap();
        let need = (after(number) * 1_000.0 / 80_000.0).ceil() as u32;
        assert!(
            (need - 1..=need + 2).contains(&truth.replicas),
            "{}: {} of {need}",
            name(number),
            truth.replicas
        );
    }
    // … and services of the higher priority had them first.
    let first = |important: bool| {
        let firsts = (0..SERVICES).filter(|number| (priority(*number) == 1) == important);
        let first = |number| made.iter().find(|(_, who)| *who == number).unwrap().0;
        let mut firsts: Vec<Timestamp> = firsts.map(first).collect();
        firsts.sort_unstable();
        firsts[firsts.len() / 2]
    };
    assert!(first(true) + MINUTE < first(false), "{made:?}");
}
