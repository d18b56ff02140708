use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::some;
use crate::config::Config;
use crate::diagnose::facts::TelemetryFacts;
use crate::diagnose::finding::Findings;
use crate::diagnose::kinds as kind;
use crate::format::{counted, duration};
use sflow_autoscale::observe::{AgentFacts, AgentSamples, ClockRate, short_name};

/// A longer polling interval makes decisions slow, regardless of the loop's interval.
const SLOW: Duration = Duration::from_secs(20);
/// Fraction of lost datagrams from which rates become inaccurate.
const LOSSY: f64 = 0.02;
/// More frequent restarts than one in this time are crashes.
const RESTART_INTERVAL: Duration = Duration::from_secs(600);

/// Checks each agent.
pub(super) fn check(findings: &mut Findings, config: &Config, telemetry: &TelemetryFacts) {
    let control = config.control.interval;
    let listened = telemetry.listened;
    let restart_limit = listened.div_duration_f64(RESTART_INTERVAL).max(1.0);
    for agent in &telemetry.agents {
        let (about, key) = (about(agent), agent.status.key.to_string());
        let key = key.as_str();
        if let Some(interval) = agent.interval.filter(|it| *it > SLOW.max(control)) {
            let what = format!(
                "counters arrive every {:.0} s, decisions are made every {control:?}: most of them \
                 use stale values",
                interval.as_secs_f64()
            );
            findings.add(kind::POLLING_SLOW.of(&about, what));
        }
        if let Some(loss) = agent.status.loss().filter(|loss| *loss >= LOSSY) {
            let (lost, all) = (agent.status.lost, agent.status.lost + agent.status.received);
            let percent = loss * 100.0;
            let what = format!("{lost} of {all} datagrams were lost ({percent:.0} %)");
            let finding = kind::AGENT_LOSSY.of(&about, what).detail("loss", loss);
            findings.add(finding.detail("agent", key));
        }
        if agent.is_contested() {
            let what = "another sender or a second sequence of datagrams has the identity of this \
                        agent: two agents have this identity, or its address is forged";
            findings.add(kind::AGENT_CONTESTED.of(&about, what).detail("agent", key));
        }
        let restarts = agent.status.restarts;
        if restarts as f64 > restart_limit {
            let what = format!("restarted {restarts} times");
            findings.add(kind::AGENT_RESTARTS.of(&about, what).detail("agent", key));
        }
        if let Some(contents) = &agent.samples {
            samples(findings, &about, agent, contents);
        }
    }
    twins(findings, telemetry);
}

/// Reports the agents that no longer send.
pub(super) fn silent(findings: &mut Findings, telemetry: &TelemetryFacts) {
    for agent in telemetry.agents.iter().filter(|it| it.status.silent) {
        let age = agent.age.as_secs_f64();
        let what = format!("no data for {}: its containers are unknown", duration(age));
        let finding = kind::SILENT_AGENT.of(about(agent), what).detail("age", age);
        let finding = finding.detail("agent", agent.status.key.to_string());
        findings.add(finding.detail("host", agent.hosts.first().cloned()));
    }
}

fn about(agent: &AgentFacts) -> String {
    match agent.hosts.first() {
        Some(host) => format!("agent {} on {host}", agent.status.key),
        None => format!("agent {}", agent.status.key),
    }
}

/// Checks the clock of an agent and its packet samples.
fn samples(findings: &mut Findings, about: &str, agent: &AgentFacts, samples: &AgentSamples) {
    match samples.uptime {
        Some(ClockRate {
            is_backwards: true, ..
        }) => {
            let what = "its uptime decreases although its sequence numbers increase";
            findings.add(kind::UPTIME_BACKWARDS.of(about, what));
        }
        Some(ClockRate { rate, .. }) if !(0.5..2.0).contains(&rate) => {
            let what = match rate {
                0.0 => "does not advance".to_owned(),
                0.0005..0.002 => "appears to be in seconds".to_owned(),
                0.05..0.2 => "appears to be in hundredths of a second".to_owned(),
                _ => format!("advances {rate:.2} times as fast as the clock of this machine"),
            };
            let what = format!("its uptime {what}; milliseconds are expected");
            findings.add(kind::UPTIME_WRONG.of(about, what));
        }
        _ => {}
    }
    if samples.unscaled > 0 {
        let what = format!("{} packet samples have no sampling rate", samples.unscaled);
        findings.add(kind::SAMPLING_UNSCALED.of(about, what));
    }
    let without = samples.without_adapter;
    if samples.packets > 0 && samples.named == 0 && without > 0 {
        let what = format!(
            "no MAC address reported for {without} of its {}, and packet samples name no container; \
             load of these containers is only known from counters",
            counted(agent.containers as usize, "container")
        );
        findings.add(kind::NO_ADAPTERS.of(about, what));
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
        let (count, names) = (counted(keys.len(), "agent"), some(&keys));
        let what = format!("{count} report this host name: {names}");
        let finding = kind::HOST_TWICE.of(format!("host {host}"), what);
        findings.add(finding.detail("host", host));
    }
}
