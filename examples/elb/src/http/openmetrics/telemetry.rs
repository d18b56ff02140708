//! Metrics of received data.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use sflow_metrics::{AgentStatus, Health};

use super::{Column, Labels, counter, counters, gauge, gauges, label};
use crate::diagnose::{Facts, Findings};
use crate::handle::Handle;
use crate::view::Snapshot;

/// Maximum number of agents with separate series: those with the most datagrams.
const AGENTS: usize = 1_000;

pub(super) fn stream(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let intake = &snapshot.intake;
    let alone = |count: u64| [(Labels::new(), count)];
    counters(
        encoder,
        "elb_datagrams",
        "Datagrams received",
        alone(intake.datagrams),
    )?;
    counters(
        encoder,
        "elb_samples",
        "Samples received",
        alone(intake.samples),
    )?;
    let refused = intake.refused.iter();
    let refused = refused.map(|(cause, count)| (vec![label("cause", cause)], *count));
    counters(encoder, "elb_refused", "Ignored data by cause", refused)?;
    let agents = [(Labels::new(), intake.agents as f64)];
    gauges(encoder, "elb_agents", "Known agents", agents)?;
    let elapsed = [(Labels::new(), snapshot.elapsed)];
    gauges(
        encoder,
        "elb_running_seconds",
        "Time since the start of the loop, in its own time",
        elapsed,
    )
}

const OF_ALL: &[Column<Health, u64>] = &[
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

const OF_AGENT: &[Column<AgentStatus, u64>] = &[
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

/// Metrics of agents and entities, and of data that the registry refused.
pub(super) fn agents(handle: &Handle, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let now = handle.now();
    let telemetry = handle.telemetry().lock();
    let health = *telemetry.registry().health();
    let mut agents: Vec<AgentStatus> = telemetry.registry().agents().collect();
    let mut entities: BTreeMap<(String, String), u64> = BTreeMap::new();
    for entity in telemetry.registry().entities(now) {
        let kind = (entity.kind().to_string(), entity.lifecycle().to_string());
        *entities.entry(kind).or_default() += 1;
    }
    drop(telemetry);
    for (name, help, value) in OF_ALL {
        counter(encoder, name, help, value(&health))?;
    }
    let entities = entities.into_iter().map(|((kind, lifecycle), count)| {
        let labels = vec![label("kind", &kind), label("lifecycle", &lifecycle)];
        (labels, count as f64)
    });
    gauges(
        encoder,
        "elb_entities",
        "Entities: hosts, containers, interfaces",
        entities,
    )?;

    let silent = agents.iter().filter(|agent| agent.silent).count();
    gauge(
        encoder,
        "elb_agents_silent",
        "Agents that no longer report",
        silent as f64,
    )?;
    agents.sort_unstable_by_key(|agent| (std::cmp::Reverse(agent.received), agent.key));
    let left_out = agents.len().saturating_sub(AGENTS);
    agents.truncate(AGENTS);
    gauge(
        encoder,
        "elb_agents_left_out",
        "Agents without separate series",
        left_out as f64,
    )?;
    let labels = |agent: &AgentStatus| vec![label("agent", &agent.key.to_string())];
    for (name, help, value) in OF_AGENT {
        let of_each = agents.iter().map(|agent| (labels(agent), value(agent)));
        counters(encoder, name, help, of_each)?;
    }
    let flags: [Column<AgentStatus, bool>; 2] = [
        ("elb_agent_up", "1 if an agent reports in time", |agent| {
            !agent.silent
        }),
        (
            "elb_agent_contested",
            "1 if another sender or a second sequence of datagrams has the identity of an agent",
            |agent| agent.contested || agent.doubtful,
        ),
    ];
    for (name, help, value) in flags {
        let of_each = agents.iter();
        let of_each = of_each.map(|agent| (labels(agent), f64::from(u8::from(value(agent)))));
        gauges(encoder, name, help, of_each)?;
    }
    let missing = Findings::of(&Facts::of_loop(handle)).counts().into_iter();
    gauges(
        encoder,
        "elb_missing",
        "Incomplete data by kind",
        missing.map(|(kind, count)| (vec![label("what", kind)], count as f64)),
    )?;
    let ages = agents.iter();
    let ages = ages.map(|agent| (labels(agent), (now - agent.last_seen).as_secs_f64()));
    gauges(
        encoder,
        "elb_agent_age_seconds",
        "Time since the last datagram of an agent",
        ages,
    )
}
