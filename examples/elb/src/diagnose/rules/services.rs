use crate::config::{Config, OWNER, ServiceSettings, acting, mode_summary};
use crate::diagnose::facts::EngineFacts;
use crate::diagnose::finding::{Finding, Findings};
use crate::diagnose::kinds as kind;
use crate::format::counted;
use crate::orchestrator::{Rollout, Scaling, Service, TaskState};
use crate::policy::{Mode, Rule};

const ABOUT: &str = "services";

/// Checks the services to balance.
pub(super) fn check(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let managed = engines.managed_services(config);
    labels(findings, config, engines);
    findings.add(mode(config, &managed));
    let found = match &engines.services {
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            let what = format!("cannot be read: {why}");
            return findings.add(kind::SERVICES_UNREADABLE.of(ABOUT, what));
        }
        None => return,
    };
    if managed.is_empty() {
        findings.add(kind::NO_SERVICE.of(ABOUT, "no service to balance"));
    }
    for entry in &managed {
        let about = format!("service {}", entry.name);
        match found.iter().find(|service| service.name == entry.name) {
            Some(service) => one(findings, &about, config, entry, service),
            None => {
                let what = "the swarm has no service with this name";
                findings.add(kind::SERVICE_GONE.of(about, what));
            }
        }
    }
}

/// The services and pools that would be changed.
fn mode(config: &Config, managed: &[ServiceSettings]) -> Finding {
    const ABOUT: &str = "mode";
    let unset = match mode_summary(&config.control, &acting(managed, &config.pools)) {
        Ok(what) => return kind::MODE.of(ABOUT, what),
        Err(unset) => unset,
    };
    let (what, advice) = unset.split_once(". ").unwrap_or((&unset, ""));
    let mut advice = advice.to_owned();
    if let Some(first) = advice.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    kind::MODE_UNSET.of(ABOUT, what).advise(advice)
}

/// Checks labels. If one is invalid, all labels of the service are ignored.
fn labels(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let labelled = match &engines.labelled {
        Some(Ok(labelled)) => labelled,
        Some(Err(why)) => {
            let what = format!("labels cannot be read: {why}");
            return findings.add(kind::LABELS_UNREADABLE.of(ABOUT, what));
        }
        None => return,
    };
    for service in labelled {
        let about = format!("service {}", service.name);
        let labels = &config.discovery.labels;
        if config.services.iter().any(|it| it.name == service.name) {
            let what = "its labels are ignored: it is also in the configuration file";
            findings.add(kind::LABELS_UNUSED.of(about, what));
        } else if let Err(error) = labels.service(&service.name, &service.labels) {
            findings.add(kind::LABELS.of(about, error.to_string()));
        }
    }
}

fn one(
    findings: &mut Findings,
    about: &str,
    config: &Config,
    entry: &ServiceSettings,
    service: &Service,
) {
    let replicas = match service.scaling {
        Scaling::Replicated { replicas } => replicas,
        Scaling::Global => {
            let what = "it is global (one task per node) and cannot be scaled";
            return findings.add(kind::NOT_SCALABLE.of(about, what));
        }
        _ => {
            return findings.add(kind::NOT_SCALABLE.of(about, "it is a job and cannot be scaled"));
        }
    };
    let (min, max, own) = (entry.settings.min, entry.settings.max, entry.settings.mode);
    // The mode of the loop may be more restrictive.
    let mode = own.least(config.control.mode);
    let configured = match mode == own {
        true => String::new(),
        false => format!(" (configured for the service: {})", own.name()),
    };
    let (running, size) = (service.running(), counted(replicas as usize, "replica"));
    let mode_name = mode.name();
    let what =
        format!("{running} of {size} running, limits {min} to {max}, mode {mode_name}{configured}");
    findings.add(kind::SERVICE.of(about, what));
    let ours = &config.discovery.owner;
    let owner = service.labels.get(OWNER).map(|owner| owner.trim());
    if let Some(owner) = owner.filter(|owner| !owner.is_empty() && owner != ours) {
        let what = format!(
            "its label elb.owner is {owner:?}, this balancer is {ours:?}: it is not scaled"
        );
        findings.add(kind::OWNED_BY_ANOTHER.of(about, what));
    }
    if !(min..=max).contains(&replicas) {
        let when = match mode {
            Mode::Act => "elb will change this",
            Mode::Advise => "elb would change this in mode act",
            Mode::Off => "mode is off, so elb does not change this",
        };
        let what = format!("its {size} are outside the limits {min} to {max}; {when}");
        findings.add(kind::OUTSIDE_BOUNDS.of(about, what));
    }
    if min == max {
        let what = format!("min and max are both {min}: the size cannot change");
        findings.add(kind::NO_ROOM.of(about, what));
    }
    let rollout = match service.rollout {
        Rollout::Settled => None,
        Rollout::Running => Some((kind::ROLLOUT_RUNNING, "in progress")),
        Rollout::Paused => Some((kind::ROLLOUT_PAUSED, "paused")),
    };
    if let Some((kind, state)) = rollout {
        let what = format!(
            "a rolling update or a rollback is {state}: the service is not scaled until it ends"
        );
        findings.add(kind.of(about, what));
    }
    findings.extend(tasks(about, service));
    limits(findings, about, &entry.settings.rule, service.cpu_limit);
}

/// Tasks that fail or do not run.
fn tasks(about: &str, service: &Service) -> Option<Finding> {
    /// Number of failures in one slot from which a task counts as failing.
    const CRASH_LOOP: u32 = 2;
    let failing = service.tasks.iter().max_by_key(|task| task.failures);
    if let Some(task) = failing.filter(|task| task.failures >= CRASH_LOOP) {
        let error = task.error.as_deref().unwrap_or("no error message");
        let (name, times) = (&task.container, task.failures);
        let what = format!("task {name} failed {times} times; error of the engine: {error}");
        return Some(kind::TASKS_FAILING.of(about, what).advise(format!(
            "see `docker service logs {}`; no replicas are added while tasks fail",
            service.name
        )));
    }
    let is_waiting = |state: TaskState| state != TaskState::Running;
    let waiting = service.tasks.iter().filter(|task| is_waiting(task.state));
    let what = match waiting.clone().count() {
        0 => return None,
        1 => "1 task is not running".to_owned(),
        count => format!("{count} tasks are not running"),
    };
    let error = waiting.filter_map(|task| task.error.as_deref()).next();
    let Some(error) = error else {
        return Some(kind::TASKS_STARTING.of(about, format!("{what}; no error reported")));
    };
    let what = format!("{what}; error of the engine: {error}");
    let advice = format!("see `docker service ps --no-trunc {}`", service.name);
    Some(kind::TASKS_WAITING.of(about, what).advise(advice))
}

/// Checks the CPU limit of a container against the values above which the rule adds replicas.
fn limits(findings: &mut Findings, about: &str, rule: &Rule, cpu_limit: Option<f64>) {
    for (index, metric) in rule.metrics().into_iter().enumerate() {
        let Some((_, most)) = rule.band(index) else {
            continue;
        };
        let is_percent = metric == "vir_cpu_limit_utilization";
        let Some(limit) = cpu_limit else {
            if is_percent {
                let what = "the rule uses percent of the CPU limit, but the tasks have no limit";
                findings.add(kind::LIMIT_MISSING.of(about, what));
            }
            continue;
        };
        if is_percent && limit.fract() != 0.0 {
            let what = format!(
                "the limit is {limit} CPUs, but sFlow reports whole CPUs: percent of the limit is \
                 missing or inaccurate"
            );
            findings.add(kind::LIMIT_NOT_WHOLE.of(about, what));
        }
        let reach = match metric {
            "vir_cpu_cores" => limit,
            "vir_cpu_utilization" => limit * 100.0,
            "vir_cpu_limit_utilization" => 100.0,
            _ => continue,
        };
        if most >= reach {
            let what = format!(
                "replicas are added if {metric} exceeds {most}, but the limit of {limit} CPUs \
                 allows at most {reach}: this metric never adds replicas"
            );
            findings.add(kind::LIMIT_BELOW_RULE.of(about, what));
        }
    }
}
