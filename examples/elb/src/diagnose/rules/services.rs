use crate::config::{Config, OWNER, ServiceSettings, acting, mode_summary};
use crate::diagnose::facts::EngineFacts;
use crate::diagnose::finding::{Findings, Subject};
use crate::format::counted;
use crate::orchestrator::{Rollout, Scaling, Service, TaskState};
use crate::policy::{Mode, Rule};

/// Checks the services to balance.
pub(super) fn check(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let managed = engines.managed_services(config);
    labels(findings, config, engines);
    acts(findings, config, &managed);
    let found = match &engines.services {
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            findings.about("services").wrong(
                "services_unreadable",
                format!("cannot be read: {why}"),
                "see the engine's log",
            );
            return;
        }
        None => return,
    };
    if managed.is_empty() {
        findings.about("services").wrong(
            "no_service",
            "no service to balance",
            "add one to the configuration ([[service]]), or label one: `docker service update \
             --label-add elb.enabled=true`",
        );
    }
    for entry in &managed {
        let mut subject = findings.about(format!("service {}", entry.name));
        match found.iter().find(|service| service.name == entry.name) {
            Some(service) => one(&mut subject, config, entry, service),
            None => subject.wrong(
                "service_gone",
                "the swarm has no service with this name",
                "see `docker service ls`; services of a stack are named STACK_SERVICE",
            ),
        }
    }
}

/// Reports which services and pools would be changed.
fn acts(findings: &mut Findings, config: &Config, managed: &[ServiceSettings]) {
    let names = acting(managed, &config.pools);
    match mode_summary(&config.control, &names) {
        Ok(what) => findings.about("mode").ok("mode", what),
        Err(unset) => {
            let (what, advice) = unset.split_once(". ").unwrap_or((&unset, ""));
            let mut advice = advice.to_owned();
            if let Some(first) = advice.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            findings.about("mode").wrong("mode_unset", what, advice);
        }
    }
}

/// Checks labels. If one is invalid, all labels of the service are ignored.
fn labels(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let labelled = match &engines.labelled {
        Some(Ok(labelled)) => labelled,
        Some(Err(why)) => {
            findings.about("services").wrong(
                "labels_unreadable",
                format!("labels cannot be read: {why}"),
                "see the engine's log",
            );
            return;
        }
        None => return,
    };
    for service in labelled {
        let mut subject = findings.about(format!("service {}", service.name));
        let is_in_file = config
            .services
            .iter()
            .any(|entry| entry.name == service.name);
        if is_in_file {
            subject.note(
                "labels_unused",
                "its labels are ignored: it is also in the configuration file",
                "remove the labels or the entry of the file",
            );
        } else if let Err(error) = config
            .discovery
            .labels
            .service(&service.name, &service.labels)
        {
            subject.wrong(
                "labels",
                error.to_string(),
                "correct it with `docker service update --label-add`; until then the service is \
                 not balanced",
            );
        }
    }
}

fn one(subject: &mut Subject<'_>, config: &Config, entry: &ServiceSettings, service: &Service) {
    let Scaling::Replicated { replicas } = service.scaling else {
        let what = match service.scaling {
            Scaling::Global => "it is global (one task per node) and cannot be scaled",
            _ => "it is a job and cannot be scaled",
        };
        subject.wrong(
            "not_scalable",
            what,
            "remove it from the configuration, or create it again with `--mode replicated`",
        );
        return;
    };
    let settings = &entry.settings;
    subject.ok(
        "service",
        format!(
            "{} of {} running, limits {} to {}, mode {}",
            service.running(),
            counted(replicas as usize, "replica"),
            settings.min,
            settings.max,
            mode(config, settings.mode)
        ),
    );
    owner(subject, config, service);
    bounds(subject, config, entry, replicas);
    rollout(subject, service.rollout);
    tasks(subject, service);
    limits(subject, &settings.rule, service.cpu_limit);
}

/// The effective mode, with the service's own mode if the loop's mode is more restrictive.
fn mode(config: &Config, own: Mode) -> String {
    let mode = own.least(config.control.mode);
    match mode == own {
        true => mode.name().to_owned(),
        false => format!(
            "{} (configured for the service: {})",
            mode.name(),
            own.name()
        ),
    }
}

fn owner(subject: &mut Subject<'_>, config: &Config, service: &Service) {
    let ours = &config.discovery.owner;
    let owner = service.labels.get(OWNER).map(|owner| owner.trim());
    if let Some(owner) = owner
        && !owner.is_empty()
        && owner != ours
    {
        subject.note(
            "owned_by_another",
            format!(
                "its label elb.owner is {owner:?}, this balancer is {ours:?}: it is not \
                 scaled"
            ),
            "if this balancer should scale it, change the label or control.owner",
        );
    }
}

fn bounds(subject: &mut Subject<'_>, config: &Config, entry: &ServiceSettings, replicas: u32) {
    let settings = &entry.settings;
    if !(settings.min..=settings.max).contains(&replicas) {
        let when = match settings.mode.least(config.control.mode) {
            Mode::Act => "elb will change this",
            Mode::Advise => "elb would change this in mode act",
            Mode::Off => "mode is off, so elb does not change this",
        };
        subject.note(
            "outside_bounds",
            format!(
                "its {} are outside the limits {} to {}; {when}",
                counted(replicas as usize, "replica"),
                settings.min,
                settings.max
            ),
            "set min and max to the sizes required at low and at peak load",
        );
    }
    if settings.min == settings.max {
        subject.note(
            "no_room",
            format!(
                "min and max are both {}: the size cannot change",
                settings.min
            ),
            "increase max",
        );
    }
}

fn rollout(subject: &mut Subject<'_>, rollout: Rollout) {
    match rollout {
        Rollout::Settled => {}
        Rollout::Running => subject.note(
            "rollout_running",
            "a rolling update or a rollback is in progress: the service is not scaled until it \
             ends",
            "wait until it ends",
        ),
        Rollout::Paused => subject.wrong(
            "rollout_paused",
            "a rolling update or a rollback is paused: the service is not scaled until it ends",
            "see `docker service ps` for the reason; then resume with `docker service update` or \
             undo with `docker service rollback`",
        ),
    }
}

/// Number of failures in one slot from which a task counts as failing.
const CRASH_LOOP: u32 = 2;

fn tasks(subject: &mut Subject<'_>, service: &Service) {
    let failing = service.tasks.iter().max_by_key(|task| task.failures);
    if let Some(task) = failing.filter(|task| task.failures >= CRASH_LOOP) {
        let error = task.error.as_deref().unwrap_or("no error message");
        subject.wrong(
            "tasks_failing",
            format!(
                "task {} failed {} times; error of the engine: {error}",
                task.container, task.failures
            ),
            format!(
                "see `docker service logs {}`; no replicas are added while tasks fail",
                service.name
            ),
        );
        return;
    }
    let waiting: Vec<_> = service
        .tasks
        .iter()
        .filter(|task| task.state != TaskState::Running)
        .collect();
    if waiting.is_empty() {
        return;
    }
    let what = format!("{} is not running", counted(waiting.len(), "task"));
    let what = if waiting.len() == 1 {
        what
    } else {
        what.replace("is not", "are not")
    };
    match waiting.iter().find_map(|task| task.error.as_deref()) {
        Some(error) => subject.wrong(
            "tasks_waiting",
            format!("{what}; error of the engine: {error}"),
            format!("see `docker service ps --no-trunc {}`", service.name),
        ),
        None => subject.note(
            "tasks_starting",
            format!("{what}; no error reported"),
            "probably starting; check again in a minute",
        ),
    }
}

/// Checks the CPU limit of a container against the targets of the rule.
fn limits(subject: &mut Subject<'_>, rule: &Rule, cpu_limit: Option<f64>) {
    for (metric, most) in above(rule) {
        let Some(limit) = cpu_limit else {
            if metric == "vir_cpu_limit_utilization" {
                subject.wrong(
                    "limit_missing",
                    "the rule uses percent of the CPU limit, but the tasks have no limit",
                    "set a limit (`docker service update --limit-cpu`, or deploy.resources.limits \
                     in a stack file), or use vir_cpu_cores",
                );
            }
            continue;
        };
        if metric == "vir_cpu_limit_utilization" && limit.fract() != 0.0 {
            subject.note(
                "limit_not_whole",
                format!(
                    "the limit is {limit} CPUs, but sFlow reports whole CPUs: percent of the limit \
                     is missing or inaccurate"
                ),
                "use vir_cpu_cores with a target below the limit",
            );
        }
        let reach = match metric {
            "vir_cpu_cores" => limit,
            "vir_cpu_utilization" => limit * 100.0,
            "vir_cpu_limit_utilization" => 100.0,
            _ => continue,
        };
        if most >= reach {
            subject.wrong(
                "limit_below_rule",
                format!(
                    "replicas are added if {metric} exceeds {most}, but the limit of {limit} CPUs \
                     allows at most {reach}: this metric never adds replicas"
                ),
                "lower the target or the upper threshold, or raise the limit",
            );
        }
    }
}

/// The value above which each metric adds replicas.
fn above(rule: &Rule) -> Vec<(&str, f64)> {
    let metrics = rule.metrics().into_iter().enumerate();
    metrics
        .filter_map(|(place, metric)| Some((metric, rule.band(place)?.1)))
        .collect()
}
