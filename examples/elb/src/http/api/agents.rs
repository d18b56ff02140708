//! Agents, the state of their data, and incomplete data.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serve::Json;
use sflow_metrics::{AgentStatus, Health, Timestamp};

use super::input::{Params, limit};
use crate::diagnose::{Facts, Finding, Findings};
use crate::http::Site;
use serve::Problem;
use sflow_autoscale::observe::IngestStats;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Agents {
    /// Number of known agents, whether listed or not.
    total: usize,
    agents: Vec<Agent>,
    /// Statistics of all agents together.
    health: Health,
    intake: IngestStats,
    /// Incomplete data.
    missing: Vec<Lack>,
}

/// A problem as data and as text.
#[derive(Serialize)]
struct Lack {
    /// The kind.
    what: &'static str,
    words: String,
    #[serde(flatten)]
    details: BTreeMap<&'static str, Value>,
}

/// Durations are in seconds.
#[derive(Serialize)]
struct Agent {
    /// Unique name: address, sub-agent, and sender if it differs.
    name: String,
    sender: String,
    address: String,
    sub_agent: u32,
    received: u64,
    lost: u64,
    /// Fraction of its datagrams, from 0 to 1.
    loss: Option<f64>,
    sample_loss: Option<f64>,
    reordered: u64,
    repeated: u64,
    late: u64,
    restarts: u64,
    sources: usize,
    established: bool,
    silent: bool,
    /// Whether another sender or a second sequence of datagrams has the same identity.
    contested: bool,
    /// Datagrams with its identity that do not continue its sequence.
    rejected: u64,
    /// Whether its sequence numbers are implausible and not used.
    odd_numbering: bool,
    /// Since its first datagram.
    known_for: f64,
    /// Since its last datagram.
    age: f64,
    /// Reported by the agent.
    uptime: f64,
}

pub(super) async fn list(
    State(site): State<Site>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Agents>, Problem> {
    let limit = limit(wanted.limit, 1_000, 10_000)?;
    let now = site.handle.now();
    let missing = Findings::of(&Facts::of_loop(&site.handle)).incomplete();
    let telemetry = site.handle.telemetry().lock();
    let mut agents: Vec<AgentStatus> = telemetry.registry().agents().collect();
    let health = *telemetry.registry().health();
    let intake = telemetry.ingest_stats();
    drop(telemetry);
    agents.sort_unstable_by_key(|agent| agent.key);
    let shown = agents.iter().take(limit);
    Ok(Json(Agents {
        total: agents.len(),
        agents: shown.map(|status| Agent::of(status, now)).collect(),
        health,
        intake,
        missing: missing.into_iter().map(Lack::of).collect(),
    }))
}

impl Lack {
    fn of(finding: Finding) -> Self {
        Self {
            what: finding.kind,
            words: finding.sentences(),
            details: finding.details,
        }
    }
}

impl Agent {
    fn of(status: &AgentStatus, now: Timestamp) -> Self {
        let key = status.key;
        Self {
            name: key.to_string(),
            sender: key.sender.to_string(),
            address: key.address.to_string(),
            sub_agent: key.sub_agent,
            received: status.received,
            lost: status.lost,
            loss: status.loss(),
            sample_loss: status.sample_loss(),
            reordered: status.reordered,
            repeated: status.repeated,
            late: status.late,
            restarts: status.restarts,
            sources: status.sources,
            established: status.established,
            silent: status.silent,
            contested: status.contested || status.doubtful,
            rejected: status.rejected,
            odd_numbering: status.odd_numbering,
            known_for: (now - status.first_seen).as_secs_f64(),
            age: (now - status.last_seen).as_secs_f64(),
            uptime: status.uptime.as_secs_f64(),
        }
    }
}
