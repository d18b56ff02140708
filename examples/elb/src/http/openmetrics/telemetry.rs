//! Metrics of received data.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use sflow_metrics::{AgentStatus, Health};

use super::{Encoder, flag};
use crate::coverage::{Coverage, Gap};
use crate::handle::Handle;
use crate::view::Snapshot;

/// Maximum number of agents with separate series: those with the most datagrams.
const AGENTS: usize = 1_000;

/// Name of a metric, help text, and function that returns the value.
type Column<T> = (&'static str, &'static str, fn(&T) -> u64);

const OF_ALL: &[Column<Health>] = &[
    ("elb_datagrams_lost", "Lost datagrams", |health| {
        health.datagrams_lost
    }),
    (
        "elb_datagrams_reordered",
        "Datagrams received after a newer one",
        |health| health.datagrams_reordered,
    ),
    (
        "elb_datagrams_repeated",
        "Duplicate datagrams, which are ignored",
        |health| health.datagrams_repeated,
    ),
    (
        "elb_datagrams_late",
        "Datagrams received too late to be used",
        |health| health.datagrams_late,
    ),
    (
        "elb_foreign_senders",
        "Datagrams whose source address differs from the agent address they contain",
        |health| health.foreign_senders,
    ),
    ("elb_agent_restarts", "Restarts of agents", |health| {
        health.agent_restarts
    }),
    ("elb_counter_samples", "Counter samples", |health| {
        health.counter_samples
    }),
    (
        "elb_counter_samples_lost",
        "Lost counter samples",
        |health| health.counter_samples_lost,
    ),
    (
        "elb_counter_samples_refused",
        "Counter samples of data sources beyond a limit",
        |health| health.counter_samples_refused,
    ),
    ("elb_flow_samples", "Packet samples", |health| {
        health.flow_samples
    }),
    ("elb_flow_samples_lost", "Lost packet samples", |health| {
        health.flow_samples_lost
    }),
    (
        "elb_unknown_samples",
        "Samples of an unknown type",
        |health| health.unknown_samples,
    ),
    (
        "elb_unknown_records",
        "Records of an unknown structure",
        |health| health.unknown_records,
    ),
    (
        "elb_counter_resets",
        "Counters that decreased without a restart",
        |health| health.counter_resets,
    ),
    (
        "elb_counter_jumps",
        "Counters that increased by more than is possible",
        |health| health.counter_jumps,
    ),
    (
        "elb_address_conflicts",
        "Agents that use the address of another agent",
        |health| health.address_conflicts,
    ),
    (
        "elb_uuid_conflicts",
        "Entities that use the UUID of another entity",
        |health| health.uuid_conflicts,
    ),
    (
        "elb_entities_gone",
        "Entities removed because no data was received",
        |health| health.gone,
    ),
    (
        "elb_sources_evicted",
        "Data sources removed because a limit was reached",
        |health| health.sources_evicted,
    ),
    (
        "elb_agents_evicted",
        "Agents removed because a limit was reached",
        |health| health.agents_evicted,
    ),
    (
        "elb_events_dropped",
        "Events removed early because the log was full",
        |health| health.events_dropped,
    ),
    (
        "elb_events_suppressed",
        "Events dropped by the limit per agent",
        |health| health.events_suppressed,
    ),
];

const OF_AGENT: &[Column<AgentStatus>] = &[
    (
        "elb_agent_datagrams",
        "Datagrams of an agent that were used",
        |agent| agent.received,
    ),
    (
        "elb_agent_datagrams_lost",
        "Lost datagrams of an agent",
        |agent| agent.lost,
    ),
    (
        "elb_agent_samples",
        "Counter samples of an agent",
        |agent| agent.samples,
    ),
    (
        "elb_agent_samples_lost",
        "Lost counter samples of an agent",
        |agent| agent.samples_lost,
    ),
    (
        "elb_agent_datagrams_rejected",
        "Datagrams that did not continue the sequence of an agent and were not used",
        |agent| agent.rejected,
    ),
    ("elb_agent_own_restarts", "Restarts of an agent", |agent| {
        agent.restarts
    }),
];

pub(super) fn ingest(to: &Encoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let intake = &snapshot.intake;
    to.counter("elb_datagrams", "Datagrams received", intake.datagrams)?;
    to.counter("elb_samples", "Samples received", intake.samples)?;
    let refused = intake.refused.iter();
    let refused = refused.map(|(cause, count)| ([("cause", cause.clone())], *count));
    to.counters("elb_refused", "Ignored data by cause", refused)?;
    to.gauge("elb_agents", "Known agents", intake.agents as f64)?;
    let help = "Time since the start of the loop, in its own time";
    to.gauge("elb_running_seconds", help, snapshot.elapsed)
}

/// Metrics of agents and entities, and of data that the registry refused.
pub(super) fn agents(to: &Encoder<'_>, handle: &Handle) -> fmt::Result {
    let now = handle.now();
    let telemetry = handle.telemetry().lock();
    let health = telemetry.registry().health();
    let mut agents: Vec<AgentStatus> = telemetry.registry().agents().collect();
    let mut entities: BTreeMap<(String, String), u32> = BTreeMap::new();
    for entity in telemetry.registry().entities(now) {
        let kind = (entity.kind().to_string(), entity.lifecycle().to_string());
        *entities.entry(kind).or_default() += 1;
    }
    drop(telemetry);
    for (name, help, value) in OF_ALL {
        to.counter(name, help, value(&health))?;
    }
    let entities = entities.into_iter().map(|((kind, lifecycle), count)| {
        ([("kind", kind), ("lifecycle", lifecycle)], count.into())
    });
    let help = "Entities: hosts, containers, interfaces";
    to.gauges("elb_entities", help, entities)?;
    let silent = agents.iter().filter(|agent| agent.silent).count();
    let help = "Agents that no longer report";
    to.gauge("elb_agents_silent", help, silent as f64)?;
    agents.sort_unstable_by_key(|agent| (Reverse(agent.received), agent.key));
    let left_out = agents.len().saturating_sub(AGENTS);
    agents.truncate(AGENTS);
    let help = "Agents without separate series";
    to.gauge("elb_agents_left_out", help, left_out as f64)?;
    let labels = |agent: &AgentStatus| [("agent", agent.key.to_string())];
    for (name, help, value) in OF_AGENT {
        let each = agents.iter().map(|agent| (labels(agent), value(agent)));
        to.counters(name, help, each)?;
    }
    let up = agents.iter();
    let up = up.map(|agent| (labels(agent), flag(!agent.silent)));
    to.gauges("elb_agent_up", "1 if an agent reports in time", up)?;
    let contested = agents.iter().map(|agent| {
        let is_contested = agent.contested || agent.doubtful;
        (labels(agent), flag(is_contested))
    });
    let help = "1 if another sender or a second sequence of datagrams has the identity of an agent";
    to.gauges("elb_agent_contested", help, contested)?;
    let mut missing: BTreeMap<&str, usize> = Gap::KINDS.map(|kind| (kind, 0)).into();
    for gap in Coverage::of(handle).missing {
        let count = match gap {
            Gap::More { count } => count,
            _ => 1,
        };
        *missing.entry(gap.kind()).or_default() += count;
    }
    let missing = missing.into_iter();
    let missing = missing.map(|(kind, count)| ([("what", kind.to_owned())], count as f64));
    to.gauges("elb_missing", "Incomplete data by kind", missing)?;
    let ages = agents.iter();
    let ages = ages.map(|agent| (labels(agent), (now - agent.last_seen).as_secs_f64()));
    let help = "Time since the last datagram of an agent";
    to.gauges("elb_agent_age_seconds", help, ages)
}
