//! Counters of the stream and of each agent, and the number of entities.

use std::collections::BTreeMap;
use std::rc::Rc;

use sflow_metrics::{AgentStatus, Health, Timestamp};

use super::family::{Family, Number, SeriesBudget};
use super::labels::Labels;
use crate::telemetry::Totals;

/// Name, help text, and value.
type Counter<T> = (&'static str, &'static str, fn(&T) -> u64);

const STREAM_COUNTERS: &[Counter<Health>] = &[
    ("datagrams", "Datagrams of sFlow version 5", |health| {
        health.datagrams
    }),
    (
        "datagrams_lost",
        "Datagrams missing from the sequences of agents",
        |health| health.datagrams_lost,
    ),
    (
        "datagrams_reordered",
        "Datagrams received after a newer one, and used",
        |health| health.datagrams_reordered,
    ),
    (
        "datagrams_repeated",
        "Duplicate datagrams, not used",
        |health| health.datagrams_repeated,
    ),
    (
        "datagrams_late",
        "Datagrams too late to distinguish from duplicates, not used",
        |health| health.datagrams_late,
    ),
    (
        "datagrams_refused",
        "Datagrams of agents beyond the maximum number of agents, not used",
        |health| health.datagrams_refused,
    ),
    (
        "datagrams_rejected",
        "Datagrams that did not continue the sequence of their agent, not used",
        |health| health.datagrams_rejected,
    ),
    (
        "numberings_distrusted",
        "Times that sequence numbers of an agent or a data source were found invalid and ignored",
        |health| health.numberings_distrusted,
    ),
    (
        "agents_doubted",
        "Times that several datagram sequences of one agent reported the same data sources",
        |health| health.agents_doubted,
    ),
    (
        "counters_samples_doubted",
        "Counters samples of data sources in several datagram sequences, not used",
        |health| health.counter_samples_doubted,
    ),
    (
        "flow_samples_doubted",
        "Packet samples of data sources in several datagram sequences, not used",
        |health| health.flow_samples_doubted,
    ),
    ("agent_restarts", "Restarts of agents", |health| {
        health.agent_restarts
    }),
    ("counters_samples", "Counters samples", |health| {
        health.counter_samples
    }),
    (
        "counters_samples_lost",
        "Counters samples missing from the sequences of data sources",
        |health| health.counter_samples_lost,
    ),
    (
        "counters_samples_refused",
        "Counters samples of data sources beyond the maximum number, not used",
        |health| health.counter_samples_refused,
    ),
    ("flow_samples", "Packet samples", |health| {
        health.flow_samples
    }),
    (
        "flow_samples_lost",
        "Packet samples missing from the sequences of data sources",
        |health| health.flow_samples_lost,
    ),
    (
        "flow_samples_rejected",
        "Packet samples that did not continue the sequence of their data source, not used",
        |health| health.flow_samples_rejected,
    ),
    (
        "flow_samples_bad_rate",
        "Packet samples with an impossible sampling rate, not used",
        |health| health.flow_samples_bad_rate,
    ),
    (
        "flow_samples_bad_length",
        "Packet samples with an impossible length, not used",
        |health| health.flow_samples_bad_length,
    ),
    (
        "flow_samples_corrected",
        "Packet samples whose length was corrected by the sampled header",
        |health| health.flow_samples_corrected,
    ),
    (
        "flow_samples_above_line_rate",
        "Packet samples of more bytes than the line rate allows, not used",
        |health| health.flow_samples_above_line_rate,
    ),
    ("malformed_samples", "Malformed samples", |health| {
        health.malformed_samples
    }),
    ("malformed_records", "Malformed records", |health| {
        health.malformed_records
    }),
    (
        "unknown_samples",
        "Samples of an unknown format",
        |health| health.unknown_samples,
    ),
    (
        "unknown_records",
        "Records of an unknown format",
        |health| health.unknown_records,
    ),
    (
        "custom_metrics_refused",
        "Values of custom metrics beyond a limit, not used",
        |health| health.custom_metrics_refused,
    ),
    (
        "source_bytes_refused",
        "Times that a data source reached its memory limit",
        |health| health.source_bytes_refused,
    ),
    (
        "agent_bytes_refused",
        "Times that an agent reached its memory limit",
        |health| health.agent_bytes_refused,
    ),
    (
        "sender_bytes_refused",
        "Times that a sender reached its memory limit",
        |health| health.sender_bytes_refused,
    ),
    (
        "total_bytes_refused",
        "Times that all senders together reached the memory limit",
        |health| health.total_bytes_refused,
    ),
    (
        "counters_reset",
        "Counters that decreased without a restart",
        |health| health.counter_resets,
    ),
    (
        "counters_jumped",
        "Counters that increased by more than is possible, not used",
        |health| health.counter_jumps,
    ),
];

const AGENT_COUNTERS: &[Counter<AgentStatus>] = &[
    (
        "datagrams",
        "Datagrams of an agent that were used",
        |agent| agent.received,
    ),
    (
        "datagrams_lost",
        "Datagrams missing from the sequence of an agent",
        |agent| agent.lost,
    ),
    (
        "datagrams_reordered",
        "Datagrams of an agent received after a newer one, and used",
        |agent| agent.reordered,
    ),
    (
        "datagrams_repeated",
        "Duplicate datagrams of an agent, not used",
        |agent| agent.repeated,
    ),
    ("restarts", "Restarts of an agent", |agent| agent.restarts),
];

/// Counters of the whole stream, which are always included.
pub(super) fn of_stream(totals: &Totals) -> Vec<Family> {
    let counters = STREAM_COUNTERS
        .iter()
        .map(|(name, help, count)| (*name, *help, Some(count(&totals.health))));
    let outside = [
        (
            "datagrams_malformed",
            "Datagrams that are not sFlow version 5",
            Some(totals.malformed),
        ),
        (
            "kernel_drops",
            "Datagrams that the kernel dropped because the receive buffer was full",
            totals.kernel_drops,
        ),
    ];
    counters
        .chain(outside)
        .filter_map(|(name, help, count)| {
            let name = format!("sflow_stream_{name}");
            Some(Family::single(&name, help, Number::Count(count? as f64)))
        })
        .collect()
}

/// Counters of each agent.
pub(super) fn of_agents(
    mut agents: Vec<AgentStatus>,
    now: Timestamp,
    budget: &mut SeriesBudget,
) -> Vec<Family> {
    let mut families: Vec<Family> = AGENT_COUNTERS
        .iter()
        .map(|(name, help, _)| Family::new(&format!("sflow_agent_{name}"), help))
        .collect();
    let mut age = Family::new(
        "sflow_agent_age_seconds",
        "Seconds since the last datagram of an agent",
    );
    agents.sort_unstable_by_key(|agent| (agent.first_seen, agent.key));
    for agent in &agents {
        let labels = Rc::new(Labels::of_agent(agent.key));
        for (family, (_, _, count)) in families.iter_mut().zip(AGENT_COUNTERS) {
            if budget.reserve(true, family.encoded_len(&labels, "")) {
                family.push(&labels, Number::Count(count(agent) as f64));
            }
        }
        if budget.reserve(true, age.encoded_len(&labels, "")) {
            let since = now - agent.last_seen;
            age.push(&labels, Number::Level(since.as_secs_f64()));
        }
    }
    families.push(age);
    families
}

/// The number of entities of each kind and lifecycle.
pub(super) fn of_counts(counts: BTreeMap<(String, String), usize>) -> Family {
    let mut family = Family::new(
        "sflow_entities",
        "Number of hosts, containers, interfaces and other entities",
    );
    for ((kind, lifecycle), count) in counts {
        let labels = Labels::new([("kind", kind), ("lifecycle", lifecycle)]);
        family.push(&Rc::new(labels), Number::of(count));
    }
    family
}
