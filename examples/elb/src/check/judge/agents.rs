use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::facts::{AgentFacts, Heard, Pace};
use crate::check::finding::Findings;
use crate::config::Config;
use crate::words::counted;
use sflow_autoscale::observe::short_name;

/// Counters that come less often than this make for slow decisions, whatever the loop's interval.
const SLOW: Duration = Duration::from_secs(20);
/// Loss from which rates begin to be coarse.
const LOSSY: f64 = 0.01;

/// Judges each agent.
pub(super) fn judge(findings: &mut Findings, config: &Config, heard: &Heard) {
    for agent in &heard.agents {
        let about = match agent.hosts.first() {
            Some(host) => format!("agent {} on {host}", agent.key),
            None => format!("agent {}", agent.key),
        };
        polling(findings, &about, config, agent);
        loss(findings, &about, agent);
        clock(findings, &about, agent);
        identity(findings, &about, agent);
        samples(findings, &about, agent, heard);
    }
    twins(findings, heard);
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
                "counters come every {:.0} s, and a decision is made every {control:?}: most are \
                 made of old numbers",
                interval.as_secs_f64()
            ),
            "let the agent poll every 10 s (`polling = 10` in hsflowd.conf)",
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
            "UDP is not sent again: look at the path, and at the buffers of both ends (`nstat -az \
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
            "its uptime goes back while its datagrams go on",
            "upgrade the agent: the uptime is in milliseconds since it started, and never set",
        );
    } else if !(0.5..2.0).contains(&rate) {
        let what = if rate == 0.0 {
            "stands still".to_owned()
        } else if (0.0005..0.002).contains(&rate) {
            "seems to be in seconds".to_owned()
        } else if (0.05..0.2).contains(&rate) {
            "seems to be in hundredths of a second".to_owned()
        } else {
            format!("goes {rate:.2} times as fast as the clock here")
        };
        findings.note(
            "uptime-wrong",
            about,
            format!("its uptime {what}, where it should count milliseconds"),
            "upgrade the agent; rates are taken by the time of arrival meanwhile, and the \
             network's jitter shows in them",
        );
    }
}

fn identity(findings: &mut Findings, about: &str, agent: &AgentFacts) {
    if agent.is_contested {
        findings.wrong(
            "address-contested",
            about,
            "two agents have this identity: what both report is unknown",
            "give each agent an address of its own (`agent = eth0` or `agentIP` in hsflowd.conf)",
        );
    }
    if agent.restarts > 1 {
        findings.wrong(
            "agent-restarts",
            about,
            format!("it began anew {} times", agent.restarts),
            "either it crashes (see its log), or two agents send as one: run one on each node",
        );
    }
}

fn samples(findings: &mut Findings, about: &str, agent: &AgentFacts, heard: &Heard) {
    if agent.unscaled_samples > 0 {
        findings.note(
            "sampling-unscaled",
            about,
            format!(
                "{} packet samples do not say how many packets they stand for",
                agent.unscaled_samples
            ),
            "set a sampling rate in the agent: such samples may have to be left out",
        );
    }
    if agent.packet_samples == 0 {
        return;
    }
    let mine = || {
        let containers = heard.containers.iter();
        containers.filter(|container| container.agent == agent.key)
    };
    let without = mine().filter(|container| !container.has_adapter).count();
    if without > 0 && agent.named_samples == 0 {
        findings.note(
            "no-adapters",
            about,
            format!(
                "it reports no MAC address for {without} of its {}, and its packet samples name \
                 no container: those have no fast signal",
                counted(mine().count(), "container")
            ),
            "Host sFlow: set `docker { markTraffic = on }` in hsflowd.conf (version 2.0.30 or \
             newer); `elb agent`: it needs root and the host's PID namespace",
        );
    }
}

/// Several agents that report one host contest it.
fn twins(findings: &mut Findings, heard: &Heard) {
    let mut agents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for agent in &heard.agents {
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
                    "{} call their host so: {}",
                    counted(keys.len(), "agent"),
                    keys.join(", ")
                ),
                "run one agent on each node (Host sFlow or `elb agent`, not both), and give each \
                 machine a name of its own",
            );
        }
    }
}
