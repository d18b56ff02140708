//! Reaction time to a step in load, from its first packet to the request to the orchestrator, with
//! counters alone and with packet samples.
//!
//! `cargo test -p elb --test reaction -- --nocapture` prints the figures.

use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::Config;
use elb::policy::Reason;
use sflow_metrics::Timestamp;
use sflow_simulator::Workload;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
/// Number of runs, each with the step at a different time in the polling interval.
const RUNS: u64 = 8;

/// The result of one run.
struct Run {
    /// Seconds from the step to the first request for more.
    reaction: f64,
    /// Last and largest number of replicas.
    last: u32,
    most: u32,
    /// Whether the first request was made because of packet samples.
    is_fast: bool,
}

/// Four replicas at 80 % of their target; then the load rises fourfold at once.
async fn run(seed: u64, fast: bool) -> Run {
    let step = Duration::from_millis(120_000 + seed * 10_000 / RUNS);
    let mut scenario = Scenario::named("article").unwrap();
    scenario.cluster.agents.sampling = 100;
    let service = &mut scenario.cluster.services[0];
    service.replicas = 4;
    service.workload = Workload::Step {
        before: 1_600.0,
        after: 6_400.0,
        at: step,
    };
    let config = Config::from_toml(&format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n[[service]]\nname = \"apache\"\n[service.policy]\n\
         mode = \"act\"\nmax = 40\nfast = {fast}\n\
         metric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = 500000 }}]\n"
    ))
    .unwrap();
    let simulation = SimulatedCluster::new(&scenario, seed, START).unwrap();
    let mut balancer = Balancer::new(START, simulation, config.control, &config.services).unwrap();
    let mut now = START;
    let mut first = None;
    let mut most = 0;
    while now < START + Duration::from_secs(200) {
        // Longer intervals until shortly before the step make the test faster.
        let is_near = now + Duration::from_secs(20) > START + step;
        now = now + config.control.interval * if is_near { 1 } else { 8 };
        for sent in balancer.orchestrator_mut().advance(now) {
            balancer.receive(sent.at, sent.source, &sent.bytes);
        }
        for decided in balancer.round(now).await.decisions {
            let decision = decided.decision;
            most = most.max(decision.result);
            if decision.is_change() && first.is_none() {
                assert!(now >= START + step, "before the step: {decision}");
                first = Some((now - START - step, decision));
            }
        }
    }
    let (reaction, decision) = first.expect("it grows");
    let is_of_samples = |reason: &Reason| matches!(reason, Reason::FastSignal { .. });
    Run {
        reaction: reaction.as_secs_f64(),
        last: balancer
            .orchestrator_mut()
            .truth("apache")
            .unwrap()
            .replicas,
        most,
        is_fast: decision
            .steps
            .iter()
            .any(|step| is_of_samples(&step.reason)),
    }
}

async fn runs(fast: bool) -> (Vec<f64>, Vec<Run>) {
    let mut runs = Vec::new();
    for seed in 0..RUNS {
        runs.push(run(seed, fast).await);
    }
    let mut reactions: Vec<f64> = runs.iter().map(|run| run.reaction).collect();
    reactions.sort_by(f64::total_cmp);
    (reactions, runs)
}

#[tokio::test]
async fn samples_detect_surge_within_two_seconds_and_counters_correct_it() {
    let (slow, by_counters) = runs(false).await;
    let (quick, by_samples) = runs(true).await;
    let most = |runs: &[Run]| runs.iter().map(|run| run.most).max();
    for (name, reactions, runs) in [
        ("counters", &slow, &by_counters),
        ("samples", &quick, &by_samples),
    ] {
        println!(
            "{name}: median {:.1} s, at most {:.1} s; up to {:?} replicas",
            reactions[reactions.len() / 2],
            reactions[reactions.len() - 1],
            most(runs),
        );
    }
    let median = |reactions: &[f64]| reactions[reactions.len() / 2];
    // In virtual time, independent of the machine's speed.
    assert!(
        median(&quick) < 2.0 && quick[quick.len() - 1] < 2.5,
        "{quick:?}"
    );
    assert!(median(&slow) > 2.0 * median(&quick), "{slow:?}");
    assert!(by_samples.iter().all(|run| run.is_fast));
    assert!(by_counters.iter().all(|run| !run.is_fast));
    // 13 replicas are needed. An estimate may exceed this by at most half; no run ends with too
    // few.
    for run in by_samples.iter().chain(&by_counters) {
        assert!(
            (12..=20).contains(&run.last) && run.most <= 20,
            "{} {}",
            run.last,
            run.most
        );
    }
}
