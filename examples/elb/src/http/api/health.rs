//! Liveness and readiness.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serve::Json;
use utoipa::ToSchema;

use super::input::{Nothing, Params};
use crate::diagnose::Finding;
use crate::format::{count, duration};
use crate::http::Site;
use sflow_autoscale::problem::ProblemReason;
use untrusted::printable;

/// Whether the loop runs and datagrams of at least one agent are accepted.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Whether both are the case.
    alive: bool,
    /// Explanation.
    words: String,
    /// Seconds since the last round ended, by this machine's clock.
    idle: f64,
    /// Number of rounds.
    rounds: u64,
}

/// Liveness of the control loop
#[utoipa::path(
    get,
    path = "/api/v1/health",
    operation_id = "health",
    responses(
        (status = 200, description = "Success.", body = Health),
        (
            status = 503,
            description = "The loop does not run, or the datagrams of all agents are refused.",
            body = Health
        )
    )
)]
pub(super) async fn show(
    State(site): State<Site>,
    _: Params<Nothing>,
) -> (StatusCode, Json<Health>) {
    let health = Health::of(&site);
    (status(health.alive), Json(health))
}

pub(super) async fn show_as_text(State(site): State<Site>) -> (StatusCode, String) {
    let health = Health::of(&site);
    let words = if health.alive { "ok" } else { &health.words };
    (status(health.alive), format!("{words}\n"))
}

/// Readiness: whether all data for decisions is available.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether all conditions are met.
    ready: bool,
    conditions: Vec<Condition>,
}

#[derive(Serialize, ToSchema)]
struct Condition {
    /// `loop`, `first_round`, `orchestrator`, `telemetry` or, if instances elect a leader, `leader`.
    name: &'static str,
    /// Whether the condition is met.
    met: bool,
    /// Explanation.
    words: String,
}

/// Readiness: whether all data for decisions is available
#[utoipa::path(
    get,
    path = "/api/v1/ready",
    operation_id = "ready",
    responses(
        (status = 200, description = "Success.", body = Readiness),
        (status = 503, description = "Not ready.", body = Readiness)
    )
)]
pub(super) async fn show_readiness(
    State(site): State<Site>,
    _: Params<Nothing>,
) -> (StatusCode, Json<Readiness>) {
    let readiness = Readiness::of(&site);
    (status(readiness.ready), Json(readiness))
}

pub(super) async fn show_readiness_as_text(State(site): State<Site>) -> (StatusCode, String) {
    let readiness = Readiness::of(&site);
    let lines = readiness.conditions.iter().map(|condition| {
        let met = if condition.met { "ok" } else { "NOT READY" };
        format!(
            "{}: {met}: {}\n",
            condition.name,
            printable(&condition.words)
        )
    });
    (status(readiness.ready), lines.collect())
}

fn status(is_well: bool) -> StatusCode {
    match is_well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Health {
    /// Reads single facts instead of the findings, whose derivation reads all entities: the probe
    /// must be answered under load.
    fn of(site: &Site) -> Self {
        let interval = site.handle.config().lock().control.interval;
        // A round may wait for several managers that do not answer.
        let timeout = interval * 5 + Duration::from_secs(60);
        let status = site.handle.status().lock();
        let (idle, rounds) = (status.idle(), status.rounds());
        drop(status);
        let is_open = site.handle.is_open();
        let refuses_all = site
            .handle
            .telemetry()
            .lock()
            .refuses_all(site.handle.now());
        let ago = duration(idle.as_secs_f64());
        let words = match (is_open, rounds) {
            (false, _) => "The loop has ended.".to_owned(),
            _ if refuses_all => "The datagrams of all agents are refused; see /readyz.".to_owned(),
            (true, 0) => format!("The loop started {ago} ago; the first round has not ended yet."),
            (true, _) => format!("The last of {} rounds ended {ago} ago.", count(rounds)),
        };
        Self {
            alive: is_open && idle <= timeout && !refuses_all,
            words,
            idle: idle.as_secs_f64(),
            rounds,
        }
    }
}

impl Readiness {
    fn of(site: &Site) -> Self {
        let health = Health::of(site);
        let mut conditions = vec![
            Condition::new("loop", health.alive, health.words),
            first_round(site),
            orchestrator(site),
            telemetry(site),
        ];
        conditions.extend(leader(site));
        Self {
            ready: conditions.iter().all(|condition| condition.met),
            conditions,
        }
    }
}

impl Condition {
    fn new(name: &'static str, met: bool, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { name, met, words }
    }
}

fn first_round(site: &Site) -> Condition {
    let is_done = site.handle.status().lock().reached().is_some();
    let words = match is_done {
        true => "The services were read.",
        false => "The services were not read yet.",
    };
    Condition::new("first_round", is_done, words)
}

fn orchestrator(site: &Site) -> Condition {
    let status = site.handle.status().lock();
    let (now, reached) = (status.present(), status.reached());
    let problem = status
        .problems()
        .find(|((reason, _), _)| *reason == ProblemReason::Orchestrator)
        .map(|(_, current)| current.message.clone());
    drop(status);
    let config = site.handle.config().lock();
    // A round may first try a manager that does not answer.
    let timeout = config.control.interval * 3 + config.docker.timeout;
    drop(config);
    let (met, words) = match reached {
        Some(at) if now - at <= timeout => (true, "The orchestrator answers.".to_owned()),
        Some(at) => {
            let ago = duration((now - at).as_secs_f64());
            (false, format!("No answer of the orchestrator for {ago}"))
        }
        None => (false, "No answer of the orchestrator yet".to_owned()),
    };
    let words = match (met, problem) {
        (true, _) => words,
        (false, Some(problem)) => format!("{words}: {problem}"),
        (false, None) => format!("{words}."),
    };
    Condition::new("orchestrator", met, words)
}

fn telemetry(site: &Site) -> Condition {
    /// Maximum number of listed reasons.
    const LISTED: usize = 3;
    let diagnosis = site.diagnosis();
    let received = &diagnosis.telemetry;
    let (reporting, all) = (received.reporting(), received.agents.len());
    let refuses_all = received.refuses_all;
    let reasons = |is_reason: fn(&Finding) -> bool| {
        let reasons = diagnosis.incomplete.iter().filter(|it| is_reason(it));
        let reasons: Vec<String> = reasons.take(LISTED).map(Finding::sentences).collect();
        reasons.join(" ")
    };
    let words = match (reporting, all - reporting) {
        _ if refuses_all => reasons(Finding::is_refusal),
        (0, 0) => reasons(|it| it.is_refusal() || it.kind == "no_agent"),
        (0, 1) => "The only agent is silent.".to_owned(),
        (1, 0) => "The only agent reports.".to_owned(),
        (0, silent) => format!("All {} agents are silent.", count_of(silent)),
        (reporting, 0) => format!("All {} agents report.", count_of(reporting)),
        (reporting, _) => {
            let (reporting, all) = (count_of(reporting), count_of(all));
            format!("{reporting} of {all} agents report, the others are silent.")
        }
    };
    Condition::new("telemetry", reporting > 0 && !refuses_all, words)
}

/// A standby is ready if an instance leads. `None` without an election.
fn leader(site: &Site) -> Option<Condition> {
    let leader = site.handle.status().lock().leader_view();
    let diagnosis = site.diagnosis();
    let mut incomplete = diagnosis.incomplete.iter();
    let finding = incomplete.find(|finding| finding.is_no_leader());
    let mut text = finding.map_or_else(|| leader.sentence(), Finding::sentences);
    if let (None, Some(error)) = (finding, &leader.status.error) {
        text = format!("{text} The lease cannot be read or written: {error}.");
    }
    let is_met = finding.is_none() && leader.status.term > 0;
    leader
        .election
        .then(|| Condition::new("leader", is_met, text))
}

fn count_of(number: usize) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}
