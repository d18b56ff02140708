//! Metrics of received data.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use sflow_metrics::{AgentStatus, Health};

use super::{Encoder, flag};
use crate::http::Site;
use crate::view::Snapshot;

/// Maximum number of agents with separate series: those with the most datagrams.
const AGENTS: usize = 1_000;

/// Statistics of all agents together.
fn registry(to: &Encoder<'_>, health: &Health) -> fmt::Result {
    let help = "Lost datagrams";
    to.counter("elb_datagrams_lost", help, health.datagrams_lost)?;
    let help = "Datagrams received after a newer one";
    to.counter("elb_datagrams_reordered", help, health.datagrams_reordered)?;
    let help = "Duplicate datagrams, which are ignored";
    to.counter("elb_datagrams_repeated", help, health.datagrams_repeated)?;
    let help = "Datagrams received too late to be used";
    to.counter("elb_datagrams_late", help, health.datagrams_late)?;
    let help = "Datagrams whose source address differs from the agent address they contain";
    to.counter("elb_foreign_senders", help, health.foreign_senders)?;
    let help = "Restarts of agents";
    to.counter("elb_agent_restarts", help, health.agent_restarts)?;
    let help = "Counter samples";
    to.counter("elb_counter_samples", help, health.counter_samples)?;
    let help = "Lost counter samples";
    to.counter(
        "elb_counter_samples_lost",
        help,
        health.counter_samples_lost,
    )?;
    let help = "Counter samples of data sources beyond a limit";
    to.counter(
        "elb_counter_samples_refused",
        help,
        health.counter_samples_refused,
    )?;
    let help = "Packet samples";
    to.counter("elb_flow_samples", help, health.flow_samples)?;
    let help = "Lost packet samples";
    to.counter("elb_flow_samples_lost", help, health.flow_samples_lost)?;
    let help = "Samples of an unknown type";
    to.counter("elb_unknown_samples", help, health.unknown_samples)?;
    let help = "Records of an unknown structure";
    to.counter("elb_unknown_records", help, health.unknown_records)?;
    let help = "Counters that decreased without a restart";
    to.counter("elb_counter_resets", help, health.counter_resets)?;
    let help = "Counters that increased by more than is possible";
    to.counter("elb_counter_jumps", help, health.counter_jumps)?;
    let help = "Agents that use the address of another agent";
    to.counter("elb_address_conflicts", help, health.address_conflicts)?;
    let help = "Entities that use the UUID of another entity";
    to.counter("elb_uuid_conflicts", help, health.uuid_conflicts)?;
    let help = "Entities removed because no data was received";
    to.counter("elb_entities_gone", help, health.gone)?;
    let help = "Data sources removed because a limit was reached";
    to.counter("elb_sources_evicted", help, health.sources_evicted)?;
    let help = "Agents removed because a limit was reached";
    to.counter("elb_agents_evicted", help, health.agents_evicted)?;
    let help = "Events removed early because the log was full";
    to.counter("elb_events_dropped", help, health.events_dropped)?;
    let help = "Events dropped by the limit per agent";
    to.counter("elb_events_suppressed", help, health.events_suppressed)
}

pub(super) fn ingest(to: &Encoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let intake = &snapshot.intake;
    to.counter("elb_datagrams", "Datagrams received", intake.datagrams)?;
    to.counter("elb_samples", "Samples received", intake.samples)?;
    let refused = intake.refused.iter();
    let refused = refused.map(|(cause, count)| ([("cause", cause.clone())], *count));
    to.counters("elb_refused", "Refused data by cause", refused)?;
    to.gauge("elb_agents", "Known agents", intake.agents as f64)?;
    let help = "Time since the start of the loop, in its own time";
    to.gauge("elb_running_seconds", help, snapshot.elapsed)
}

/// Metrics of agents and entities, and of data that the registry refused.
pub(super) fn agents(to: &Encoder<'_>, site: &Site) -> fmt::Result {
    let handle = &site.handle;
    let now = handle.now();
    let telemetry = handle.telemetry().lock();
    let health = *telemetry.registry().health();
    let mut agents: Vec<AgentStatus> = telemetry.registry().agents().collect();
    let mut entities: BTreeMap<(String, String), u32> = BTreeMap::new();
    for entity in telemetry.registry().entities(now) {
        let kind = (entity.kind().to_string(), entity.lifecycle().to_string());
        *entities.entry(kind).or_default() += 1;
    }
    drop(telemetry);
    registry(to, &health)?;
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
    let counters = |name: &str, help: &str, value: fn(&AgentStatus) -> u64| {
        let each = agents.iter().map(|agent| (labels(agent), value(agent)));
        to.counters(name, help, each)
    };
    let help = "Datagrams of an agent that were used";
    counters("elb_agent_datagrams", help, |agent| agent.received)?;
    let help = "Lost datagrams of an agent";
    counters("elb_agent_datagrams_lost", help, |agent| agent.lost)?;
    let help = "Counter samples of an agent";
    counters("elb_agent_samples", help, |agent| agent.samples)?;
    let help = "Lost counter samples of an agent";
    counters("elb_agent_samples_lost", help, |agent| agent.samples_lost)?;
    let help = "Datagrams that did not continue the sequence of an agent and were not used";
    counters("elb_agent_datagrams_rejected", help, |agent| agent.rejected)?;
    let help = "Restarts of an agent";
    counters("elb_agent_own_restarts", help, |agent| agent.restarts)?;
    let up = agents.iter();
    let up = up.map(|agent| (labels(agent), flag(!agent.silent)));
    to.gauges("elb_agent_up", "1 if an agent reports in time", up)?;
    let contested = agents.iter().map(|agent| {
        let is_contested = agent.contested || agent.doubtful;
        (labels(agent), flag(is_contested))
    });
    let help = "1 if another sender or a second sequence of datagrams has the identity of an agent";
    to.gauges("elb_agent_contested", help, contested)?;
    let diagnosis = site.diagnosis();
    let missing = diagnosis.counts.iter();
    let missing = missing.map(|(kind, count)| ([("what", (*kind).to_owned())], *count as f64));
    to.gauges("elb_missing", "Incomplete data by kind", missing)?;
    let ages = agents.iter();
    let ages = ages.map(|agent| (labels(agent), (now - agent.last_seen).as_secs_f64()));
    let help = "Time since the last datagram of an agent";
    to.gauges("elb_agent_age_seconds", help, ages)
}
