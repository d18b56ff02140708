use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::facts::{AgentFacts, Pace, TelemetryFacts};
use crate::check::finding::Findings;
use crate::config::Config;
use crate::format::counted;
use sflow_autoscale::observe::short_name;

/// A longer polling interval makes decisions slow, regardless of the loop's interval.
const SLOW: Duration = Duration::from_secs(20);
/// Loss from which rates become inaccurate.
const LOSSY: f64 = 0.01;

/// Checks each agent.
pub(super) fn check(findings: &mut Findings, config: &Config, telemetry: &TelemetryFacts) {
    for agent in &telemetry.agents {
        let about = match agent.hosts.first() {
            Some(host) => format!("agent {} on {host}", agent.key),
            None => format!("agent {}", agent.key),
        };
        polling(findings, &about, config, agent);
        loss(findings, &about, agent);
        clock(findings, &about, agent);
        identity(findings, &about, agent);
        samples(findings, &about, agent, telemetry);
    }
    twins(findings, telemetry);
}

fn polling(findings: &mut Findings, about: &str, config: &Config, agent: &AgentFacts) {
    let control = config.control.interval;
    if let Some(interval) = agent.interval
        && interval > SLOW.max(control)
    {
        findings.note(
            "polling-slow",
            about,
            format!(
                "counters arrive every {:.0} s, decisions are made every {control:?}: most of them \
                 use stale values",
                interval.as_secs_f64()
            ),
            "set the agent's polling interval to 10 s (`polling = 10` in hsflowd.conf)",
        );
    }
}

fn loss(findings: &mut Findings, about: &str, agent: &AgentFacts) {
    let all = agent.received + agent.lost;
    let part = agent.lost as f64 / all.max(1) as f64;
    if part > LOSSY {
        findings.note(
            "loss",
            about,
            format!(
                "{} of {all} datagrams were lost ({:.0} %)",
                agent.lost,
                part * 100.0
            ),
            "check the network path and the socket buffers of both ends (`nstat -az \
             UdpRcvbufErrors UdpSndbufErrors`)",
        );
    }
}

fn clock(findings: &mut Findings, about: &str, agent: &AgentFacts) {
    let Some(Pace { rate, is_backwards }) = agent.uptime else {
        return;
    };
    if is_backwards {
        findings.note(
            "uptime-backwards",
            about,
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
        findings.note(
            "uptime-wrong",
            about,
            format!("its uptime {what}; milliseconds are expected"),
            "upgrade the agent; until then rates are computed from arrival times, which include \
             network jitter",
        );
    }
}

fn identity(findings: &mut Findings, about: &str, agent: &AgentFacts) {
    if agent.is_contested {
        findings.wrong(
            "address-contested",
            about,
            "two agents have this identity; their counters cannot be used",
            "give each agent a different address (`agent = eth0` or `agentIP` in hsflowd.conf)",
        );
    }
    if agent.restarts > 1 {
        findings.wrong(
            "agent-restarts",
            about,
            format!("restarted {} times", agent.restarts),
            "check its log for crashes; or two agents use the same identity: run one agent per \
             node",
        );
    }
}

fn samples(findings: &mut Findings, about: &str, agent: &AgentFacts, telemetry: &TelemetryFacts) {
    if agent.unscaled_samples > 0 {
        findings.note(
            "sampling-unscaled",
            about,
            format!(
                "{} packet samples have no sampling rate",
                agent.unscaled_samples
            ),
            "set a sampling rate in the agent; samples without one may be ignored",
        );
    }
    if agent.packet_samples == 0 {
        return;
    }
    let mine = || {
        let containers = telemetry.containers.iter();
        containers.filter(|container| container.agent == agent.key)
    };
    let without = mine().filter(|container| !container.has_adapter).count();
    if without > 0 && agent.named_samples == 0 {
        findings.note(
            "no-adapters",
            about,
            format!(
                "no MAC address reported for {without} of its {}, and packet samples name \
                 no container; load of these containers is only known from counters",
                counted(mine().count(), "container")
            ),
            "Host sFlow: set `docker { markTraffic = on }` in hsflowd.conf (version 2.0.30 or \
             newer); `elb agent`: it needs root and the host's PID namespace",
        );
    }
}

/// Several agents that report one host conflict.
fn twins(findings: &mut Findings, telemetry: &TelemetryFacts) {
    let mut agents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for agent in &telemetry.agents {
        for host in &agent.hosts {
            let same = agents.entry(short_name(host)).or_default();
            same.push(agent.key.to_string());
        }
    }
    for (host, keys) in agents {
        if keys.len() > 1 {
            findings.wrong(
                "host-twice",
                &format!("host {host}"),
                format!(
                    "{} report this host name: {}",
                    counted(keys.len(), "agent"),
                    keys.join(", ")
                ),
                "run one agent on each node (Host sFlow or `elb agent`, not both), and give each \
                 machine a different host name",
            );
        }
    }
}
