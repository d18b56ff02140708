//! Texts of containers, machines, decisions and agents. A pair is a CSS class and a text.

use sflow_autoscale::controller::Outcome;
use sflow_autoscale::node_pools::{Action, ActiveOrder, MachineStatus, PeerState};
use sflow_autoscale::observe::{ContainerView, IngestStats};

use super::AGENTS;
use crate::diagnose::{AgentFacts, TelemetryFacts};
use crate::format::{count, duration, quantity, shortened};
use crate::orchestrator::TaskState;
use crate::policy::{Signal, SubjectKind};
use crate::status::Entry;

/// Label of a mode.
pub(super) fn meaning(mode: &str) -> &str {
    match mode {
        "act" => "acts",
        "advise" => "advises only",
        mode => mode,
    }
}

pub(super) fn task_state(container: &ContainerView) -> (&'static str, &'static str) {
    match container.state {
        TaskState::Running if container.seen => ("", "runs"),
        TaskState::Running => ("odd", "running, no telemetry"),
        TaskState::Pending => ("odd", "not running yet"),
        TaskState::Failed => ("odd", "failed"),
    }
}

/// Loads of a machine in percent, with labels.
pub(super) fn loads(machine: &MachineStatus) -> [(&'static str, Option<f64>); 3] {
    let load = machine.load.as_ref();
    [
        ("CPU", load.and_then(|load| load.cpu)),
        ("steal", load.and_then(|load| load.steal)),
        ("memory", load.and_then(|load| load.memory)),
    ]
}

/// State of a machine among its peers.
pub(super) fn peer(machine: &MachineStatus) -> (&'static str, String) {
    let Some(peer) = &machine.peer else {
        return ("quiet", "not compared".to_owned());
    };
    let class = match peer {
        PeerState::Poor { .. } | PeerState::Suspect { .. } => "odd",
        PeerState::Unknown { .. } => "quiet",
        _ => "",
    };
    (class, peer.to_string())
}

/// The operation that was ordered.
pub(super) fn operation(order: &ActiveOrder) -> String {
    match (order.action, order.machine.as_deref()) {
        (Action::Add, None) => "add a machine".to_owned(),
        (Action::Add, Some(machine)) => format!("add {machine}"),
        (Action::Remove, machine) => format!("remove {}", machine.unwrap_or_default()),
    }
}

/// The error of a failed decision.
pub(super) fn failure(entry: &Entry) -> &str {
    match &entry.outcome {
        Outcome::Failed { why } => why,
        Outcome::Kept | Outcome::Advised | Outcome::Done => "",
    }
}

/// An input of a decision: mean, range, number and age of the readings, packet samples.
pub(super) fn input(kind: SubjectKind, signal: &Signal) -> String {
    let measured = |value: Option<f64>| quantity(value, &signal.unit);
    let mut text = measured(signal.value);
    if signal.least.is_some() && signal.most.is_some() && signal.contributing > 1 {
        text += &format!(" ({} to {})", measured(signal.least), measured(signal.most));
    }
    let (one, contributing, matched) = (kind.member(), signal.contributing, signal.matched);
    text += &format!(" per {one}, from {contributing} of {matched} {one}s");
    if signal.warming > 0 {
        text += &format!(" ({} warming up)", signal.warming);
    }
    if let Some((newest, oldest)) = signal.newest.zip(signal.oldest) {
        text += &format!(", age {newest:.1} to {oldest:.1} s");
    }
    if let Some(fast) = &signal.fast {
        let (samples, value) = (count(fast.samples), measured(Some(fast.value)));
        text += &format!(
            "; {samples} packet samples: {value} ± {:.0} %",
            fast.error * 100.0
        );
    }
    text
}

/// Number of reporting agents, of all if they differ.
pub(super) fn agents(telemetry: &TelemetryFacts) -> String {
    let (reporting, all) = (telemetry.reporting() as u64, telemetry.agents.len() as u64);
    match reporting == all {
        true => count(all),
        false => format!("{} of {}", count(reporting), count(all)),
    }
}

/// Number of agents without a row, if any. Silent agents come first.
pub(super) fn further_agents(agents: &[AgentFacts]) -> Option<String> {
    let further = agents.get(AGENTS..).filter(|further| !further.is_empty())?;
    let silent = further.iter().filter(|agent| agent.status.silent).count();
    let state = match silent {
        0 => "all reporting".to_owned(),
        silent => format!("{silent} silent"),
    };
    Some(format!("{} more, {state}", further.len()))
}

/// The first hosts of an agent.
pub(super) fn hosts(agent: &AgentFacts) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = agent
        .hosts
        .iter()
        .take(NAMED)
        .map(|host| shortened(host, 60))
        .collect();
    match agent.hosts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

pub(super) fn health(agent: &AgentFacts) -> (&'static str, String) {
    let age = duration(agent.age.as_secs_f64());
    match (agent.status.silent, agent.is_contested()) {
        (true, _) => ("odd", format!("silent for {age}")),
        (false, true) => (
            "odd",
            "reporting; another agent has the same identity".to_owned(),
        ),
        (false, false) => ("", format!("last data {age} ago")),
    }
}

/// Causes of refused data, with numbers.
pub(super) fn refused(intake: &IngestStats) -> Vec<(&str, String)> {
    let refused = intake.refused.iter().filter(|(_, number)| **number > 0);
    refused
        .map(|(cause, number)| (cause.as_str(), count(*number)))
        .collect()
}
