use super::some;
use crate::check::facts::{EngineFacts, Heard, Program};
use crate::check::finding::Findings;
use crate::config::{Config, Pool};
use crate::orchestrator::{Availability, Census, Demand, Node};
use crate::policy::Mode;
use crate::pool::hook::Call;
use crate::words::counted;
use sflow_autoscale::node_pools::minimum_size;
use sflow_autoscale::observe::short_name;

/// Judges the pools of machines: their nodes, their hooks, and whether the services have room.
pub(super) fn judge(
    findings: &mut Findings,
    config: &Config,
    engines: &EngineFacts,
    heard: Option<&Heard>,
) {
    for pool in &config.pools {
        let about = format!("pool {}", pool.name);
        hook(findings, &about, pool, engines);
        match &engines.census {
            Some(Ok(census)) => {
                let has_machines = machines(findings, &about, pool, census);
                if has_machines {
                    room(findings, &about, config, pool, census);
                    if let Some(heard) = heard {
                        telemetry(findings, &about, pool, census, heard);
                    }
                }
            }
            Some(Err(why)) => findings.wrong(
                "cluster-unreadable",
                &about,
                format!("nodes, services and tasks cannot be read: {why}"),
                "the engine's log says more",
            ),
            None => {}
        }
    }
}

fn hook(findings: &mut Findings, about: &str, pool: &Pool, engines: &EngineFacts) {
    let Some(hook) = &pool.hook else {
        if pool.settings.mode != Mode::Off {
            findings.note(
                "pool-hookless",
                about,
                "there is no hook: it can advise, and never act",
                "give [pool.hook] a program or a url when what it advises convinces you",
            );
        }
        return;
    };
    let Call::Program { program, .. } = &hook.call else {
        return;
    };
    let path = program.display();
    match engines.programs.get(program) {
        Some(Program::Missing) => findings.wrong(
            "hook-missing",
            about,
            format!("there is no program {path}"),
            "correct pool.hook.program; in a container: is it mounted, or part of the image?",
        ),
        Some(Program::NotExecutable) => findings.wrong(
            "hook-forbidden",
            about,
            format!("{path} is no program that can be executed"),
            "`chmod +x` it, or name the interpreter as program and the script as an argument",
        ),
        Some(Program::Fine) | None => {}
    }
}

/// Whether there are some.
fn machines(findings: &mut Findings, about: &str, pool: &Pool, census: &Census) -> bool {
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
        findings.wrong(
            "pool-empty",
            about,
            format!("no node has the labels {labels}"),
            format!(
                "give them to its nodes with `docker node update --label-add {} NODE`",
                labels.split(", ").next().unwrap_or_default()
            ),
        );
        return false;
    }
    if of.is_empty() {
        let names: Vec<&str> = meant.iter().map(|node| node.name.as_str()).collect();
        findings.wrong(
            "pool-managers",
            about,
            format!(
                "only managers are of it ({}), and these are never drained, removed or counted",
                some(&names)
            ),
            "let workers join the swarm, or leave the pool out of the configuration",
        );
        return false;
    }
    let (min, max) = (pool.settings.min, pool.settings.max);
    let active = of.iter().filter(|node| takes_tasks(node)).count();
    findings.ok(
        "pool",
        about,
        format!(
            "{}, of which {active} take tasks, between {min} and {max}, mode {}",
            counted(of.len(), "machine"),
            pool.settings.mode.name()
        ),
    );
    let count = u32::try_from(active).unwrap_or(u32::MAX);
    if !(min..=max).contains(&count) {
        findings.note(
            "pool-size",
            about,
            format!("{active} machines take tasks, not between {min} and {max}"),
            match count < min {
                true => "in the mode act, elb will order the others at once",
                false => "in the mode act, elb will give the others back, one at a time",
            },
        );
    }
    if active < pool.peers.population {
        findings.note(
            "pool-small",
            about,
            format!("{active} machines are too few to tell which one is a poor performer"),
            format!("it takes {}: pool.poor.population", pool.peers.population),
        );
    }
    true
}

/// Whether the least that the services should have has room on the most machines there may be.
fn room(findings: &mut Findings, about: &str, config: &Config, pool: &Pool, census: &Census) {
    let is_of = |node: &&Node| pool.nodes.matches(node);
    let (of, others): (Vec<&Node>, Vec<&Node>) = census
        .nodes
        .iter()
        .filter(|node| takes_tasks(node))
        .partition(is_of);
    let least = |demand: &Demand| {
        let mut services = config.services.iter();
        let known = services.find(|service| service.name == demand.name);
        known.map_or(demand.replicas(), |service| service.settings.min)
    };
    let floor = minimum_size(census, &of, &others, least, pool.settings.max);
    if let (true, Some(service)) = (floor.is_short, floor.service) {
        findings.note(
            "pool-short",
            about,
            format!(
                "even {} machines have no room for the least that {service} should have, by what \
                 it reserves",
                floor.machines
            ),
            "raise pool.policy.max, or reserve less",
        );
    }
}

fn telemetry(findings: &mut Findings, about: &str, pool: &Pool, census: &Census, heard: &Heard) {
    let hosts = heard.agents.iter().flat_map(|agent| &agent.hosts);
    let hosts: Vec<String> = hosts.map(|host| short_name(host)).collect();
    let of = census.nodes.iter();
    let of = of.filter(|node| pool.nodes.matches(node) && takes_tasks(node));
    let silent: Vec<&str> = of
        .filter(|node| !hosts.contains(&short_name(&node.name)))
        .map(|node| node.name.as_str())
        .collect();
    if !silent.is_empty() {
        findings.note(
            "pool-unheard",
            about,
            format!("no agent tells of the host {}", some(&silent)),
            "a machine that is not heard counts as fully loaded: run an agent on it",
        );
    }
}

fn takes_tasks(node: &Node) -> bool {
    node.is_ready && node.availability == Availability::Active
}
