use super::some;
use crate::diagnose::facts::{ServiceFacts, TelemetryFacts};
use crate::diagnose::finding::Findings;
use crate::diagnose::kinds as kind;
use crate::format::counted;
use crate::orchestrator::{Task, TaskState};
use sflow_autoscale::observe::ContainerFacts;

/// Checks which containers of a service are reported, and with which metrics.
pub(super) fn check(findings: &mut Findings, facts: &ServiceFacts, telemetry: &TelemetryFacts) {
    let Some(signals) = &facts.signals else {
        return;
    };
    let tasks = facts.service.tasks.iter();
    let running: Vec<&Task> = tasks
        .filter(|task| task.state == TaskState::Running && task.age >= telemetry.settled_after)
        .collect();
    if running.is_empty() {
        return;
    }
    let (mut unreported, mut elsewhere) = (Vec::new(), Vec::new());
    let seen = match &telemetry.containers {
        Some(containers) => {
            for task in &running {
                match is_on_its_node(containers, task) {
                    Some(true) => {}
                    Some(false) => elsewhere.push(task.container.as_str()),
                    None => unreported.push(task.container.as_str()),
                }
            }
            running.len() - unreported.len() - elsewhere.len()
        }
        None => {
            let matched = signals.iter().map(|signal| signal.matched as usize).max();
            matched.unwrap_or(0).min(running.len())
        }
    };
    let about = format!("service {}", facts.service.name);
    let of = counted(running.len(), "container");
    let missing = running.len() - seen - elsewhere.len();
    if missing > 0 {
        let names = match &unreported[..] {
            [] => String::new(),
            names => format!(": {}", some(names)),
        };
        let what = format!("{missing} of {of} not reported{names}");
        let finding = kind::SERVICE_UNSEEN.of(&about, what).detail("seen", seen);
        let finding = finding.detail("service", &*facts.service.name);
        findings.add(finding.detail("running", running.len()));
    }
    if !elsewhere.is_empty() {
        let (count, names) = (elsewhere.len(), some(&elsewhere));
        let what = format!(
            "{count} of {of} reported by another host than the node of the task: {names}; this does \
             not count"
        );
        findings.add(kind::CONTAINERS_ELSEWHERE.of(&about, what));
    }
    if seen == running.len() {
        findings.add(kind::CONTAINERS.of(&about, format!("{seen} of {of} reported")));
    }
    if seen > 0 {
        metrics(findings, &about, facts, seen, telemetry);
    }
}

/// Whether the container of a task is reported by the host of its node; `None` if it is not
/// reported.
fn is_on_its_node(containers: &[ContainerFacts], task: &Task) -> Option<bool> {
    let mut reports = containers.iter().filter(|it| it.is_of(task)).peekable();
    reports.peek()?;
    Some(reports.any(|container| container.is_on_node_of(task)))
}

/// Checks which metrics of the rule are missing for some or all containers.
fn metrics(
    findings: &mut Findings,
    about: &str,
    facts: &ServiceFacts,
    seen: usize,
    telemetry: &TelemetryFacts,
) {
    let until_then = match telemetry.settled_after.is_zero() {
        true => format!(
            "a rate requires two polling intervals, and telemetry was received for {:.0} s: listen \
             longer (--listen-for 1m)",
            telemetry.listened.as_secs_f64()
        ),
        false => "the service is not scaled down without it".to_owned(),
    };
    for signal in facts.signals.iter().flatten() {
        let metric = signal.metric.as_str();
        // The readings of young tasks are known but not used yet.
        let known = (signal.contributing + signal.warming) as usize;
        let finding = if known == 0 {
            let what = format!("no container reports {metric}");
            kind::METRIC_UNKNOWN.of(about, what).advise(format!(
                "{until_then}. If it remains missing, the agent does not measure it: use another \
                 metric"
            ))
        } else if known < seen {
            let what = format!("{known} of {seen} containers report {metric}");
            kind::METRIC_PARTIAL.of(about, what).advise(&until_then)
        } else {
            continue;
        };
        let finding = finding.detail("service", &*facts.service.name);
        findings.add(finding.detail("metric", metric));
    }
}
