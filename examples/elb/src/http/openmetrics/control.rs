//! Metrics of decisions, rounds and the process.

use std::fmt;
use std::fs;

use prometheus_client::metrics::MetricType;

use super::{Encoder, flag};
use crate::handle::Handle;
use crate::history::Health;
use crate::policy::Mode;
use crate::status::LeaderView;
use sflow_autoscale::problem::ProblemReason;

pub(super) fn decisions(to: &Encoder<'_>, handle: &Handle) -> fmt::Result {
    let status = handle.status().lock();
    let (tally, mode) = (*status.tally(), status.mode());
    let outcomes = status.outcomes().clone();
    drop(status);
    let by_outcome = ["kept", "advised", "done", "failed"].map(|outcome| {
        let count = outcomes.get(outcome).copied().unwrap_or(0);
        ([("outcome", outcome.to_owned())], count)
    });
    to.counters("elb_decisions", "Decisions by outcome", by_outcome)?;
    let by_direction = [("grow", tally.grown), ("shrink", tally.shrunk)];
    let by_direction = by_direction.map(|(way, count)| ([("direction", way.to_owned())], count));
    let help = "Changes of the number of replicas that the orchestrator accepted";
    to.counters("elb_changes", help, by_direction)?;
    let help = "Recommended changes in mode advise";
    to.counter("elb_advised", help, tally.advised)?;
    let help = "Decisions repeated because the service had changed in the meantime";
    to.counter("elb_conflicts", help, tally.conflicts)?;
    let modes = [Mode::Off, Mode::Advise, Mode::Act];
    let modes = modes.map(|known| ([("mode", known.name().to_owned())], flag(known == mode)));
    let help = "1 for the current mode of the loop";
    to.gauges("elb_global_mode", help, modes)
}

pub(super) fn rounds(to: &Encoder<'_>, handle: &Handle) -> fmt::Result {
    let config = handle.config().lock();
    let (interval, timeout) = (config.control.interval, config.docker.timeout);
    drop(config);
    let status = handle.status().lock();
    let is_up = status.is_orchestrator_up(interval, timeout);
    let (rounds, unreachable) = (status.rounds(), status.tally().unreachable);
    let (idle, present, reached) = (status.idle(), status.present(), status.reached());
    let latency = status.latency().clone();
    let stored = status.stored().cloned();
    let current: Vec<(ProblemReason, String)> = status.problems().map(|it| it.0.clone()).collect();
    drop(status);
    to.counter("elb_rounds", "Rounds of the loop", rounds)?;
    let help = "Time since the last round ended";
    to.gauge("elb_round_age_seconds", help, idle.as_secs_f64())?;
    let help = "Rounds in which the orchestrator could not be read";
    to.counter("elb_rounds_without_orchestrator", help, unreachable)?;
    let help = "1 if the orchestrator answered the last round and the current round does not wait \
                longer than the time limit of a request";
    to.gauge("elb_orchestrator_up", help, flag(is_up))?;
    let age = reached.map(|at| (present - at).as_secs_f64());
    let help = "Time since the orchestrator last answered; absent before the first answer";
    to.gauge("elb_orchestrator_answer_age_seconds", help, age)?;
    to.gauge("elb_troubles", "Current problems", current.len() as f64)?;
    let by_reason = ProblemReason::ALL.map(|reason| {
        let count = current.iter().filter(|(known, _)| *known == reason).count();
        ([("reason", reason.name().to_owned())], count as f64)
    });
    to.gauges("elb_problems", "Current problems by reason", by_reason)?;
    let of_services = current.into_iter();
    let of_services = of_services.filter(|(reason, _)| reason.is_of_service());
    let of_services = of_services.map(|(reason, service)| {
        let reason = reason.name().to_owned();
        ([("service", service), ("reason", reason)], 1.0)
    });
    let help = "1 for each current problem of a service, by reason";
    to.gauges("elb_service_problem", help, of_services)?;
    let stages = latency.stages();
    let stages = stages.map(|(stage, took)| ([("stage", stage.to_owned())], took));
    let help = "Duration of each stage of a round, and of the whole round";
    to.histograms("elb_stage_seconds", help, stages)?;
    let help = "Age of the newest reading that a decision used";
    to.histograms("elb_reading_age_seconds", help, [([], latency.readings())])?;
    history(to, stored)
}

/// Metrics of the stored history; none if it is not stored.
fn history(to: &Encoder<'_>, stored: Option<Health>) -> fmt::Result {
    let Some(stored) = stored else {
        return Ok(());
    };
    let help = "Failed attempts to write the history";
    to.counter("elb_history_errors", help, stored.errors)?;
    let help = "Records of the history that were dropped because the queue was full";
    to.counter("elb_history_dropped", help, stored.dropped)?;
    let help = "Size of the file of the history; 0 while it cannot be opened";
    to.gauge("elb_history_size_bytes", help, stored.size as f64)
}

pub(super) fn leader(to: &Encoder<'_>, leader: &LeaderView) -> fmt::Result {
    let status = &leader.status;
    let help = "1 if this instance leads or no election is configured, 0 on a standby";
    to.gauge("elb_leader", help, flag(status.is_leader))?;
    let term = leader.election.then_some(status.term as f64);
    let help = "Number of the leadership, increased by each takeover; absent without an election";
    to.gauge("elb_leader_term", help, term)?;
    let help = "Time since this instance saw the lease change, or renewed it; absent if unknown";
    to.gauge("elb_leader_renewed_age_seconds", help, leader.renewed_age)
}

/// Metrics of the process, if the system provides them.
pub(super) fn process(to: &Encoder<'_>) -> fmt::Result {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    to.0.borrow_mut()
        .encode_descriptor("elb_build", "Version of elb", None, MetricType::Info)?
        .encode_info(&version)?;
    to.gauge(
        "process_resident_memory_bytes",
        "Resident memory",
        resident(),
    )?;
    to.gauge("process_open_fds", "Open files and sockets", open_files())
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn open_files() -> Option<f64> {
    let files = fs::read_dir("/proc/self/fd").ok()?;
    // One of the entries is the directory itself.
    Some(files.count().saturating_sub(1) as f64)
}
