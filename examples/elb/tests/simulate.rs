//! `elb simulate` and `elb compare`: their output and charts, and the policies that they use.

use std::fs;
use std::path::Path;
use std::process::Command;

use elb::config::Config;
use sflow_simulator::comparison::{Candidate, MAX_REPLICAS, NamedWorkload};
use sflow_simulator::experiment::{Experiment, Scenario, two_thresholds};

/// Runs `elb` with these arguments; returns its output and the chart.
fn run(folder: &Path, arguments: &[&str]) -> (String, String) {
    let chart = folder.join("chart.svg");
    let output = Command::new(env!("CARGO_BIN_EXE_elb"))
        .args(arguments)
        .arg("--out")
        .arg(&chart)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    (stdout, fs::read_to_string(chart).unwrap())
}

#[test]
fn simulate_prints_changes_and_draws_services_and_machines() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["simulate", "--scenario", "article", "--reasons"];
    let (output, chart) = run(folder.path(), &arguments);
    assert!(output.contains("apache set replicas=8"), "{output}");
    assert!(
        output.contains("vir_bytes_in+vir_bytes_out is"),
        "no reasons: {output}"
    );
    assert!(chart.contains("apache: average load per container") && chart.contains("without"));

    let (output, chart) = run(folder.path(), &["simulate", "--scenario", "machines"]);
    assert!(
        output.contains("machines without the balancer: "),
        "{output}"
    );
    assert!(output.contains("a machine is ordered"), "{output}");
    assert!(chart.contains("Replicas and machines") && chart.contains("2 to 6, at 60 % CPU"));
}

#[test]
fn compare_draws_every_policy_and_workload_and_equal_seeds_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    let compare = || run(folder.path(), &["compare", "--seeds", "1", "--json"]);
    let (output, chart) = compare();
    for policy in Candidate::ALL {
        assert!(chart.contains(policy.name()), "{policy:?}");
    }
    for workload in NamedWorkload::all(1) {
        assert!(chart.contains(workload.about) && output.contains(workload.about));
    }
    assert_eq!((output, chart), compare());
}

/// The simulator has no configuration files; its policies must not diverge from those of elb.
#[test]
fn simulated_policies_are_those_of_the_configuration() {
    let article = Config::article();
    assert_eq!(two_thresholds(), article.services[0].settings);
    let experiment = Experiment::new(Scenario::named("article").unwrap(), Vec::new());
    assert_eq!(experiment.control, article.control);
    let config = Config::from_toml(&format!(
        "[control]\nmode = \"act\"\n[[service]]\nname = \"apache\"\n[service.policy]\n\
         mode = \"act\"\nmax = {MAX_REPLICAS}\n\
         metric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = 80_000 }}]\n"
    ))
    .unwrap();
    assert_eq!(
        Candidate::Elb.settings(0.8),
        config.services[0].settings,
        "defaults of elb"
    );
}
