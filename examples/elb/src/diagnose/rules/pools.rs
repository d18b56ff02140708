use std::collections::HashSet;

use super::some;
use crate::config::{Config, Pool};
use crate::diagnose::facts::{EngineFacts, Facts, Program};
use crate::diagnose::finding::{Finding, Findings};
use crate::diagnose::kinds as kind;
use crate::format::counted;
use crate::hooks::Call;
use crate::orchestrator::{Census, Demand, Node};
use crate::policy::Mode;
use sflow_autoscale::node_pools::minimum_size;

/// Checks the node pools: nodes, hooks, and capacity for the services.
pub(super) fn check(findings: &mut Findings, config: &Config, facts: &Facts) {
    for pool in &config.pools {
        let about = format!("pool {}", pool.name);
        findings.extend(hook(&about, pool, &facts.engines));
        let census = match &facts.engines.census {
            Some(Ok(census)) => census,
            Some(Err(why)) => {
                let what = format!("nodes, services and tasks cannot be read: {why}");
                findings.add(kind::CLUSTER_UNREADABLE.of(about, what));
                continue;
            }
            None => continue,
        };
        if machines(findings, &about, pool, census) {
            findings.extend(capacity(&about, config, pool, census));
            findings.extend(reporting(&about, pool, census, facts));
        }
    }
}

fn hook(about: &str, pool: &Pool, engines: &EngineFacts) -> Option<Finding> {
    let Some(hook) = &pool.hook else {
        let what = "no hook is configured: the pool can only advise";
        let is_used = pool.settings.mode != Mode::Off;
        return is_used.then(|| kind::POOL_HOOKLESS.of(about, what));
    };
    let Call::Program { program, .. } = &hook.call else {
        return None;
    };
    let path = program.display();
    match engines.programs.get(program)? {
        Program::Fine => None,
        Program::Missing => {
            let what = format!("the program {path} does not exist");
            Some(kind::HOOK_MISSING.of(about, what))
        }
        Program::NotExecutable => {
            let what = format!("{path} is not executable");
            Some(kind::HOOK_FORBIDDEN.of(about, what))
        }
    }
}

/// Checks the nodes of a pool. Returns whether it has any.
fn machines(findings: &mut Findings, about: &str, pool: &Pool, census: &Census) -> bool {
    let labels = || pool.nodes.labels.iter();
    let has_labels =
        |node: &&Node| labels().all(|(key, value)| node.labels.get(key) == Some(value));
    let (managers, of): (Vec<&Node>, Vec<&Node>) = census
        .nodes
        .iter()
        .filter(has_labels)
        .partition(|node| node.is_manager);
    if of.is_empty() {
        findings.add(if managers.is_empty() {
            let labels: Vec<_> = labels().map(|(key, value)| format!("{key}={value}")).collect();
            let first = labels.first().map_or("", String::as_str);
            let what = format!("no node has the labels {}", labels.join(", "));
            let advice = format!("add them with `docker node update --label-add {first} NODE`");
            kind::POOL_EMPTY.of(about, what).advise(advice)
        } else {
            let names: Vec<&str> = managers.iter().map(|node| node.name.as_str()).collect();
            let what = format!(
                "all of its nodes are managers ({}); managers are never drained, removed or counted",
                some(&names)
            );
            kind::POOL_MANAGERS.of(about, what)
        });
        return false;
    }
    let (min, max) = (pool.settings.min, pool.settings.max);
    let (count, mode) = (counted(of.len(), "machine"), pool.settings.mode.name());
    let active = of.iter().filter(|node| node.takes_tasks()).count();
    let what = format!("{count}, {active} of them active, limits {min} to {max}, mode {mode}");
    findings.add(kind::POOL.of(about, what));
    let size = u32::try_from(active).unwrap_or(u32::MAX);
    if !(min..=max).contains(&size) {
        let what = format!("{active} machines are active, outside the limits {min} to {max}");
        findings.add(kind::POOL_SIZE.of(about, what).advise(match size < min {
            true => "in mode act, elb orders the missing machines immediately",
            false => "in mode act, elb removes the surplus machines one at a time",
        }));
    }
    let least = pool.peers.population;
    if active < least {
        let what = format!("{active} machines are too few to detect poor performers");
        let advice = format!("at least {least} are required (pool.poor.population)");
        findings.add(kind::POOL_SMALL.of(about, what).advise(advice));
    }
    true
}

/// Checks whether the minimum sizes of the services fit on the maximum number of machines.
fn capacity(about: &str, config: &Config, pool: &Pool, census: &Census) -> Option<Finding> {
    let nodes = census.nodes.iter().filter(|node| node.takes_tasks());
    let (of, other_nodes): (Vec<&Node>, Vec<&Node>) =
        nodes.partition(|node| pool.nodes.matches(node));
    let least = |demand: &Demand| {
        let mut services = config.services.iter();
        let known = services.find(|service| service.name == demand.name);
        known.map_or(demand.replicas(), |service| service.settings.min)
    };
    let floor = minimum_size(census, &of, &other_nodes, least, pool.settings.max);
    let service = floor.service.filter(|_| floor.is_short)?;
    let machines = floor.machines;
    let what = format!(
        "the reservations of the minimum size of {service} do not fit on the maximum of {machines} \
         machines"
    );
    Some(kind::POOL_SHORT.of(about, what))
}

fn reporting(about: &str, pool: &Pool, census: &Census, facts: &Facts) -> Option<Finding> {
    let reported = facts.received()?.nodes.iter();
    let reported = reported.filter(|node| node.containers.is_some());
    let reported: HashSet<&str> = reported.map(|node| node.report.name.as_str()).collect();
    let of = census.nodes.iter();
    let of = of.filter(|node| pool.nodes.matches(node) && node.takes_tasks());
    let of = of.map(|node| node.name.as_str());
    let silent: Vec<&str> = of.filter(|name| !reported.contains(name)).collect();
    let what = format!("no agent reports for {}", some(&silent));
    (!silent.is_empty()).then(|| kind::POOL_UNREPORTED.of(about, what))
}
