//! Who reports, how well it is heard, and what is missing.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serve::Json;
use sflow_metrics::{AgentStatus, Health, Timestamp};

use super::input::{Params, limit};
use crate::presence::{Missing, Presence};
use crate::web::Site;
use serve::Problem;
use sflow_autoscale::observe::IngestStats;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Agents {
    /// All that are known, shown or not.
    total: usize,
    agents: Vec<Agent>,
    /// What was taken in and what was refused, of all agents together.
    health: Health,
    intake: IngestStats,
    /// What should report and does not.
    missing: Vec<Lack>,
}

/// The same for programs and for people.
#[derive(Serialize)]
struct Lack {
    #[serde(flatten)]
    what: Missing,
    words: String,
}

/// Times are in seconds.
#[derive(Serialize)]
struct Agent {
    /// All that tells it from others: address, stream, and sender where that is another.
    name: String,
    sender: String,
    address: String,
    sub_agent: u32,
    received: u64,
    lost: u64,
    /// Of all that it sent, from 0 to 1.
    loss: Option<f64>,
    sample_loss: Option<f64>,
    reordered: u64,
    repeated: u64,
    late: u64,
    restarts: u64,
    sources: usize,
    established: bool,
    silent: bool,
    /// Whether another sender, or a second sequence of datagrams, has its identity.
    contested: bool,
    /// Datagrams with its identity that do not continue its sequence.
    rejected: u64,
    /// Whether its sequence numbers make no sense and are not used.
    odd_numbering: bool,
    /// Since its first datagram.
    known_for: f64,
    /// Since its last.
    age: f64,
    /// What it says itself.
    uptime: f64,
}

pub(super) async fn list(
    State(site): State<Site>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Agents>, Problem> {
    let limit = limit(wanted.limit, 1_000, 10_000)?;
    let now = site.handle.now();
    let missing = Presence::look(&site.handle).missing;
    let telemetry = site.handle.telemetry().lock();
    let mut agents: Vec<AgentStatus> = telemetry.registry().agents().collect();
    let health = telemetry.registry().health();
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
    fn of(what: Missing) -> Self {
        let words = what.to_string();
        Self { what, words }
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
