//! Days of a cluster with continuous faults, in virtual time at full speed: memory and descriptors
//! do not grow, and the size is right whenever it can be known.
//!
//! `ELB_SOAK=3600 cargo test --release -p elb --test soak -- --nocapture` runs for an hour; without
//! `ELB_SOAK`, the test runs a fixed number of rounds.

use std::time::{Duration, Instant};

use elb::balancer::Balancer;
use elb::config::Config;
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use sflow_simulator::{Event, Network, ScheduledEvent, Workload};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const DAY: u64 = 86_400;
/// Rounds without `ELB_SOAK`: 1.5 hours of simulated time.
const ROUNDS: u64 = 3_000;

#[tokio::test]
async fn days_of_faults_leak_nothing() {
    let lasting = std::env::var("ELB_SOAK").ok();
    let lasting = lasting.map(|text| Duration::from_secs(text.parse().expect("seconds")));
    let begin = Instant::now();
    let progress = |rounds: u64| match lasting {
        Some(lasting) => begin.elapsed().as_secs_f64() / lasting.as_secs_f64(),
        None => rounds as f64 / ROUNDS as f64,
    };
    // Longer than any run.
    let days = 1_000;
    let scenario = scenario(days);
    let cluster = SimulatedCluster::new(&scenario, 1, START).unwrap();
    // The script of the scenario is in memory from here on and only shrinks.
    cluster.advance(START);
    let config = config();
    let interval = config.control.interval;
    let mut balancer = Balancer::new(START, cluster, config.control, &config.services).unwrap();
    let mut found = Found::default();
    let mut settled = None;
    let mut now = START;
    while progress(found.rounds) < 1.0 && now < START + Duration::from_secs(days * DAY) {
        now = now + interval;
        let arrived = balancer.orchestrator_mut().advance(now);
        found.datagrams += arrived.len() as u64;
        for sent in arrived {
            balancer.receive(sent.at, sent.source, &sent.bytes);
        }
        let round = balancer.round(now).await;
        found.rounds += 1;
        for decided in &round.decisions {
            let decision = &decided.decision;
            let name = &decision.subject.name;
            assert!((2..=20).contains(&decision.result), "{decision}");
            found.changes += u64::from(decision.is_change());
            let truth = balancer.orchestrator_mut().truth(name).unwrap();
            let need = (truth.offered_bytes / TARGET).ceil().clamp(2.0, 20.0);
            let (wanted, need) = (f64::from(truth.replicas), need);
            found.checks += 1;
            // Only too few replicas count: shrinking waits for five minutes.
            found.short += u64::from(wanted < 0.75 * need);
        }
        // Bounded tables may fill during the first quarter of the run.
        if settled.is_none() && progress(found.rounds) > 0.25 {
            settled = Some(Process::now());
        }
    }
    let days = (now - START).as_secs_f64() / DAY as f64;
    println!("{days:.2} days in {:?}: {found:?}", begin.elapsed());
    let short = found.short as f64 / found.checks as f64;
    assert!(found.changes > found.rounds / 500, "{found:?}");
    assert!(short < 0.02, "too small {:.2} % of the time", 100.0 * short);
    if let (Some(Some(settled)), Some(end)) = (settled, Process::now()) {
        println!("after a quarter: {settled:?}; at the end: {end:?}");
        assert_eq!(end.descriptors, settled.descriptors);
        assert!(
            end.memory <= settled.memory + settled.memory / 4 + (4 << 20),
            "{settled:?} became {end:?}"
        );
    }
    assert!(balancer.status().lock().history().after(0).count() <= 1_000);
}

#[derive(Debug, Default)]
struct Found {
    rounds: u64,
    datagrams: u64,
    changes: u64,
    checks: u64,
    short: u64,
}

/// Target in bytes per second and container.
const TARGET: f64 = 80_000.0;

fn config() -> Config {
    let services: String = ["apache", "nginx", "api"]
        .iter()
        .map(|name| format!("[[service]]\nname = \"{name}\"\n"))
        .collect();
    Config::from_toml(&format!(
        "[control]\nmode = \"act\"\n[defaults]\nmode = \"act\"\nmin = 2\nmax = 20\n\
         metric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = {TARGET:?} }}]\n{services}"
    ))
    .unwrap()
}

/// Three services with daily waves, and a fault every few minutes.
fn scenario(days: u64) -> Scenario {
    let mut scenario = Scenario::named("article").unwrap();
    let like = scenario.cluster.services[0].clone();
    scenario.cluster.services = ["apache", "nginx", "api"]
        .iter()
        .zip(0_u64..)
        .map(|(name, seed)| {
            let mut service = like.clone();
            service.name = (*name).to_owned();
            service.replicas = 6;
            service.mean_lifetime = Some(Duration::from_secs(7_200));
            service.workload = Workload::Noise {
                workload: Box::new(Workload::Sine {
                    mean: 600.0,
                    amplitude: 500.0,
                    period: Duration::from_secs(DAY / (seed + 1)),
                }),
                fraction: 0.05,
                interval: Duration::from_secs(60),
                seed,
            };
            service
        })
        .collect();
    scenario.duration = Duration::from_secs(days * DAY);
    let hosts: Vec<String> = scenario
        .cluster
        .hosts
        .iter()
        .map(|host| host.name.clone())
        .collect();
    let host = |number: u64| hosts[number as usize % hosts.len()].clone();
    for number in 0..days * DAY / 900 {
        let event = match number % 7 {
            0 => Event::AgentRestart {
                host: host(number),
                downtime: Duration::from_secs(3),
            },
            1 => Event::Crash {
                service: "nginx".to_owned(),
                slot: 1,
            },
            2 => Event::Network(Network {
                loss: 0.05,
                duplication: 0.1,
                reordering: 0.1,
                delay: Duration::from_secs(2),
            }),
            3 => Event::Disconnect {
                host: host(number),
                duration: Duration::from_secs(120),
            },
            4 => Event::ForeignTraffic {
                interval: Duration::from_millis(700),
                duration: Duration::from_secs(60),
            },
            5 => Event::Scale {
                service: "api".to_owned(),
                replicas: 4 + u32::try_from(number % 5).unwrap(),
            },
            _ => Event::Network(Network::default()),
        };
        scenario.cluster.events.push(ScheduledEvent {
            at: Duration::from_secs(600 + number * 900),
            event,
        });
    }
    scenario
}

/// Memory and descriptors of this process.
#[derive(Clone, Copy, Debug)]
struct Process {
    memory: u64,
    descriptors: usize,
}

impl Process {
    fn now() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self {
            memory: kibibytes * 1024,
            descriptors: std::fs::read_dir("/proc/self/fd").ok()?.count(),
        })
    }
}
