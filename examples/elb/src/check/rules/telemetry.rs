use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use sflow_metrics::AgentKey;

use super::{some, split_advice};
use crate::check::facts::{ContainerFacts, EngineFacts, NotListening, TelemetryFacts};
use crate::check::finding::Findings;
use crate::config::{Config, ServiceSettings};
use crate::coverage::{foreign, sender_refused};
use crate::docker::Member;
use crate::format::counted;
use crate::orchestrator::{Service, Task, TaskState};
use sflow_autoscale::observe::{Claimant, Reporter, short_name};

const ABOUT: &str = "telemetry";

/// Reports why no telemetry could be received.
pub(super) fn deaf(findings: &mut Findings, config: &Config, why: &NotListening) {
    let NotListening { address, error, .. } = why;
    let port = address.port();
    if why.is_in_use {
        findings.wrong(
            "port-in-use",
            ABOUT,
            format!("UDP port {port} is in use, so telemetry was not checked"),
            format!(
                "if elb is running here, see `curl http://{}/api/v1/agents`; otherwise find the \
                 process with `ss -ulpn sport = :{port}`",
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

/// The local address at which a server on all addresses can be queried.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

/// Checks the telemetry of the swarm and of each service.
pub(super) fn check(
    findings: &mut Findings,
    config: &Config,
    managed: &[ServiceSettings],
    engines: &EngineFacts,
    telemetry: &TelemetryFacts,
) {
    let seconds = telemetry.listened.as_secs_f64();
    turned_away(findings, config, telemetry);
    if telemetry.datagrams == 0 && !telemetry.refused_senders.is_empty() {
        return;
    }
    if telemetry.datagrams == 0 {
        let port = telemetry.address.port();
        findings.wrong(
            "no-datagram",
            ABOUT,
            format!(
                "no datagram received on {} in {seconds:.0} s",
                telemetry.address
            ),
            format!(
                "check that an agent runs on each node, that it sends to an address of this \
                 machine (`collector {{ ip = … }}` in hsflowd.conf, `--collector` of `elb agent`), \
                 and that no firewall blocks UDP port {port}. `tcpdump -ni any udp port {port}` \
                 shows what arrives"
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
                usize::try_from(telemetry.datagrams).unwrap_or(usize::MAX),
                "datagram"
            ),
            counted(telemetry.agents.len(), "agent"),
            telemetry.address
        ),
    );
    unusable(findings, telemetry);
    let services: Vec<&Service> = engines.services.iter().flatten().flatten().collect();
    if let Some(Ok(members)) = &engines.members {
        nodes(findings, members, &services, telemetry);
    }
    for service in services {
        one(findings, service, telemetry);
    }
    if telemetry
        .agents
        .iter()
        .all(|agent| agent.packet_samples == 0)
        && wants_traffic(managed)
    {
        findings.note(
            "no-packet-samples",
            ABOUT,
            "no packet samples received: load is only known from counters, once per polling \
             interval",
            "if there is traffic, enable sampling (`sampling = 100` and a `pcap` line for \
             each bridge in hsflowd.conf)",
        );
    }
}

fn turned_away(findings: &mut Findings, config: &Config, telemetry: &TelemetryFacts) {
    let datagrams: u64 = telemetry.turned_away.values().sum();
    if !telemetry.refused_senders.is_empty() {
        let is_all = telemetry.datagrams == 0;
        let refused = sender_refused(&config.collector, &telemetry.refused_senders, is_all);
        let refused = refused.to_string();
        let (what, advice) = split_advice(&refused);
        let what = format!("{what} ({datagrams} datagrams)");
        match is_all {
            true => findings.wrong("turned-away", ABOUT, what, advice),
            false => findings.note("turned-away", ABOUT, what, advice),
        }
    } else if datagrams > 0 {
        let senders: Vec<String> = telemetry
            .turned_away
            .keys()
            .map(ToString::to_string)
            .collect();
        let senders: Vec<&str> = senders.iter().map(String::as_str).collect();
        findings.note(
            "turned-away",
            ABOUT,
            format!(
                "ignored {datagrams} datagrams that are not sFlow, from {}",
                some(&senders)
            ),
            "restrict the port to the agents; use other ports for other protocols",
        );
    }
    let is_reported = |place: usize| {
        let report = telemetry.reports.get(place);
        report.is_some_and(|report| report.reporter != Reporter::None)
    };
    for foreign in foreign(&telemetry.reports, is_reported) {
        let text = foreign.to_string();
        let (what, advice) = split_advice(&text);
        match foreign.is_serious() {
            true => findings.wrong("foreign-sender", ABOUT, what, advice),
            false => findings.note("foreign-sender", ABOUT, what, advice),
        }
    }
}

fn wants_traffic(managed: &[ServiceSettings]) -> bool {
    let is_traffic = |metric: &&str| metric.contains("vir_bytes") || metric.contains("vir_pkts");
    let mut managed = managed.iter();
    managed.any(|entry| entry.settings.rule.metrics().iter().any(is_traffic))
}

fn unusable(findings: &mut Findings, telemetry: &TelemetryFacts) {
    let dropped = telemetry.dropped.unwrap_or(0);
    if dropped > 0 {
        findings.wrong(
            "kernel-drops",
            ABOUT,
            format!("the kernel dropped {dropped} datagrams because the receive buffer was full"),
            "raise net.core.rmem_max (`sysctl -w net.core.rmem_max=4194304`), or find the sender \
             of so many datagrams",
        );
    }
    // Drops by the kernel are reported above.
    let refused = telemetry.refused.iter();
    let causes: Vec<String> = refused
        .filter(|(cause, _)| !cause.contains("overflow"))
        .map(|(cause, count)| format!("{count} × {cause}"))
        .collect();
    if !causes.is_empty() {
        findings.note(
            "strangers",
            ABOUT,
            format!("datagrams that cannot be used: {}", causes.join(", ")),
            "restrict the port to the agents; use other ports for other protocols",
        );
    }
}

/// Checks which nodes are reported, by address and by host name.
fn nodes(
    findings: &mut Findings,
    members: &[Member],
    services: &[&Service],
    telemetry: &TelemetryFacts,
) {
    let hosts = || telemetry.agents.iter().flat_map(|agent| &agent.hosts);
    let reported: BTreeSet<String> = hosts().map(|host| short_name(host)).collect();
    let known: BTreeSet<String> = members.iter().map(|node| short_name(&node.name)).collect();
    let (seen, silent): (Vec<&Member>, Vec<&Member>) = members
        .iter()
        .filter(|node| node.state == "ready")
        .partition(|node| {
            reported.contains(&short_name(&node.name)) || reporter(telemetry, node).is_some()
        });
    if !seen.is_empty() {
        let names: Vec<&str> = seen.iter().map(|node| node.name.as_str()).collect();
        findings.ok("nodes", ABOUT, format!("agents report {}", some(&names)));
    }
    let foreign: BTreeSet<&str> = hosts()
        .filter(|host| !known.contains(&short_name(host)))
        .map(String::as_str)
        .collect();
    let foreign: Vec<&str> = foreign.into_iter().collect();
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
        let advice = match foreign.first() {
            Some(host) => format!(
                "if it is the one that reports the host name {host}, correct the name; otherwise \
                 start an agent there, or check whether its datagrams arrive"
            ),
            None => "start an agent there, or check whether its datagrams arrive".to_owned(),
        };
        findings.wrong(
            "node-silent",
            &about,
            format!("{what}, although {tasks} of the services run there"),
            advice,
        );
    }
    if !foreign.is_empty() {
        findings.note(
            "host-unknown",
            ABOUT,
            format!(
                "reported hosts that are not nodes of this swarm: {}",
                some(&foreign)
            ),
            "if one is a node, configure its agent to send from an address of the node, or add its \
             address under [collector.nodes]",
        );
    }
    for node in seen {
        if placed(services, node) > 0 && !reports_containers(telemetry, node) {
            without_containers(findings, node);
        }
    }
}

/// The agent of a node, determined by addresses.
fn reporter<'h>(telemetry: &'h TelemetryFacts, node: &Member) -> Option<&'h Claimant> {
    let report = telemetry
        .reports
        .iter()
        .find(|report| report.name == node.name)?;
    match &report.reporter {
        Reporter::Agent(claimant) | Reporter::Probation(claimant) => Some(claimant),
        Reporter::None | Reporter::Contested(_) => None,
    }
}

/// Whether the agent of the node, or an agent with the host name of the node, reports a container.
fn reports_containers(telemetry: &TelemetryFacts, node: &Member) -> bool {
    let name = short_name(&node.name);
    let agents = telemetry.agents.iter();
    let reporter = reporter(telemetry, node);
    let is_reporter = |key: &AgentKey| {
        reporter.is_some_and(|it| (it.sender, it.address) == (key.sender, key.address))
    };
    let mut its = agents.filter(|agent| {
        is_reporter(&agent.key) || agent.hosts.iter().any(|host| short_name(host) == name)
    });
    its.any(|agent| {
        let mut containers = telemetry.containers.iter();
        containers.any(|container| container.agent == agent.key)
    })
}

fn without_containers(findings: &mut Findings, node: &Member) {
    let major = node.engine.split('.').next().unwrap_or_default();
    let refuses_old = major.parse::<u32>().is_ok_and(|major| major >= 29);
    let advice = if refuses_old {
        format!(
            "engine {} rejects the old API version that Host sFlow uses: set \
             \"min-api-version\": \"1.24\" in its daemon.json and restart it, or run `elb agent`",
            node.engine
        )
    } else {
        "load the agent's Docker module (`docker { markTraffic = on }` in hsflowd.conf), and give \
         it access to the engine's socket"
            .to_owned()
    };
    findings.wrong(
        "no-containers",
        &format!("node {}", node.name),
        "its agent reports the host but no containers",
        advice,
    );
}

/// Number of tasks of the services on a node.
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

/// Checks which containers of a service are reported, and with which metrics.
fn one(findings: &mut Findings, service: &Service, telemetry: &TelemetryFacts) {
    let about = format!("service {}", service.name);
    let is_running = |task: &&Task| task.state == TaskState::Running;
    let running: Vec<&Task> = service.tasks.iter().filter(is_running).collect();
    if running.is_empty() {
        return;
    }
    let mut unreported = Vec::new();
    let mut elsewhere = Vec::new();
    for task in &running {
        let name = task.container.as_str();
        let mut reports = telemetry
            .containers
            .iter()
            .filter(|container| container.is_of(task))
            .peekable();
        let is_there = |container: &ContainerFacts| match (&container.host, &task.node) {
            (Some(_), Some(node)) => is_on(container, node),
            _ => true,
        };
        if reports.peek().is_none() {
            unreported.push(name);
        } else if !reports.any(is_there) {
            elsewhere.push(name);
        }
    }
    let of = counted(running.len(), "container");
    if unreported.is_empty() && elsewhere.is_empty() {
        findings.ok(
            "containers",
            &about,
            format!("{} of {of} reported", running.len()),
        );
    }
    if !unreported.is_empty() {
        findings.wrong(
            "containers-unheard",
            &about,
            format!(
                "{} of {of} not reported: {}",
                unreported.len(),
                some(&unreported)
            ),
            "see the findings about their nodes; a new container is reported within a polling \
             interval",
        );
    }
    if !elsewhere.is_empty() {
        findings.wrong(
            "containers-elsewhere",
            &about,
            format!(
                "{} of {of} reported by another host than the node of the task: {}; this does not \
                 count",
                elsewhere.len(),
                some(&elsewhere)
            ),
            "set the host name of each agent to the node name that `docker node ls` shows",
        );
    }
    let seen = running.len() - unreported.len() - elsewhere.len();
    if seen > 0 {
        metrics(findings, &about, service, seen, telemetry);
    }
}

/// Checks which metrics of the rule are missing for some or all containers.
fn metrics(
    findings: &mut Findings,
    about: &str,
    service: &Service,
    seen: usize,
    telemetry: &TelemetryFacts,
) {
    const TWO: &str = "a rate requires two polling intervals: listen longer (--listen-for 1m)";
    let signals = telemetry.signals.get(&service.name);
    for signal in signals.into_iter().flatten() {
        let (metric, reporting) = (&signal.metric, signal.contributing as usize);
        let seconds = telemetry.listened.as_secs_f64();
        if reporting == 0 {
            findings.wrong(
                "metric-unreported",
                about,
                format!("no container has reported {metric} in {seconds:.0} s"),
                format!("{TWO}. If it remains missing, the agent does not measure it: use another metric"),
            );
        } else if reporting < seen {
            findings.note(
                "metric-partial",
                about,
                format!("{reporting} of {seen} containers reported {metric}"),
                TWO,
            );
        }
    }
}
