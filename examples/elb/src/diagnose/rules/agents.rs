use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::some;
use crate::config::Config;
use crate::diagnose::facts::{AgentFacts, AgentSamples, ClockRate, TelemetryFacts};
use crate::diagnose::finding::{Findings, Subject};
use crate::format::{counted, duration};
use sflow_autoscale::observe::short_name;

/// A longer polling interval makes decisions slow, regardless of the loop's interval.
const SLOW: Duration = Duration::from_secs(20);
/// Fraction of lost datagrams from which rates become inaccurate.
const LOSSY: f64 = 0.02;
/// More frequent restarts than one in this time are crashes.
const RESTART_INTERVAL: Duration = Duration::from_secs(600);

/// Checks each agent.
pub(super) fn check(findings: &mut Findings, config: &Config, telemetry: &TelemetryFacts) {
    for agent in &telemetry.agents {
        let mut subject = findings.about(about(agent));
        polling(&mut subject, config, agent);
        loss(&mut subject, agent);
        identity(&mut subject, agent);
        restarts(&mut subject, agent, telemetry.listened);
        if let Some(samples) = &agent.samples {
            clock(&mut subject, samples);
            packets(&mut subject, agent, samples);
        }
    }
    twins(findings, telemetry);
}

/// Reports the agents that no longer send.
pub(super) fn silent(findings: &mut Findings, telemetry: &TelemetryFacts) {
    for agent in telemetry.agents.iter().filter(|it| it.status.silent) {
        let age = agent.age.as_secs_f64();
        let mut subject = findings.about(about(agent));
        subject.wrong(
            "silent_agent",
            format!("no data for {}: its containers are unknown", duration(age)),
            "check that it runs and sends to this host",
        );
        subject.with([
            ("agent", agent.status.key.to_string().into()),
            ("host", agent.hosts.first().cloned().into()),
            ("age", age.into()),
        ]);
    }
}

fn about(agent: &AgentFacts) -> String {
    match agent.hosts.first() {
        Some(host) => format!("agent {} on {host}", agent.status.key),
        None => format!("agent {}", agent.status.key),
    }
}

fn polling(subject: &mut Subject<'_>, config: &Config, agent: &AgentFacts) {
    let control = config.control.interval;
    if let Some(interval) = agent.interval
        && interval > SLOW.max(control)
    {
        subject.note(
            "polling_slow",
            format!(
                "counters arrive every {:.0} s, decisions are made every {control:?}: most of them \
                 use stale values",
                interval.as_secs_f64()
            ),
            "set the agent's polling interval to 10 s (`polling = 10` in hsflowd.conf)",
        );
    }
}

fn loss(subject: &mut Subject<'_>, agent: &AgentFacts) {
    let Some(loss) = agent.status.loss().filter(|loss| *loss >= LOSSY) else {
        return;
    };
    let (lost, received) = (agent.status.lost, agent.status.received);
    subject.note(
        "agent_lossy",
        format!(
            "{lost} of {} datagrams were lost ({:.0} %)",
            lost + received,
            loss * 100.0
        ),
        "check the network path and the socket buffers of both ends (`nstat -az \
         UdpRcvbufErrors UdpSndbufErrors`)",
    );
    subject.with([
        ("agent", agent.status.key.to_string().into()),
        ("loss", loss.into()),
    ]);
}

fn clock(subject: &mut Subject<'_>, samples: &AgentSamples) {
    let Some(ClockRate { rate, is_backwards }) = samples.uptime else {
        return;
    };
    if is_backwards {
        subject.note(
            "uptime_backwards",
            "its uptime decreases although its sequence numbers increase",
            "upgrade the agent: uptime is the time since its start in milliseconds",
        );
    } else if !(0.5..2.0).contains(&rate) {
        let what = if rate == 0.0 {
            "does not advance".to_owned()
        } else if (0.0005..0.002).contains(&rate) {
            "appears to be in seconds".to_owned()
        } else if (0.05..0.2).contains(&rate) {
            "appears to be in hundredths of a second".to_owned()
        } else {
            format!("advances {rate:.2} times as fast as the clock of this machine")
        };
        subject.note(
            "uptime_wrong",
            format!("its uptime {what}; milliseconds are expected"),
            "upgrade the agent; until then rates are computed from arrival times, which include \
             network jitter",
        );
    }
}

fn identity(subject: &mut Subject<'_>, agent: &AgentFacts) {
    if agent.is_contested() {
        subject.wrong(
            "agent_contested",
            "another sender or a second sequence of datagrams has the identity of this agent: \
             two agents have this identity, or its address is forged",
            "give each agent a different address (`agent = eth0` or `agentIP` in \
             hsflowd.conf). Readings of two sequences of one sender are not used; otherwise \
             agents are distinguished by the address of the sender",
        );
        subject.with([("agent", agent.status.key.to_string().into())]);
    }
}

fn restarts(subject: &mut Subject<'_>, agent: &AgentFacts, listened: Duration) {
    let restarts = agent.status.restarts;
    let limit = listened.div_duration_f64(RESTART_INTERVAL).max(1.0);
    if restarts as f64 > limit {
        subject.wrong(
            "agent_restarts",
            format!("restarted {restarts} times"),
            "check its log for crashes; or two agents use the same identity: run one agent per \
             node",
        );
        subject.with([("agent", agent.status.key.to_string().into())]);
    }
}

fn packets(subject: &mut Subject<'_>, agent: &AgentFacts, samples: &AgentSamples) {
    if samples.unscaled > 0 {
        subject.note(
            "sampling_unscaled",
            format!("{} packet samples have no sampling rate", samples.unscaled),
            "set a sampling rate in the agent; samples without one may be ignored",
        );
    }
    let without = samples.without_adapter;
    if samples.packets > 0 && samples.named == 0 && without > 0 {
        subject.note(
            "no_adapters",
            format!(
                "no MAC address reported for {without} of its {}, and packet samples name \
                 no container; load of these containers is only known from counters",
                counted(agent.containers as usize, "container")
            ),
            "Host sFlow: set `docker { markTraffic = on }` in hsflowd.conf (version 2.0.30 or \
             newer); `elb agent`: it needs root and the host's PID namespace",
        );
    }
}

/// Reports several agents with the same host name, unless it is the name of a node: then the
/// address decides, or the node is contested.
fn twins(findings: &mut Findings, telemetry: &TelemetryFacts) {
    let nodes = telemetry.nodes.iter();
    let nodes: HashSet<String> = nodes.map(|node| short_name(&node.report.name)).collect();
    let mut agents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for agent in &telemetry.agents {
        for host in &agent.hosts {
            let same = agents.entry(short_name(host)).or_default();
            same.push(agent.status.key.to_string());
        }
    }
    agents.retain(|host, keys| keys.len() > 1 && !nodes.contains(host));
    for (host, keys) in agents {
        let mut subject = findings.about(format!("host {host}"));
        subject.wrong(
            "host_twice",
            format!(
                "{} report this host name: {}",
                counted(keys.len(), "agent"),
                some(&keys)
            ),
            "run one agent on each node (Host sFlow or `elb agent`, not both), and give each \
             machine a different host name",
        );
        subject.with([("host", host.as_str().into())]);
    }
}
