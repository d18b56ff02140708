//! How well agents are heard, and who is there.

use std::collections::BTreeMap;
use std::rc::Rc;

use sflow_metrics::{AgentStatus, Health};

use super::World;
use super::family::{Family, Number, Room};
use super::labels::Labels;

/// Name, help, and where the number is.
type Counted<T> = (&'static str, &'static str, fn(&T) -> u64);

const OF_STREAM: &[Counted<Health>] = &[
    ("datagrams", "Datagrams of sFlow version 5", |health| {
        health.datagrams
    }),
    (
        "datagrams_lost",
        "Datagrams that are missing between those",
        |health| health.datagrams_lost,
    ),
    (
        "datagrams_reordered",
        "Datagrams that came after a newer one, and counted",
        |health| health.datagrams_reordered,
    ),
    (
        "datagrams_repeated",
        "Datagrams that came again, and did not count",
        |health| health.datagrams_repeated,
    ),
    (
        "datagrams_late",
        "Datagrams too late to tell whether they came before, which did not count",
        |health| health.datagrams_late,
    ),
    (
        "datagrams_refused",
        "Datagrams of agents beyond the bound",
        |health| health.datagrams_refused,
    ),
    (
        "datagrams_rejected",
        "Datagrams that did not continue the sequence of their agent and were not used",
        |health| health.datagrams_rejected,
    ),
    (
        "numberings_distrusted",
        "Times that sequence numbers of an agent or a data source made no sense and were not used",
        |health| health.numberings_distrusted,
    ),
    (
        "agents_doubted",
        "Times that several sequences of datagrams of one agent reported the same data sources",
        |health| health.agents_doubted,
    ),
    (
        "counter_samples_doubted",
        "Counters samples of data sources that several sequences of datagrams report, not used",
        |health| health.counter_samples_doubted,
    ),
    (
        "flow_samples_doubted",
        "Packet samples of data sources that several sequences of datagrams report, not used",
        |health| health.flow_samples_doubted,
    ),
    (
        "agent_restarts",
        "Times that an agent started again",
        |health| health.agent_restarts,
    ),
    ("counter_samples", "Counters samples", |health| {
        health.counter_samples
    }),
    (
        "counter_samples_lost",
        "Counters samples that are missing between those",
        |health| health.counter_samples_lost,
    ),
    (
        "counter_samples_refused",
        "Counters samples of sources beyond the bound",
        |health| health.counter_samples_refused,
    ),
    ("flow_samples", "Packet samples", |health| {
        health.flow_samples
    }),
    (
        "flow_samples_lost",
        "Packet samples that are missing between those",
        |health| health.flow_samples_lost,
    ),
    (
        "flow_samples_rejected",
        "Packet samples that did not continue the sequence of their source and were not used",
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
        "Packet samples of more bytes than the line can carry, not used",
        |health| health.flow_samples_above_line_rate,
    ),
    (
        "malformed_samples",
        "Samples that cannot be read",
        |health| health.malformed_samples,
    ),
    (
        "malformed_records",
        "Records that cannot be read",
        |health| health.malformed_records,
    ),
    (
        "unknown_samples",
        "Samples of a kind that is not known",
        |health| health.unknown_samples,
    ),
    (
        "unknown_records",
        "Records of a structure that is not known",
        |health| health.unknown_records,
    ),
    (
        "custom_metrics_refused",
        "Values of applications' own metrics beyond a bound",
        |health| health.custom_metrics_refused,
    ),
    (
        "source_bytes_refused",
        "Times that a data source had as many bytes as one may have",
        |health| health.source_bytes_refused,
    ),
    (
        "agent_bytes_refused",
        "Times that an agent had as many bytes as one may have",
        |health| health.agent_bytes_refused,
    ),
    (
        "sender_bytes_refused",
        "Times that a sender had as many bytes as one may have",
        |health| health.sender_bytes_refused,
    ),
    (
        "total_bytes_refused",
        "Times that all senders had as many bytes as they may have",
        |health| health.total_bytes_refused,
    ),
    (
        "counter_resets",
        "Counters that went back without a sign of a restart",
        |health| health.counter_resets,
    ),
    (
        "counter_jumps",
        "Counters that went up by more than can be",
        |health| health.counter_jumps,
    ),
];

const OF_AGENT: &[Counted<AgentStatus>] = &[
    ("datagrams", "Datagrams of an agent that counted", |agent| {
        agent.received
    }),
    (
        "datagrams_lost",
        "Datagrams of an agent that are missing",
        |agent| agent.lost,
    ),
    (
        "datagrams_reordered",
        "Datagrams of an agent that came after a newer one, and counted",
        |agent| agent.reordered,
    ),
    (
        "datagrams_repeated",
        "Datagrams of an agent that came again",
        |agent| agent.repeated,
    ),
    ("restarts", "Times that an agent started again", |agent| {
        agent.restarts
    }),
];

/// The stream as a whole; always told.
pub(super) fn of_stream(world: &World) -> Vec<Family> {
    let health = world.registry.health();
    let counted = OF_STREAM
        .iter()
        .map(|(name, help, count)| (*name, *help, Some(count(&health))));
    let others = [
        (
            "datagrams_malformed",
            "Datagrams that are not sFlow version 5",
            Some(world.malformed),
        ),
        (
            "kernel_drops",
            "Datagrams that the kernel threw away because this program was slow",
            world.kernel_drops,
        ),
    ];
    counted
        .chain(others)
        .filter_map(|(name, help, count)| {
            let name = format!("sflow_stream_{name}");
            Some(Family::single(&name, help, Number::Count(count?)))
        })
        .chain([entities(world)])
        .collect()
}

/// Each agent that has been heard.
pub(super) fn of_agents(world: &World, room: &mut Room) -> Vec<Family> {
    let mut families: Vec<Family> = OF_AGENT
        .iter()
        .map(|(name, help, _)| Family::new(&format!("sflow_agent_{name}"), help))
        .collect();
    let mut age = Family::new(
        "sflow_agent_age_seconds",
        "Seconds since an agent was heard",
    );
    let mut agents: Vec<AgentStatus> = world.registry.agents().collect();
    agents.sort_unstable_by_key(|agent| (agent.first_seen, agent.key));
    for agent in &agents {
        let labels = Rc::new(Labels::of_agent(agent.key));
        for (family, (_, _, count)) in families.iter_mut().zip(OF_AGENT) {
            if room.take(true, family.encoded_len(&labels, "")) {
                family.push(&labels, Number::Count(count(agent)));
            }
        }
        if room.take(true, age.encoded_len(&labels, "")) {
            let since = world.now - agent.last_seen;
            age.push(&labels, Number::Level(since.as_secs_f64()));
        }
    }
    families.push(age);
    families
}

/// How many there are of each kind, and how they do.
fn entities(world: &World) -> Family {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for entity in world.registry.entities(world.now) {
        let what = (entity.kind().to_string(), entity.lifecycle().to_string());
        *counts.entry(what).or_default() += 1;
    }
    let mut family = Family::new("sflow_entities", "Hosts, containers, interfaces and others");
    for ((kind, lifecycle), count) in counts {
        let labels = Labels::new([("kind", kind), ("lifecycle", lifecycle)]);
        family.push(&Rc::new(labels), Number::of(count));
    }
    family
}
