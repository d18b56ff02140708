//! What arrived, from whom, and what was refused.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use sflow_metrics::{AgentStatus, Health};

use super::{Column, Labels, counter, counters, gauge, gauges, label};
use crate::handle::Handle;
use crate::presence::{Missing, Presence};
use crate::view::Snapshot;

/// Agents that are told one by one, those first that report most.
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
        "Samples in them",
        alone(intake.samples),
    )?;
    let refused = intake.refused.iter();
    let refused = refused.map(|(cause, count)| (vec![label("cause", cause)], *count));
    counters(
        encoder,
        "elb_refused",
        "What could not be used, by cause",
        refused,
    )?;
    let agents = [(Labels::new(), intake.agents as f64)];
    gauges(encoder, "elb_agents", "Agents that are known", agents)?;
    let elapsed = [(Labels::new(), snapshot.elapsed)];
    gauges(
        encoder,
        "elb_running_seconds",
        "How long the loop has run, in its own time",
        elapsed,
    )
}

const OF_ALL: &[Column<Health, u64>] = &[
    (
        "elb_datagrams_lost",
        "Datagrams that are missing",
        |health| health.datagrams_lost,
    ),
    (
        "elb_datagrams_reordered",
        "Datagrams that came after a newer one",
        |health| health.datagrams_reordered,
    ),
    (
        "elb_datagrams_repeated",
        "Datagrams that came again, and did not count",
        |health| health.datagrams_repeated,
    ),
    (
        "elb_datagrams_late",
        "Datagrams too late to count",
        |health| health.datagrams_late,
    ),
    (
        "elb_foreign_senders",
        "Datagrams from another address than their agent gives itself",
        |health| health.foreign_senders,
    ),
    (
        "elb_agent_restarts",
        "Times that an agent started again",
        |health| health.agent_restarts,
    ),
    ("elb_counter_samples", "Counters samples", |health| {
        health.counter_samples
    }),
    (
        "elb_counter_samples_lost",
        "Counters samples that are missing",
        |health| health.counter_samples_lost,
    ),
    (
        "elb_counter_samples_refused",
        "Counters samples of sources beyond a bound",
        |health| health.counter_samples_refused,
    ),
    ("elb_flow_samples", "Packet samples", |health| {
        health.flow_samples
    }),
    (
        "elb_flow_samples_lost",
        "Packet samples that are missing",
        |health| health.flow_samples_lost,
    ),
    (
        "elb_unknown_samples",
        "Samples of a kind that is not known",
        |health| health.unknown_samples,
    ),
    (
        "elb_unknown_records",
        "Records of a structure that is not known",
        |health| health.unknown_records,
    ),
    (
        "elb_counter_resets",
        "Counters that went back without a sign",
        |health| health.counter_resets,
    ),
    (
        "elb_counter_jumps",
        "Counters that went up by more than can be",
        |health| health.counter_jumps,
    ),
    (
        "elb_address_conflicts",
        "Agents with the address of another one",
        |health| health.address_conflicts,
    ),
    (
        "elb_uuid_conflicts",
        "Entities with the UUID of another one",
        |health| health.uuid_conflicts,
    ),
    (
        "elb_entities_gone",
        "Entities that fell silent until they were gone",
        |health| health.gone,
    ),
    (
        "elb_sources_evicted",
        "Sources that had to make room for others",
        |health| health.sources_evicted,
    ),
    (
        "elb_agents_evicted",
        "Agents that had to make room for others",
        |health| health.agents_evicted,
    ),
    (
        "elb_events_dropped",
        "Events that had to leave the log before their time",
        |health| health.events_dropped,
    ),
    (
        "elb_events_suppressed",
        "Events that were one too many of their agent",
        |health| health.events_suppressed,
    ),
];

const OF_AGENT: &[Column<AgentStatus, u64>] = &[
    (
        "elb_agent_datagrams",
        "Datagrams of an agent that counted",
        |agent| agent.received,
    ),
    (
        "elb_agent_datagrams_lost",
        "Datagrams of an agent that are missing",
        |agent| agent.lost,
    ),
    (
        "elb_agent_samples",
        "Counters samples of an agent",
        |agent| agent.samples,
    ),
    (
        "elb_agent_samples_lost",
        "Counters samples of an agent that are missing",
        |agent| agent.samples_lost,
    ),
    (
        "elb_agent_datagrams_rejected",
        "Datagrams that did not continue the sequence of an agent and were not used",
        |agent| agent.rejected,
    ),
    (
        "elb_agent_own_restarts",
        "Times that this agent started again",
        |agent| agent.restarts,
    ),
];

/// How well agents are heard, who is there, and what the statistics refused.
pub(super) fn agents(handle: &Handle, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let now = handle.now();
    let telemetry = handle.telemetry().lock();
    let health = telemetry.registry().health();
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
        "Hosts, containers and whatever else counts",
        entities,
    )?;

    let silent = agents.iter().filter(|agent| agent.silent).count();
    gauge(
        encoder,
        "elb_agents_silent",
        "Agents that are not heard any more",
        silent as f64,
    )?;
    agents.sort_unstable_by_key(|agent| (std::cmp::Reverse(agent.received), agent.key));
    let left_out = agents.len().saturating_sub(AGENTS);
    agents.truncate(AGENTS);
    gauge(
        encoder,
        "elb_agents_left_out",
        "Agents that are not told one by one",
        left_out as f64,
    )?;
    let labels = |agent: &AgentStatus| vec![label("agent", &agent.key.to_string())];
    for (name, help, value) in OF_AGENT {
        let of_each = agents.iter().map(|agent| (labels(agent), value(agent)));
        counters(encoder, name, help, of_each)?;
    }
    let flags: [Column<AgentStatus, bool>; 2] = [
        (
            "elb_agent_up",
            "Whether an agent is heard in time",
            |agent| !agent.silent,
        ),
        (
            "elb_agent_contested",
            "Whether another sender, or a second sequence of datagrams, has its identity",
            |agent| agent.contested || agent.doubtful,
        ),
    ];
    for (name, help, value) in flags {
        let of_each = agents.iter();
        let of_each = of_each.map(|agent| (labels(agent), f64::from(u8::from(value(agent)))));
        gauges(encoder, name, help, of_each)?;
    }
    let mut missing: BTreeMap<&str, usize> = Missing::KINDS.map(|kind| (kind, 0)).into();
    for lack in Presence::look(handle).missing {
        let count = match lack {
            Missing::More { count } => count,
            _ => 1,
        };
        *missing.entry(lack.kind()).or_default() += count;
    }
    let missing = missing.into_iter();
    gauges(
        encoder,
        "elb_missing",
        "What should report and does not, by kind",
        missing.map(|(kind, count)| (vec![label("what", kind)], count as f64)),
    )?;
    let ages = agents.iter();
    let ages = ages.map(|agent| (labels(agent), (now - agent.last_seen).as_secs_f64()));
    gauges(
        encoder,
        "elb_agent_age_seconds",
        "Time since an agent was heard",
        ages,
    )
}
