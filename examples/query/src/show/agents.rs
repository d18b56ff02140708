//! Agents, lost datagrams, and how much was rejected.

use serde::Serialize;
use sflow_metrics::{AgentStatus, Health, Timestamp};

use super::columns::Columns;
use super::{Style, age, json};
use crate::telemetry::{Shared, Totals};

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    agents: Vec<Agent>,
    health: Health,
}

#[derive(Serialize)]
struct Agent {
    agent: String,
    received: u64,
    lost: u64,
    reordered: u64,
    repeated: u64,
    late: u64,
    restarts: u64,
    rejected: u64,
    sequences: usize,
    doubtful: bool,
    odd_numbering: bool,
    odd_sources: u64,
    sources: usize,
    age: f64,
    uptime: f64,
}

pub(super) fn write(
    shared: &Shared,
    now: Timestamp,
    at: &str,
    style: Style,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let Totals {
        health, mut agents, ..
    } = shared.totals();
    agents.sort_by_key(|agent| agent.key);
    if style.is_json {
        let agents = agents.iter().map(|agent| Agent {
            agent: agent.key.to_string(),
            received: agent.received,
            lost: agent.lost,
            reordered: agent.reordered,
            repeated: agent.repeated,
            late: agent.late,
            restarts: agent.restarts,
            rejected: agent.rejected,
            sequences: agent.sequences,
            doubtful: agent.doubtful,
            odd_numbering: agent.odd_numbering,
            odd_sources: agent.odd_sources,
            sources: agent.sources,
            age: (now - agent.last_seen).as_secs_f64(),
            uptime: agent.uptime.as_secs_f64(),
        });
        let line = Line {
            time: at,
            agents: agents.collect(),
            health,
        };
        return json(&line, out);
    }
    let mut columns = Columns::titled(&[
        "agent",
        "received",
        "lost",
        "late",
        "duplicate",
        "restarts",
        "sources",
        "last seen",
        "uptime",
    ]);
    columns.align_right(1..9);
    for agent in &agents {
        columns.row([
            agent.key.to_string(),
            agent.received.to_string(),
            format!(
                "{} ({:.2} %)",
                agent.lost,
                share(agent.lost, agent.received)
            ),
            (agent.reordered + agent.late).to_string(),
            agent.repeated.to_string(),
            agent.restarts.to_string(),
            agent.sources.to_string(),
            format!("{} ago", age(now - agent.last_seen)),
            age(agent.uptime),
        ]);
    }
    let plural = if agents.len() == 1 { "" } else { "s" };
    out.extend_from_slice(format!("{at}  {} agent{plural}\n", agents.len()).as_bytes());
    columns.write(style, out);
    for agent in &agents {
        for problem in problems(agent) {
            out.extend_from_slice(format!("{}: {problem}\n", agent.key).as_bytes());
        }
    }
    for (what, count) in rejections(&health) {
        if count > 0 {
            out.extend_from_slice(format!("{what}: {count}\n").as_bytes());
        }
    }
    out.push(b'\n');
    Ok(())
}

/// Irregularities of the datagrams of an agent.
fn problems(agent: &AgentStatus) -> Vec<String> {
    let mut problems = Vec::new();
    if agent.doubtful {
        problems.push(format!(
            "{} datagram sequences report the same data sources: several devices have one \
             address, or datagrams are forged. The values of these sources are unknown",
            agent.sequences
        ));
    } else if agent.sequences > 1 {
        problems.push(format!("{} datagram sequences", agent.sequences));
    }
    if agent.odd_numbering {
        let problem = "the sequence numbers of datagrams are invalid or increase by more than one; \
                       the number of lost datagrams is unknown";
        problems.push(problem.to_owned());
    }
    if agent.odd_sources > 0 {
        problems.push(odd_sources(agent.odd_sources));
    }
    problems
}

/// The problem of invalid sample numbers. `times` may count one data source more than once.
fn odd_sources(times: u64) -> String {
    let times = match times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    format!("the sample sequence numbers of a data source were invalid ({times}) and are ignored")
}

/// Lost datagrams, in percent of those sent.
fn share(lost: u64, received: u64) -> f64 {
    match lost + received {
        0 => 0.0,
        sent => 100.0 * lost as f64 / sent as f64,
    }
}

/// Counts that are zero if all agents conform to the specification.
fn rejections(health: &Health) -> [(&'static str, u64); 10] {
    [
        (
            "datagrams that continued no sequence, not used",
            health.datagrams_rejected,
        ),
        (
            "datagrams of agents beyond the maximum, not used",
            health.datagrams_refused,
        ),
        (
            "samples of data sources beyond the maximum, not used",
            health.counter_samples_refused,
        ),
        ("malformed samples", health.malformed_samples),
        ("malformed records", health.malformed_records),
        ("samples of unknown formats", health.unknown_samples),
        ("records of unknown formats", health.unknown_records),
        (
            "counters that increased by more than is possible, not used",
            health.counter_jumps,
        ),
        ("counters that decreased", health.counter_resets),
        ("names that were cut", health.names_cut),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_sample_numbers_are_counted() {
        assert!(odd_sources(1).contains("were invalid (once)"));
        assert!(odd_sources(3).contains("were invalid (3 times)"));
    }
}
