use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use sflow_metrics::AgentKey;

use super::{in_two, some};
use crate::check::facts::{ContainerFacts, EngineFacts, Heard, NotListening};
use crate::check::finding::Findings;
use crate::config::{Config, ServiceSettings as Wish};
use crate::docker::Member;
use crate::orchestrator::{Service, Task, TaskState};
use crate::presence::{foreign, sender_refused};
use crate::words::counted;
use sflow_autoscale::observe::{Claimant, Reporter, short_name};

const ABOUT: &str = "telemetry";

/// Judges that nobody could listen.
pub(super) fn deaf(findings: &mut Findings, config: &Config, why: &NotListening) {
    let NotListening { address, error, .. } = why;
    let port = address.port();
    if why.is_in_use {
        findings.wrong(
            "port-in-use",
            ABOUT,
            format!("UDP port {port} is taken, so the agents were not heard"),
            format!(
                "if elb runs here, ask it: `curl http://{}/api/v1/agents`; else see who it is \
                 with `ss -ulpn sport = :{port}`",
                reachable(config.http.listen),
            ),
        );
    } else {
        findings.wrong(
            "port-unusable",
            ABOUT,
            format!("cannot listen on {address}: {error}"),
            "set collector.listen to an address of this machine, or to 0.0.0.0:6343",
        );
    }
}

/// Where to ask who listens on all addresses.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

/// Judges what was heard of the swarm as a whole, and of each service.
pub(super) fn judge(
    findings: &mut Findings,
    config: &Config,
    wishes: &[Wish],
    engines: &EngineFacts,
    heard: &Heard,
) {
    let seconds = heard.listened.as_secs_f64();
    turned_away(findings, config, heard);
    if heard.datagrams == 0 && !heard.refused_senders.is_empty() {
        return;
    }
    if heard.datagrams == 0 {
        let port = heard.address.port();
        findings.wrong(
            "no-datagram",
            ABOUT,
            format!("no datagram came to {} in {seconds:.0} s", heard.address),
            format!(
                "is an agent running on each node, does it send to an address of this machine \
                 (`collector {{ ip = … }}` in hsflowd.conf, the collector of `elb agent`), and does \
                 a firewall let UDP port {port} through? `tcpdump -ni any udp port {port}` shows \
                 what arrives"
            ),
        );
        return;
    }
    findings.ok(
        "datagrams",
        ABOUT,
        format!(
            "{} of {} in {seconds:.0} s on {}",
            counted(
                usize::try_from(heard.datagrams).unwrap_or(usize::MAX),
                "datagram"
            ),
            counted(heard.agents.len(), "agent"),
            heard.address
        ),
    );
    unusable(findings, heard);
    let services: Vec<&Service> = engines.services.iter().flatten().flatten().collect();
    if let Some(Ok(members)) = &engines.members {
        nodes(findings, members, &services, heard);
    }
    for service in services {
        one(findings, service, heard);
    }
    if heard.agents.iter().all(|agent| agent.packet_samples == 0) && wants_traffic(wishes) {
        findings.note(
            "no-packet-samples",
            ABOUT,
            "no packet sample came: there is no fast signal, and load is seen once in a polling \
             interval",
            "if there was traffic, switch sampling on (`sampling = 100` and a `pcap` line for \
             each bridge in hsflowd.conf)",
        );
    }
}

fn turned_away(findings: &mut Findings, config: &Config, heard: &Heard) {
    let datagrams: u64 = heard.turned_away.values().sum();
    if !heard.refused_senders.is_empty() {
        let is_all = heard.datagrams == 0;
        let refused = sender_refused(&config.collector, &heard.refused_senders, is_all);
        let refused = refused.to_string();
        let (what, advice) = in_two(&refused);
        let what = format!("{what} ({datagrams} datagrams)");
        match is_all {
            true => findings.wrong("turned-away", ABOUT, what, advice),
            false => findings.note("turned-away", ABOUT, what, advice),
        }
    } else if datagrams > 0 {
        let senders: Vec<String> = heard.turned_away.keys().map(ToString::to_string).collect();
        let senders: Vec<&str> = senders.iter().map(String::as_str).collect();
        findings.note(
            "turned-away",
            ABOUT,
            format!(
                "{datagrams} datagrams that are not sFlow were refused, from {}",
                some(&senders)
            ),
            "let only the agents reach the port; other protocols have ports of their own",
        );
    }
    let is_reported = |place: usize| {
        let report = heard.reports.get(place);
        report.is_some_and(|report| report.reporter != Reporter::None)
    };
    for foreign in foreign(&heard.reports, is_reported) {
        let words = foreign.to_string();
        let (what, advice) = in_two(&words);
        match foreign.is_serious() {
            true => findings.wrong("foreign-sender", ABOUT, what, advice),
            false => findings.note("foreign-sender", ABOUT, what, advice),
        }
    }
}

fn wants_traffic(wishes: &[Wish]) -> bool {
    let is_traffic = |metric: &&str| metric.contains("vir_bytes") || metric.contains("vir_pkts");
    let mut wishes = wishes.iter();
    wishes.any(|wish| wish.settings.rule.metrics().iter().any(is_traffic))
}

fn unusable(findings: &mut Findings, heard: &Heard) {
    let dropped = heard.dropped.unwrap_or(0);
    if dropped > 0 {
        findings.wrong(
            "kernel-drops",
            ABOUT,
            format!("the kernel dropped {dropped} datagrams for lack of room"),
            "raise net.core.rmem_max (`sysctl -w net.core.rmem_max=4194304`), or see who sends \
             so much",
        );
    }
    // What the kernel dropped is told above.
    let refused = heard.refused.iter();
    let causes: Vec<String> = refused
        .filter(|(cause, _)| !cause.contains("overflow"))
        .map(|(cause, count)| format!("{count} × {cause}"))
        .collect();
    if !causes.is_empty() {
        findings.note(
            "strangers",
            ABOUT,
            format!("on the port, and of no use: {}", causes.join(", ")),
            "let nobody but the agents reach the port; other protocols have ports of their own",
        );
    }
}

/// Which nodes are heard, by the names that agents give their hosts.
fn nodes(findings: &mut Findings, members: &[Member], services: &[&Service], heard: &Heard) {
    let hosts = || heard.agents.iter().flat_map(|agent| &agent.hosts);
    let told: BTreeSet<String> = hosts().map(|host| short_name(host)).collect();
    let known: BTreeSet<String> = members.iter().map(|node| short_name(&node.name)).collect();
    let (seen, silent): (Vec<&Member>, Vec<&Member>) = members
        .iter()
        .filter(|node| node.state == "ready")
        .partition(|node| {
            told.contains(&short_name(&node.name)) || reporter(heard, node).is_some()
        });
    if !seen.is_empty() {
        let names: Vec<&str> = seen.iter().map(|node| node.name.as_str()).collect();
        findings.ok("nodes", ABOUT, format!("heard from {}", some(&names)));
    }
    let strangers: BTreeSet<&str> = hosts()
        .filter(|host| !known.contains(&short_name(host)))
        .map(String::as_str)
        .collect();
    let strangers: Vec<&str> = strangers.into_iter().collect();
    for node in silent {
        let tasks = placed(services, node);
        let about = format!("node {}", node.name);
        let what = "no agent reports for this node";
        if tasks == 0 {
            findings.note(
                "node-silent",
                &about,
                what,
                "start an agent there before tasks are placed on it",
            );
            continue;
        }
        let tasks = counted(tasks, "task");
        let advice = match strangers.first() {
            Some(host) => format!(
                "is it the one that calls itself {host}? Else start an agent there, or see whether \
                 its datagrams arrive"
            ),
            None => "start an agent there, or see whether its datagrams arrive".to_owned(),
        };
        findings.wrong(
            "node-silent",
            &about,
            format!("{what}, and {tasks} of the services run there"),
            advice,
        );
    }
    if !strangers.is_empty() {
        findings.note(
            "host-unknown",
            ABOUT,
            format!(
                "hosts that are not nodes of this swarm: {}",
                some(&strangers)
            ),
            "if one is a node, let its agent send from an address of the node, or add its address \
             under [collector.nodes]",
        );
    }
    for node in seen {
        if placed(services, node) > 0 && !reports_containers(heard, node) {
            without_containers(findings, node);
        }
    }
}

/// The agent of a node, as far as the addresses decide.
fn reporter<'h>(heard: &'h Heard, node: &Member) -> Option<&'h Claimant> {
    let report = heard
        .reports
        .iter()
        .find(|report| report.name == node.name)?;
    match &report.reporter {
        Reporter::Agent(claimant) | Reporter::Probation(claimant) => Some(claimant),
        Reporter::None | Reporter::Contested(_) => None,
    }
}

/// Whether the agent of the node, or one that calls its host like the node, reports any container.
fn reports_containers(heard: &Heard, node: &Member) -> bool {
    let name = short_name(&node.name);
    let agents = heard.agents.iter();
    let reporter = reporter(heard, node);
    let is_reporter = |key: &AgentKey| {
        reporter.is_some_and(|it| (it.sender, it.address) == (key.sender, key.address))
    };
    let mut its = agents.filter(|agent| {
        is_reporter(&agent.key) || agent.hosts.iter().any(|host| short_name(host) == name)
    });
    its.any(|agent| {
        let mut containers = heard.containers.iter();
        containers.any(|container| container.agent == agent.key)
    })
}

fn without_containers(findings: &mut Findings, node: &Member) {
    let major = node.engine.split('.').next().unwrap_or_default();
    let refuses_old = major.parse::<u32>().is_ok_and(|major| major >= 29);
    let advice = if refuses_old {
        format!(
            "engine {} refuses the old version of its interface that Host sFlow asks for: set \
             \"min-api-version\": \"1.24\" in its daemon.json and restart it, or run `elb agent`",
            node.engine
        )
    } else {
        "load the agent's Docker module (`docker { markTraffic = on }` in hsflowd.conf), and let it open the \
         engine's socket"
            .to_owned()
    };
    findings.wrong(
        "no-containers",
        &format!("node {}", node.name),
        "its agent reports the host and no container",
        advice,
    );
}

/// How many tasks of the services run on a node.
fn placed(services: &[&Service], node: &Member) -> usize {
    let name = short_name(&node.name);
    let tasks = services.iter().flat_map(|service| &service.tasks);
    tasks
        .filter(|task| task.state == TaskState::Running)
        .filter_map(|task| task.node.as_deref())
        .filter(|host| short_name(host) == name)
        .count()
}

fn is_on(container: &ContainerFacts, node: &str) -> bool {
    let host = container.host.as_deref();
    host.is_some_and(|host| short_name(host) == short_name(node))
}

/// Which containers of a service are heard, and what of them.
fn one(findings: &mut Findings, service: &Service, heard: &Heard) {
    let about = format!("service {}", service.name);
    let is_running = |task: &&Task| task.state == TaskState::Running;
    let running: Vec<&Task> = service.tasks.iter().filter(is_running).collect();
    if running.is_empty() {
        return;
    }
    let mut unheard = Vec::new();
    let mut elsewhere = Vec::new();
    for task in &running {
        let name = task.container.as_str();
        let mut told = heard
            .containers
            .iter()
            .filter(|container| container.is_of(task))
            .peekable();
        let is_there = |container: &ContainerFacts| match (&container.host, &task.node) {
            (Some(_), Some(node)) => is_on(container, node),
            _ => true,
        };
        if told.peek().is_none() {
            unheard.push(name);
        } else if !told.any(is_there) {
            elsewhere.push(name);
        }
    }
    let of = counted(running.len(), "container");
    if unheard.is_empty() && elsewhere.is_empty() {
        findings.ok(
            "containers",
            &about,
            format!("{} of {of} heard", running.len()),
        );
    }
    if !unheard.is_empty() {
        findings.wrong(
            "containers-unheard",
            &about,
            format!("{} of {of} not heard: {}", unheard.len(), some(&unheard)),
            "see what is said of their nodes; one that has just started is heard within a polling \
             interval",
        );
    }
    if !elsewhere.is_empty() {
        findings.wrong(
            "containers-elsewhere",
            &about,
            format!(
                "{} of {of} reported from another host than swarm placed it on: {}; that does not \
                 count",
                elsewhere.len(),
                some(&elsewhere)
            ),
            "let each agent call its host what `docker node ls` calls the node",
        );
    }
    let seen = running.len() - unheard.len() - elsewhere.len();
    if seen > 0 {
        metrics(findings, &about, service, seen, heard);
    }
}

/// Which metrics of the rule nobody, or not everybody, reports.
fn metrics(findings: &mut Findings, about: &str, service: &Service, seen: usize, heard: &Heard) {
    const TWO: &str = "a rate takes two polling intervals: listen for longer (--listen-for 1m)";
    let signals = heard.signals.get(&service.name);
    for signal in signals.into_iter().flatten() {
        let (metric, told) = (&signal.metric, signal.contributing as usize);
        let seconds = heard.listened.as_secs_f64();
        if told == 0 {
            findings.wrong(
                "metric-unreported",
                about,
                format!("no container has reported {metric} in {seconds:.0} s"),
                format!("{TWO}. If it stays away, the agent does not measure it: take another one"),
            );
        } else if told < seen {
            findings.note(
                "metric-partial",
                about,
                format!("{told} of {seen} containers have reported {metric}"),
                TWO,
            );
        }
    }
}
