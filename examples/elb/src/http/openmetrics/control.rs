//! Metrics of decisions and rounds.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::{Labels, counter, counters, gauge, gauges, histograms, label};
use crate::handle::Handle;
use crate::policy::Mode;
use sflow_autoscale::problem::ProblemReason;

pub(super) fn decisions(handle: &Handle, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let status = handle.status().lock();
    let (tally, mode) = (*status.tally(), status.mode());
    let outcomes = status.outcomes().clone();
    drop(status);
    let by_outcome = ["kept", "advised", "done", "failed"].map(|outcome| {
        let count = outcomes.get(outcome).copied().unwrap_or(0);
        (vec![label("outcome", outcome)], count)
    });
    counters(encoder, "elb_decisions", "Decisions by outcome", by_outcome)?;
    let by_direction = [("grow", tally.grown), ("shrink", tally.shrunk)];
    let by_direction = by_direction.map(|(way, count)| (vec![label("direction", way)], count));
    counters(
        encoder,
        "elb_changes",
        "Changes of the number of replicas that the orchestrator accepted",
        by_direction,
    )?;
    counter(
        encoder,
        "elb_advised",
        "Recommended changes in mode advise",
        tally.advised,
    )?;
    counter(
        encoder,
        "elb_conflicts",
        "Decisions repeated because the service had changed in the meantime",
        tally.conflicts,
    )?;
    let modes = [Mode::Off, Mode::Advise, Mode::Act].map(|known| {
        (
            vec![label("mode", known.name())],
            f64::from(u8::from(known == mode)),
        )
    });
    gauges(
        encoder,
        "elb_global_mode",
        "1 for the current mode of the loop",
        modes,
    )
}

pub(super) fn rounds(handle: &Handle, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let config = handle.config().lock();
    let (interval, timeout) = (config.control.interval, config.docker.timeout);
    drop(config);
    let status = handle.status().lock();
    let is_up = status.is_orchestrator_up(interval, timeout);
    let (rounds, unreachable) = (status.rounds(), status.tally().unreachable);
    let (idle, present) = (status.idle(), status.present());
    let (reached, problem_count) = (status.reached(), status.problems().count());
    let latency = status.latency().clone();
    let current: Vec<(ProblemReason, String)> = status.problems().map(|it| it.0.clone()).collect();
    drop(status);
    counter(encoder, "elb_rounds", "Rounds of the loop", rounds)?;
    gauge(
        encoder,
        "elb_round_age_seconds",
        "Time since the last round ended",
        idle.as_secs_f64(),
    )?;
    counter(
        encoder,
        "elb_rounds_without_orchestrator",
        "Rounds in which the orchestrator could not be read",
        unreachable,
    )?;
    gauge(
        encoder,
        "elb_orchestrator_up",
        "1 if the orchestrator answered the last round and the current round does not wait \
         longer than the time limit of a request",
        f64::from(u8::from(is_up)),
    )?;
    let age = reached.map(|at| (Labels::new(), (present - at).as_secs_f64()));
    gauges(
        encoder,
        "elb_orchestrator_answer_age_seconds",
        "Time since the orchestrator last answered; absent before the first answer",
        age,
    )?;
    gauge(
        encoder,
        "elb_troubles",
        "Current problems",
        problem_count as f64,
    )?;
    problems(encoder, &current)?;
    let stages = latency
        .stages()
        .map(|(stage, took)| (vec![label("stage", stage)], took));
    histograms(
        encoder,
        "elb_stage_seconds",
        "Duration of each stage of a round, and of the whole round",
        stages,
    )?;
    histograms(
        encoder,
        "elb_reading_age_seconds",
        "Age of the newest reading that a decision used",
        [(Labels::new(), latency.readings())],
    )
}

/// Current problems by reason, and by service.
fn problems(
    encoder: &mut DescriptorEncoder<'_>,
    current: &[(ProblemReason, String)],
) -> fmt::Result {
    let by_reason = ProblemReason::ALL.map(|reason| {
        let count = current.iter().filter(|(known, _)| *known == reason).count();
        (vec![label("reason", reason.name())], count as f64)
    });
    gauges(
        encoder,
        "elb_problems",
        "Current problems by reason",
        by_reason,
    )?;
    let of_service = current
        .iter()
        .filter(|(reason, _)| reason.is_of_service())
        .map(|(reason, about)| {
            let labels = vec![label("service", about), label("reason", reason.name())];
            (labels, 1.0)
        });
    gauges(
        encoder,
        "elb_service_problem",
        "1 for each current problem of a service, by reason",
        of_service,
    )
}
