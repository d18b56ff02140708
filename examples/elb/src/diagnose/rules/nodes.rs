use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::{HOST_NETWORK, some};
use crate::diagnose::facts::{EngineFacts, NodeFacts, TelemetryFacts};
use crate::diagnose::finding::{Finding, Findings, Level};
use crate::diagnose::kinds as kind;
use crate::docker::Member;
use crate::format::counted;
use crate::orchestrator::TaskState;
use sflow_autoscale::observe::{Claimant, Reporter, short_name};

const ABOUT: &str = "telemetry";

/// Checks which nodes are reported, and by which senders.
pub(super) fn check(findings: &mut Findings, engines: &EngineFacts, telemetry: &TelemetryFacts) {
    if !telemetry.is_settled() && !telemetry.refuses_all {
        return;
    }
    let nodes = &telemetry.nodes;
    let members = engines.members.iter().flatten().flatten();
    let members: HashMap<&str, &Member> = members.map(|it| (it.name.as_str(), it)).collect();
    let reported = nodes.iter().filter(|node| node.containers.is_some());
    let reported: Vec<&str> = reported.map(|node| node.report.name.as_str()).collect();
    if !reported.is_empty() {
        findings.add(kind::NODES.of(ABOUT, format!("agents report {}", some(&reported))));
    }
    foreign_senders(findings, nodes);
    let tasks = tasks(telemetry);
    let unknown_hosts = unknown_hosts(telemetry);
    let silent = telemetry.agents.iter().filter(|agent| agent.status.silent);
    let silent = silent.flat_map(|agent| &agent.hosts);
    let silent: HashSet<String> = silent.map(|host| short_name(host)).collect();
    for node in nodes {
        let name = node.report.name.as_str();
        let tasks = tasks.get(name).copied().unwrap_or(0);
        let member = members.get(name).copied();
        match (&node.report.reporter, node.containers) {
            (Reporter::Contested(claimants), _) => findings.add(contested(name, claimants)),
            (_, Some(0)) if tasks > 0 => findings.add(without_containers(name, tasks, member)),
            (_, Some(_)) => {}
            (_, None) => {
                let is_ready = member.is_none_or(|member| member.state == "ready");
                let is_explained =
                    !node.report.foreign.is_empty() || silent.contains(&short_name(name));
                if is_ready && !is_explained {
                    findings.add(without_agent(name, tasks, unknown_hosts.first()));
                }
            }
        }
    }
    if !nodes.is_empty() && !unknown_hosts.is_empty() {
        let hosts = some(&unknown_hosts);
        let what = format!("reported hosts that are not nodes of this swarm: {hosts}");
        findings.add(kind::HOST_UNKNOWN.of(ABOUT, what));
    }
}

/// Number of running tasks of the services by node.
fn tasks(telemetry: &TelemetryFacts) -> HashMap<&str, usize> {
    let mut tasks: HashMap<&str, usize> = HashMap::new();
    let services = telemetry.services.iter();
    for task in services.flat_map(|facts| &facts.service.tasks) {
        let is_settled = task.age >= telemetry.settled_after;
        if let (TaskState::Running, true, Some(node)) = (task.state, is_settled, &task.node) {
            *tasks.entry(node).or_default() += 1;
        }
    }
    tasks
}

/// Hosts of agents that report for no node and whose name is not that of a node.
fn unknown_hosts(telemetry: &TelemetryFacts) -> Vec<&str> {
    let nodes = telemetry.nodes.iter();
    let names: HashSet<String> = nodes.map(|node| short_name(&node.report.name)).collect();
    let nodes = telemetry.nodes.iter();
    let reporters: HashSet<_> = nodes.filter_map(NodeFacts::reporter).collect();
    let agents = telemetry.agents.iter();
    let hosts: BTreeSet<&str> = agents
        .filter(|agent| !reporters.contains(&agent.origin()))
        .flat_map(|agent| &agent.hosts)
        .filter(|host| !names.contains(&short_name(host)))
        .map(String::as_str)
        .collect();
    hosts.into_iter().collect()
}

fn contested(node: &str, claimants: &[Claimant]) -> Finding {
    let senders: Vec<String> = claimants.iter().map(ToString::to_string).collect();
    let what = format!(
        "several agents report for this node, so its readings are not used: {}",
        senders.join(", ")
    );
    let advice = format!(
        "stop all but one of them (Host sFlow or `elb agent`, not both), and give each machine a \
         different host name. If the orchestrator does not know the address of the node, set {} = \
         [\"ADDRESS\"] under [collector.nodes]",
        key(node)
    );
    let finding = kind::NODE_CONTESTED.of(format!("node {node}"), what);
    let finding = finding.advise(advice).detail("node", node);
    finding.detail("senders", senders)
}

fn without_agent(node: &str, tasks: usize, unknown_host: Option<&&str>) -> Finding {
    let mut what = "no agent reports for this node".to_owned();
    if tasks > 0 {
        what = format!("{what}, although {} there", running(tasks));
    }
    let finding = kind::NODE_WITHOUT_AGENT.of(format!("node {node}"), what);
    let start = finding.advice.clone().unwrap_or_default();
    let finding = finding.detail("node", node).detail("tasks", tasks);
    match (tasks, unknown_host) {
        (0, _) => finding.level(Level::Note),
        (_, Some(host)) => finding.advise(format!(
            "if the agent with the host name {host} runs on this node, correct the name; otherwise \
             {start}"
        )),
        (_, None) => finding.advise(format!("{start}; check whether its datagrams arrive")),
    }
}

fn without_containers(node: &str, tasks: usize, member: Option<&Member>) -> Finding {
    let running = running(tasks);
    let what = format!("its agent reports the host but no containers, although {running} there");
    let finding = kind::HOST_WITHOUT_CONTAINERS.of(format!("node {node}"), what);
    let finding = finding.detail("host", node).detail("tasks", tasks);
    let engine = member.map_or("", |member| member.engine.as_str());
    let major = engine.split('.').next().unwrap_or_default();
    if major.parse::<u32>().is_ok_and(|major| major >= 29) {
        return finding.advise(format!(
            "engine {engine} rejects the old API version that Host sFlow uses: set \
             \"min-api-version\": \"1.24\" in its daemon.json and restart it, or run `elb agent`"
        ));
    }
    finding
}

/// Number of running tasks, as a clause.
fn running(tasks: usize) -> String {
    let verb = if tasks == 1 { "runs" } else { "run" };
    format!("{} of managed services {verb}", counted(tasks, "task"))
}

/// Senders that report nodes without permission. A sender that does so for several nodes is
/// reported once.
fn foreign_senders(findings: &mut Findings, nodes: &[NodeFacts]) {
    let senders = |node: &NodeFacts| -> BTreeSet<IpAddr> {
        let foreign = node.report.foreign.iter();
        foreign.map(|agent| agent.sender).collect()
    };
    let mut shared: BTreeMap<IpAddr, Vec<&str>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.containers.is_none()) {
        for sender in senders(node) {
            shared.entry(sender).or_default().push(&node.report.name);
        }
    }
    shared.retain(|_, nodes| nodes.len() > 1);
    for (sender, nodes) in &shared {
        let what = format!(
            "readings of the nodes {} are ignored: they arrive from this address, which is not the \
             address of any of them",
            some(nodes)
        );
        let advice = format!(
            "{HOST_NETWORK}, add \"*\" = [\"{sender}\"] under [collector.nodes] in the \
             configuration"
        );
        let finding = kind::SHARED_SENDER.of(format!("sender {sender}"), what);
        let finding = finding.advise(advice).detail("nodes", &nodes[..]);
        findings.add(finding.detail("sender", sender.to_string()));
    }
    for node in nodes {
        let is_reported = node.containers.is_some();
        let senders = senders(node).into_iter();
        let senders = senders.filter(|sender| is_reported || !shared.contains_key(sender));
        let senders: Vec<String> = senders.map(|sender| sender.to_string()).collect();
        if !senders.is_empty() {
            findings.add(foreign_sender(node, &senders, is_reported));
        }
    }
}

fn foreign_sender(node: &NodeFacts, senders: &[String], is_reported: bool) -> Finding {
    let name = node.report.name.as_str();
    let addresses = node.report.addresses.iter();
    let addresses: Vec<String> = addresses.map(IpAddr::to_string).collect();
    let known = match &addresses[..] {
        [] => "not an address configured for it".to_owned(),
        addresses => format!("not its address {}", addresses.join(" or ")),
    };
    let from = senders.join(", ");
    let what = format!("readings of this node from {from} are ignored: {known}");
    let finding = kind::FOREIGN_SENDER.of(format!("node {name}"), what);
    let finding = finding.detail("node", name).detail("senders", senders);
    let finding = finding.detail("addresses", addresses);
    let finding = finding.detail("is_reported", is_reported);
    if is_reported {
        return finding.level(Level::Note);
    }
    finding.advise(format!(
        "if this is its agent, add {} = {senders:?} under [collector.nodes] in the configuration",
        key(name)
    ))
}

/// The name of a node as a TOML key.
fn key(node: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    match node.chars().all(is_bare) {
        true => node.to_owned(),
        false => format!("{node:?}"),
    }
}
