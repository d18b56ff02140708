use super::some;
use crate::diagnose::facts::{ContainerFacts, ServiceFacts, TelemetryFacts};
use crate::diagnose::finding::{Findings, Subject};
use crate::format::counted;
use crate::orchestrator::{Task, TaskState};
use sflow_autoscale::observe::short_name;

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
    let mut subject = findings.about(format!("service {}", facts.service.name));
    let of = counted(running.len(), "container");
    let (mut unreported, mut elsewhere) = (Vec::new(), Vec::new());
    let seen = match &telemetry.containers {
        Some(containers) => {
            for task in &running {
                match place(containers, task) {
                    Place::OwnNode => {}
                    Place::OtherNode => elsewhere.push(task.container.as_str()),
                    Place::Unreported => unreported.push(task.container.as_str()),
                }
            }
            running.len() - unreported.len() - elsewhere.len()
        }
        None => {
            let matched = signals.iter().map(|signal| signal.matched as usize).max();
            matched.unwrap_or(0).min(running.len())
        }
    };
    let missing = running.len() - seen - elsewhere.len();
    if missing > 0 {
        let names = match &unreported[..] {
            [] => String::new(),
            names => format!(": {}", some(names)),
        };
        subject.wrong(
            "service_unseen",
            format!("{missing} of {of} not reported{names}"),
            "see the findings about their nodes; a new container is reported within a polling \
             interval. Until then these containers count as loaded for scaling down, and as \
             idle for scaling up",
        );
        subject.with([
            ("service", facts.service.name.as_str().into()),
            ("seen", seen.into()),
            ("running", running.len().into()),
        ]);
    }
    if !elsewhere.is_empty() {
        subject.wrong(
            "containers_elsewhere",
            format!(
                "{} of {of} reported by another host than the node of the task: {}; this does not \
                 count",
                elsewhere.len(),
                some(&elsewhere)
            ),
            "set the host name of each agent to the node name that `docker node ls` shows",
        );
    }
    if seen == running.len() {
        let what = format!("{seen} of {of} reported");
        subject.ok("containers", what);
    }
    if seen > 0 {
        metrics(&mut subject, facts, seen, telemetry);
    }
}

/// Where the container of a task is reported.
enum Place {
    OwnNode,
    OtherNode,
    Unreported,
}

fn place(containers: &[ContainerFacts], task: &Task) -> Place {
    let mut reports = containers.iter().filter(|it| it.is_of(task)).peekable();
    let is_there = |container: &ContainerFacts| match (&container.host, &task.node) {
        (Some(host), Some(node)) => short_name(host) == short_name(node),
        _ => true,
    };
    if reports.peek().is_none() {
        Place::Unreported
    } else if reports.any(is_there) {
        Place::OwnNode
    } else {
        Place::OtherNode
    }
}

/// Checks which metrics of the rule are missing for some or all containers.
fn metrics(
    subject: &mut Subject<'_>,
    facts: &ServiceFacts,
    seen: usize,
    telemetry: &TelemetryFacts,
) {
    let is_short = telemetry.settled_after.is_zero();
    let until_then = match is_short {
        true => format!(
            "a rate requires two polling intervals, and telemetry was received for {:.0} s: listen \
             longer (--listen-for 1m)",
            telemetry.listened.as_secs_f64()
        ),
        false => "the service is not scaled down without it".to_owned(),
    };
    for signal in facts.signals.iter().flatten() {
        let (metric, service) = (signal.metric.as_str(), facts.service.name.as_str());
        // The readings of young tasks are known but not used yet.
        let known = (signal.contributing + signal.warming) as usize;
        if known == 0 {
            subject.wrong(
                "metric_unknown",
                format!("no container reports {metric}"),
                format!(
                    "{until_then}. If it remains missing, the agent does not measure it: use \
                     another metric"
                ),
            );
        } else if known < seen {
            subject.note(
                "metric_partial",
                format!("{known} of {seen} containers report {metric}"),
                &until_then,
            );
        } else {
            continue;
        }
        subject.with([("service", service.into()), ("metric", metric.into())]);
    }
}
