//! Agents, the state of their data, and incomplete data.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serve::Json;
use sflow_metrics::{AgentStatus, Health, Timestamp};
use utoipa::ToSchema;

use super::input::{Params, limit};
use crate::diagnose::Finding;
use crate::http::Site;
use serve::Problem;
use sflow_autoscale::observe::IngestStats;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Maximum number of entries; default 1000.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Agents and incomplete data.
#[derive(Serialize, ToSchema)]
pub(super) struct Agents {
    /// Number of known agents, whether listed or not.
    total: usize,
    agents: Vec<Agent>,
    /// Statistics of all agents together; see the documentation of sflow-metrics.
    #[schema(value_type = BTreeMap<String, u64>)]
    health: Health,
    intake: IngestStats,
    /// Incomplete data, the most important first.
    #[schema(value_type = Vec<MissingMembers>)]
    missing: Vec<Missing>,
}

/// Incomplete data.
#[derive(Serialize)]
struct Missing {
    what: &'static str,
    words: String,
    #[serde(flatten)]
    details: BTreeMap<&'static str, Value>,
}

/// Incomplete data; further members depend on its kind.
#[derive(ToSchema)]
#[schema(as = Missing)]
#[expect(dead_code, reason = "describes the members of Missing")]
struct MissingMembers {
    /// Kind.
    what: String,
    /// Message with a recommended action.
    words: String,
    /// `no_agent`: UDP port of the collector.
    port: u16,
    /// The agent.
    agent: String,
    /// The host that it reports.
    host: Option<String>,
    /// Seconds since its last datagram.
    age: f64,
    /// The node.
    node: String,
    /// Running tasks of managed services there.
    tasks: u32,
    /// The service.
    service: String,
    /// Containers known to the telemetry.
    seen: u32,
    /// Containers that have been running long enough to be reported.
    running: u32,
    /// The metric.
    metric: String,
    /// Fraction of lost datagrams, from 0 to 1.
    loss: f64,
    /// `more`: number of problems that are not listed.
    count: usize,
    /// `shared_sender`: address of the sender.
    sender: String,
    /// Addresses of the senders.
    senders: Vec<String>,
    /// `foreign_sender`: addresses of the node.
    addresses: Vec<String>,
    /// `shared_sender`: nodes that the sender reports.
    nodes: Vec<String>,
    /// `foreign_sender`: whether an allowed agent reports the node.
    is_reported: bool,
    /// `sender_refused`: the sender that sends for several agents.
    shared: Option<String>,
    /// `sender_refused`: whether the datagrams of all agents are refused.
    is_all: bool,
    /// `sender_refused` and `any_sender`: the configuration line to add.
    line: String,
}

/// An agent and the quality of its data; durations in seconds.
#[derive(Serialize, ToSchema)]
struct Agent {
    /// Unique name: address, sub-agent, and sender if it differs.
    name: String,
    /// Source address of its datagrams.
    sender: String,
    /// Agent address in its datagrams.
    address: String,
    /// Sub-agent id.
    sub_agent: u32,
    /// Datagrams used.
    received: u64,
    /// Lost datagrams.
    lost: u64,
    /// Fraction of lost datagrams, from 0 to 1.
    loss: Option<f64>,
    /// Fraction of lost counter samples, from 0 to 1.
    sample_loss: Option<f64>,
    /// Datagrams received after a newer one.
    reordered: u64,
    /// Duplicate datagrams.
    repeated: u64,
    /// Datagrams received too late to be classified.
    late: u64,
    /// Number of restarts.
    restarts: u64,
    /// Number of data sources.
    sources: usize,
    /// Whether it is kept when the limit of agents is reached.
    established: bool,
    /// Whether no datagram was received for several of its intervals.
    silent: bool,
    /// Whether another sender or a second sequence of datagrams has the same identity.
    contested: bool,
    /// Datagrams with its identity that do not continue its sequence.
    rejected: u64,
    /// Whether its sequence numbers are implausible and not used.
    odd_numbering: bool,
    /// Time since its first datagram.
    known_for: f64,
    /// Time since its last datagram.
    age: f64,
    /// Uptime reported by the agent.
    uptime: f64,
}

/// Agents and the quality of their data
#[utoipa::path(
    get,
    path = "/api/v1/agents",
    operation_id = "agents",
    params(Wanted),
    responses((status = 200, description = "Success.", body = Agents))
)]
pub(super) async fn list(
    State(site): State<Site>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Agents>, Problem> {
    let limit = limit(wanted.limit, 1_000, 10_000)?;
    let now = site.handle.now();
    let diagnosis = site.diagnosis();
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
        missing: diagnosis.incomplete.iter().map(Missing::of).collect(),
    }))
}

impl Missing {
    fn of(finding: &Finding) -> Self {
        Self {
            what: finding.kind,
            words: finding.sentences(),
            details: finding.details.clone(),
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
