//! The predefined scenarios, and the simulated cluster as an orchestrator and provider of machines.

use std::time::Duration;

use sflow_autoscale::node_pools::{Action, Order, Provider};
use sflow_autoscale::policy::{Rule, Settings};
use sflow_metrics::Timestamp;
use sflow_simulator::Error;
use sflow_simulator::experiment::{Experiment, Scenario, SimulatedCluster};

#[test]
fn predefined_scenarios_can_be_simulated() {
    for (name, about) in Scenario::predefined() {
        let scenario = Scenario::named(name).unwrap();
        assert_eq!(scenario.name, name);
        assert!(!about.is_empty() && !scenario.duration.is_zero());
        SimulatedCluster::new(&scenario, 1, Timestamp::ZERO).unwrap();
    }
}

#[test]
fn unknown_scenario_is_an_error_that_lists_the_names() {
    let error = Scenario::named("artikel").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown scenario \"artikel\"; known: article, step, spike, sine, crash-loop, \
         silent-agent, bad-network, balance, machines, thief, bad-day"
    );
}

#[test]
fn unknown_metric_is_an_error_that_names_it() {
    let scenario = Scenario::named("article").unwrap();
    let services = scenario.services(&Settings::new(Rule::target("vir_cpu_core", 1.0)));
    let error = Experiment::new(scenario, services).run(1).unwrap_err();
    assert!(matches!(error, Error::Metric(_)), "{error:?}");
    assert!(error.to_string().contains("vir_cpu_core"), "{error}");
}

#[test]
fn article_needs_eight_replicas() {
    let scenario = Scenario::named("article").unwrap();
    let apache = &scenario.cluster.services[0];
    let at = |seconds| apache.workload.at(Duration::from_secs(seconds));
    let bytes = at(30) * apache.request.bytes();
    let cores = at(30) * apache.request.cpu.as_secs_f64();
    assert!(bytes / 7.0 > 100_000.0 && bytes / 8.0 < 100_000.0);
    assert!(
        bytes / 8.0 > 50_000.0,
        "eight are above the lower threshold"
    );
    // Where bytes are below their upper threshold, CPU is below its own.
    assert!(100.0 * cores / bytes * 100_000.0 < 1.0);
    assert_eq!(at(9), 0.0);
    assert_eq!(at(70), 0.0);
}

#[test]
fn order_without_machines_is_refused() {
    let scenario = Scenario::named("article").unwrap();
    let mut cluster = SimulatedCluster::new(&scenario, 1, Timestamp::ZERO).unwrap();
    let order = Order {
        order: "1-add".to_owned(),
        action: Action::Add,
        pool: "machines".to_owned(),
        machine: None,
    };
    cluster.submit(order, Duration::from_secs(60));
    let answers = cluster.answers();
    assert!(answers[0].promise.is_err(), "{answers:?}");
    assert!(cluster.answers().is_empty(), "an answer is returned once");
}
