//! Whether the loop runs and receives what agents send, and whether it has what it needs.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serve::Json;

use super::input::{Nothing, Params};
use crate::presence::Presence;
use crate::web::Site;
use crate::words::{count, duration};
use sflow_autoscale::problem::ProblemReason;
use untrusted::printable;

#[derive(Serialize)]
pub(super) struct Health {
    alive: bool,
    words: String,
    /// Seconds since the last round ended, by this machine's clock.
    idle: f64,
    rounds: u64,
}

pub(super) async fn show(
    State(site): State<Site>,
    _: Params<Nothing>,
) -> (StatusCode, Json<Health>) {
    let health = Health::of(&site);
    (status(health.alive), Json(health))
}

pub(super) async fn show_in_words(State(site): State<Site>) -> (StatusCode, String) {
    let health = Health::of(&site);
    let words = if health.alive { "ok" } else { &health.words };
    (status(health.alive), format!("{words}\n"))
}

#[derive(Serialize)]
pub(super) struct Readiness {
    ready: bool,
    conditions: Vec<Condition>,
}

#[derive(Serialize)]
struct Condition {
    name: &'static str,
    met: bool,
    words: String,
}

pub(super) async fn show_readiness(
    State(site): State<Site>,
    _: Params<Nothing>,
) -> (StatusCode, Json<Readiness>) {
    let readiness = Readiness::of(&site);
    (status(readiness.ready), Json(readiness))
}

pub(super) async fn show_readiness_in_words(State(site): State<Site>) -> (StatusCode, String) {
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
    fn of(site: &Site) -> Self {
        let interval = site.handle.config().lock().control.interval;
        // A round may have to wait for several managers that do not answer.
        let patience = interval * 5 + Duration::from_secs(60);
        let board = site.handle.board().lock();
        let (idle, rounds) = (board.idle(), board.rounds());
        drop(board);
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
            (true, 0) => format!("The loop began {ago} ago, and its first round is under way."),
            (true, _) => format!("The last of {} rounds ended {ago} ago.", count(rounds)),
        };
        Self {
            alive: is_open && idle <= patience && !refuses_all,
            words,
            idle: idle.as_secs_f64(),
            rounds,
        }
    }
}

impl Readiness {
    fn of(site: &Site) -> Self {
        let health = Health::of(site);
        let alive = Condition {
            name: "loop",
            met: health.alive,
            words: health.words,
        };
        let conditions = vec![
            alive,
            first_round(site),
            orchestrator(site),
            telemetry(site),
        ];
        Self {
            ready: conditions.iter().all(|condition| condition.met),
            conditions,
        }
    }
}

fn first_round(site: &Site) -> Condition {
    let is_done = site.handle.board().lock().reached().is_some();
    let words = match is_done {
        true => "Services have been looked at.",
        false => "No service could be looked at yet.",
    };
    Condition {
        name: "first_round",
        met: is_done,
        words: words.to_owned(),
    }
}

fn orchestrator(site: &Site) -> Condition {
    let board = site.handle.board().lock();
    let (now, reached) = (board.present(), board.reached());
    let trouble = board
        .troubles()
        .find(|((reason, _), _)| *reason == ProblemReason::Orchestrator)
        .map(|(_, current)| current.message.clone());
    drop(board);
    let config = site.handle.config().lock();
    // A round may have to ask one manager in vain.
    let patience = config.control.interval * 3 + config.docker.timeout;
    drop(config);
    let (met, words) = match reached {
        Some(at) if now - at <= patience => (true, "It answers.".to_owned()),
        Some(at) => {
            let ago = duration((now - at).as_secs_f64());
            (false, format!("It has not answered for {ago}"))
        }
        None => (false, "It has not answered yet".to_owned()),
    };
    let words = match (met, trouble) {
        (true, _) => words,
        (false, Some(trouble)) => format!("{words}: {trouble}"),
        (false, None) => format!("{words}."),
    };
    Condition {
        name: "orchestrator",
        met,
        words,
    }
}

fn telemetry(site: &Site) -> Condition {
    /// Reasons that are listed.
    const LISTED: usize = 3;
    let presence = Presence::look(&site.handle);
    let all = presence.reporters.len();
    let refusals = presence.missing.iter().filter(|it| it.is_refusal());
    let refusals: Vec<String> = refusals.take(LISTED).map(ToString::to_string).collect();
    let heard = presence.heard();
    let words = match (heard, all - heard) {
        _ if presence.refuses_all && !refusals.is_empty() => refusals.join(" "),
        (0, 0) if !refusals.is_empty() => refusals.join(" "),
        (0, 0) => {
            let listen = site.handle.config().lock().collector.listen;
            format!(
                "No agent has reported: do they send to UDP port {}?",
                listen.port()
            )
        }
        (0, silent) => format!("All {} agents are silent.", count_of(silent)),
        (heard, 0) => format!("All {} agents are heard.", count_of(heard)),
        (heard, silent) => {
            let (heard, silent) = (count_of(heard), count_of(silent));
            format!("{heard} agents are heard, {silent} are silent.")
        }
    };
    Condition {
        name: "telemetry",
        met: heard > 0 && !presence.refuses_all,
        words,
    }
}

fn count_of(number: usize) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}
