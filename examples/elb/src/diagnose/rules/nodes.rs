use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::{FIREWALL, HOST_NETWORK, some};
use crate::diagnose::facts::{EngineFacts, NodeFacts, TelemetryFacts};
use crate::diagnose::finding::{Findings, Level};
use crate::docker::Member;
use crate::format::counted;
use crate::orchestrator::TaskState;
use sflow_autoscale::observe::{Reporter, short_name};

/// Checks which nodes are reported, and by which senders.
pub(super) fn check(findings: &mut Findings, engines: &EngineFacts, telemetry: &TelemetryFacts) {
    if !telemetry.is_settled() && !telemetry.refuses_all {
        return;
    }
    let nodes = &telemetry.nodes;
    let members: HashMap<&str, &Member> = engines
        .members
        .iter()
        .flatten()
        .flatten()
        .map(|member| (member.name.as_str(), member))
        .collect();
    let reported: Vec<&str> = nodes
        .iter()
        .filter(|node| node.containers.is_some())
        .map(|node| node.report.name.as_str())
        .collect();
    if !reported.is_empty() {
        let what = format!("agents report {}", some(&reported));
        findings.about("telemetry").ok("nodes", what);
    }
    foreign_senders(findings, nodes);
    let tasks = tasks(telemetry);
    let unknown_hosts = unknown_hosts(telemetry);
    let silent = telemetry.agents.iter().filter(|agent| agent.status.silent);
    let silent: HashSet<String> = silent
        .flat_map(|agent| &agent.hosts)
        .map(|host| short_name(host))
        .collect();
    for node in nodes {
        let name = node.report.name.as_str();
        let tasks = tasks.get(name).copied().unwrap_or(0);
        let member = members.get(name).copied();
        if let Reporter::Contested(claimants) = &node.report.reporter {
            let senders: Vec<String> = claimants.iter().map(ToString::to_string).collect();
            contested(findings, name, &senders);
        } else if let Some(containers) = node.containers {
            if containers == 0 && tasks > 0 {
                without_containers(findings, name, tasks, member);
            }
        } else {
            let is_ready = member.is_none_or(|member| member.state == "ready");
            let is_explained =
                !node.report.foreign.is_empty() || silent.contains(&short_name(name));
            if is_ready && !is_explained {
                without_agent(findings, name, tasks, unknown_hosts.first().copied());
            }
        }
    }
    if !nodes.is_empty() && !unknown_hosts.is_empty() {
        findings.about("telemetry").note(
            "host_unknown",
            format!(
                "reported hosts that are not nodes of this swarm: {}",
                some(&unknown_hosts)
            ),
            "if one is a node, configure its agent to send from an address of the node, or add its \
             address under [collector.nodes]",
        );
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
    let reporters = telemetry.nodes.iter().filter_map(|node| {
        let (Reporter::Agent(agent) | Reporter::Probation(agent)) = &node.report.reporter else {
            return None;
        };
        Some((agent.sender, agent.address))
    });
    let reporters: HashSet<_> = reporters.collect();
    let nodes = telemetry.nodes.iter();
    let nodes: HashSet<String> = nodes.map(|node| short_name(&node.report.name)).collect();
    let hosts: BTreeSet<&str> = telemetry
        .agents
        .iter()
        .filter(|agent| !reporters.contains(&(agent.status.key.sender, agent.status.key.address)))
        .flat_map(|agent| &agent.hosts)
        .filter(|host| !nodes.contains(&short_name(host)))
        .map(String::as_str)
        .collect();
    hosts.into_iter().collect()
}

fn contested(findings: &mut Findings, node: &str, senders: &[String]) {
    let mut subject = findings.about(format!("node {node}"));
    subject.wrong(
        "node_contested",
        format!(
            "several agents report for this node, so its readings are not used: {}",
            senders.join(", ")
        ),
        format!(
            "stop all but one of them (Host sFlow or `elb agent`, not both), and give each \
             machine a different host name. If the orchestrator does not know the address of \
             the node, set {} = [\"ADDRESS\"] under [collector.nodes]",
            key(node)
        ),
    );
    subject.with([("node", node.into()), ("senders", senders.into())]);
}

fn without_agent(findings: &mut Findings, node: &str, tasks: usize, unknown_host: Option<&str>) {
    const START: &str =
        "start an agent there, or configure it to send from the address of the node";
    let mut subject = findings.about(format!("node {node}"));
    let what = "no agent reports for this node";
    match (tasks, unknown_host) {
        (0, _) => subject.note("node_without_agent", what, START),
        (_, host) => {
            let what = format!("{what}, although {} there", running(tasks));
            let advice = match host {
                Some(host) => format!(
                    "if the agent with the host name {host} runs on this node, correct the name; \
                     otherwise {START}"
                ),
                None => format!("{START}; check whether its datagrams arrive"),
            };
            subject.wrong("node_without_agent", what, advice);
        }
    }
    subject.with([("node", node.into()), ("tasks", tasks.into())]);
}

fn without_containers(findings: &mut Findings, node: &str, tasks: usize, member: Option<&Member>) {
    let engine = member.map_or("", |member| member.engine.as_str());
    let major = engine.split('.').next().unwrap_or_default();
    let refuses_old = major.parse::<u32>().is_ok_and(|major| major >= 29);
    let advice = if refuses_old {
        format!(
            "engine {engine} rejects the old API version that Host sFlow uses: set \
             \"min-api-version\": \"1.24\" in its daemon.json and restart it, or run `elb agent`"
        )
    } else {
        "load the agent's Docker module (`docker { markTraffic = on }` in hsflowd.conf), and give \
         it access to the engine's socket"
            .to_owned()
    };
    let mut subject = findings.about(format!("node {node}"));
    subject.wrong(
        "host_without_containers",
        format!(
            "its agent reports the host but no containers, although {} there",
            running(tasks)
        ),
        advice,
    );
    subject.with([("host", node.into()), ("tasks", tasks.into())]);
}

/// Number of running tasks, as a clause.
fn running(tasks: usize) -> String {
    let verb = if tasks == 1 { "runs" } else { "run" };
    format!("{} of managed services {verb}", counted(tasks, "task"))
}

/// Senders that report nodes without permission. A sender that does so for several nodes is
/// reported once.
fn foreign_senders(findings: &mut Findings, nodes: &[NodeFacts]) {
    let mut shared: BTreeMap<IpAddr, Vec<&str>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.containers.is_none()) {
        let senders = node.report.foreign.iter().map(|agent| agent.sender);
        for sender in senders.collect::<BTreeSet<_>>() {
            shared.entry(sender).or_default().push(&node.report.name);
        }
    }
    shared.retain(|_, nodes| nodes.len() > 1);
    for (sender, nodes) in &shared {
        shared_sender(findings, *sender, nodes);
    }
    for node in nodes {
        let is_reported = node.containers.is_some();
        let senders = node.report.foreign.iter().map(|agent| agent.sender);
        let senders: BTreeSet<IpAddr> = senders
            .filter(|sender| is_reported || !shared.contains_key(sender))
            .collect();
        if !senders.is_empty() {
            let senders: Vec<String> = senders.iter().map(IpAddr::to_string).collect();
            foreign_sender(findings, node, &senders);
        }
    }
}

fn shared_sender(findings: &mut Findings, sender: IpAddr, nodes: &[&str]) {
    let sender = sender.to_string();
    let mut subject = findings.about(format!("sender {sender}"));
    subject.wrong(
        "shared_sender",
        format!(
            "readings of the nodes {} are ignored: they arrive from this address, which is not \
             the address of any of them",
            some(nodes)
        ),
        format!(
            "{HOST_NETWORK}, add \"*\" = [\"{sender}\"] under [collector.nodes] in the \
             configuration"
        ),
    );
    subject.with([("sender", sender.into()), ("nodes", nodes.into())]);
}

fn foreign_sender(findings: &mut Findings, node: &NodeFacts, senders: &[String]) {
    let name = &node.report.name;
    let addresses = node.report.addresses.iter();
    let addresses: Vec<String> = addresses.map(IpAddr::to_string).collect();
    let known = match &addresses[..] {
        [] => "not an address configured for it".to_owned(),
        addresses => format!("not its address {}", addresses.join(" or ")),
    };
    let is_reported = node.containers.is_some();
    let (level, advice) = match is_reported {
        true => (Level::Note, FIREWALL.to_owned()),
        false => (
            Level::Wrong,
            format!(
                "if this is its agent, add {} = {senders:?} under [collector.nodes] in the \
                 configuration",
                key(name)
            ),
        ),
    };
    let mut subject = findings.about(format!("node {name}"));
    let what = format!(
        "readings of this node from {} are ignored: {known}",
        senders.join(", ")
    );
    subject.push(level, "foreign_sender", what, advice);
    subject.with([
        ("node", name.as_str().into()),
        ("senders", senders.into()),
        ("addresses", addresses.into()),
        ("is_reported", is_reported.into()),
    ]);
}

/// The name of a node as a TOML key.
fn key(node: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    match node.chars().all(is_bare) {
        true => node.to_owned(),
        false => format!("{node:?}"),
    }
}
