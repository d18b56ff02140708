use std::collections::HashSet;

use super::some;
use crate::config::{Config, Pool};
use crate::diagnose::facts::{EngineFacts, Facts, Program, TelemetryFacts};
use crate::diagnose::finding::{Findings, Subject};
use crate::format::counted;
use crate::hooks::Call;
use crate::orchestrator::{Census, Demand, Node};
use crate::policy::Mode;
use sflow_autoscale::node_pools::minimum_size;

/// Checks the node pools: nodes, hooks, and capacity for the services.
pub(super) fn check(findings: &mut Findings, config: &Config, facts: &Facts) {
    let engines = &facts.engines;
    for pool in &config.pools {
        let mut subject = findings.about(format!("pool {}", pool.name));
        hook(&mut subject, pool, engines);
        match &engines.census {
            Some(Ok(census)) => {
                let has_machines = machines(&mut subject, pool, census);
                if has_machines {
                    capacity(&mut subject, config, pool, census);
                    if let Some(telemetry) = facts.received() {
                        reporting(&mut subject, pool, census, telemetry);
                    }
                }
            }
            Some(Err(why)) => subject.wrong(
                "cluster_unreadable",
                format!("nodes, services and tasks cannot be read: {why}"),
                "see the engine's log",
            ),
            None => {}
        }
    }
}

fn hook(subject: &mut Subject<'_>, pool: &Pool, engines: &EngineFacts) {
    let Some(hook) = &pool.hook else {
        if pool.settings.mode != Mode::Off {
            subject.note(
                "pool_hookless",
                "no hook is configured: the pool can only advise",
                "to let it act, set a program or a url in [pool.hook]",
            );
        }
        return;
    };
    let Call::Program { program, .. } = &hook.call else {
        return;
    };
    let path = program.display();
    match engines.programs.get(program) {
        Some(Program::Missing) => subject.wrong(
            "hook_missing",
            format!("the program {path} does not exist"),
            "correct pool.hook.program; in a container, mount the program or add it to the image",
        ),
        Some(Program::NotExecutable) => subject.wrong(
            "hook_forbidden",
            format!("{path} is not executable"),
            "`chmod +x` it, or set the interpreter as program and the script as an argument",
        ),
        Some(Program::Fine) | None => {}
    }
}

/// Checks the nodes of a pool. Returns whether it has any.
fn machines(subject: &mut Subject<'_>, pool: &Pool, census: &Census) -> bool {
    let has_labels = |node: &&Node| {
        let mut labels = pool.nodes.labels.iter();
        labels.all(|(key, value)| node.labels.get(key) == Some(value))
    };
    let meant: Vec<&Node> = census.nodes.iter().filter(has_labels).collect();
    let labels = pool.nodes.labels.iter();
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let labels = labels.join(", ");
    let of: Vec<&Node> = meant
        .iter()
        .filter(|node| !node.is_manager)
        .copied()
        .collect();
    if meant.is_empty() {
        subject.wrong(
            "pool_empty",
            format!("no node has the labels {labels}"),
            format!(
                "add them with `docker node update --label-add {} NODE`",
                labels.split(", ").next().unwrap_or_default()
            ),
        );
        return false;
    }
    if of.is_empty() {
        let names: Vec<&str> = meant.iter().map(|node| node.name.as_str()).collect();
        subject.wrong(
            "pool_managers",
            format!(
                "all of its nodes are managers ({}); managers are never drained, removed or \
                 counted",
                some(&names)
            ),
            "add workers to the swarm, or remove the pool from the configuration",
        );
        return false;
    }
    let (min, max) = (pool.settings.min, pool.settings.max);
    let active = of.iter().filter(|node| node.takes_tasks()).count();
    subject.ok(
        "pool",
        format!(
            "{}, {active} of them active, limits {min} to {max}, mode {}",
            counted(of.len(), "machine"),
            pool.settings.mode.name()
        ),
    );
    let count = u32::try_from(active).unwrap_or(u32::MAX);
    if !(min..=max).contains(&count) {
        subject.note(
            "pool_size",
            format!("{active} machines are active, outside the limits {min} to {max}"),
            match count < min {
                true => "in mode act, elb orders the missing machines immediately",
                false => "in mode act, elb removes the surplus machines one at a time",
            },
        );
    }
    if active < pool.peers.population {
        subject.note(
            "pool_small",
            format!("{active} machines are too few to detect poor performers"),
            format!(
                "at least {} are required (pool.poor.population)",
                pool.peers.population
            ),
        );
    }
    true
}

/// Checks whether the minimum sizes of the services fit on the maximum number of machines.
fn capacity(subject: &mut Subject<'_>, config: &Config, pool: &Pool, census: &Census) {
    let is_of = |node: &&Node| pool.nodes.matches(node);
    let (of, other_nodes): (Vec<&Node>, Vec<&Node>) = census
        .nodes
        .iter()
        .filter(|node| node.takes_tasks())
        .partition(is_of);
    let least = |demand: &Demand| {
        let mut services = config.services.iter();
        let known = services.find(|service| service.name == demand.name);
        known.map_or(demand.replicas(), |service| service.settings.min)
    };
    let floor = minimum_size(census, &of, &other_nodes, least, pool.settings.max);
    if let (true, Some(service)) = (floor.is_short, floor.service) {
        subject.note(
            "pool_short",
            format!(
                "the reservations of the minimum size of {service} do not fit on the maximum of {} \
                 machines",
                floor.machines
            ),
            "raise pool.policy.max, or reserve less",
        );
    }
}

fn reporting(subject: &mut Subject<'_>, pool: &Pool, census: &Census, telemetry: &TelemetryFacts) {
    let reported = telemetry.nodes.iter();
    let reported = reported.filter(|node| node.containers.is_some());
    let reported: HashSet<&str> = reported.map(|node| node.report.name.as_str()).collect();
    let of = census.nodes.iter();
    let of = of.filter(|node| pool.nodes.matches(node) && node.takes_tasks());
    let silent: Vec<&str> = of
        .filter(|node| !reported.contains(node.name.as_str()))
        .map(|node| node.name.as_str())
        .collect();
    if !silent.is_empty() {
        subject.note(
            "pool_unreported",
            format!("no agent reports for {}", some(&silent)),
            "a machine without data counts as fully loaded: run an agent on it",
        );
    }
}
