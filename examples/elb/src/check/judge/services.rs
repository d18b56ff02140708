use super::in_two;
use crate::check::facts::EngineFacts;
use crate::check::finding::Findings;
use crate::config::{Config, ServiceSettings as Wish, acting, mode_summary};
use crate::orchestrator::{Rollout, Scaling, Service, TaskState};
use crate::policy::{Mode, Rule};
use crate::words::counted;

/// Judges the services that are to be balanced.
pub(super) fn judge(
    findings: &mut Findings,
    config: &Config,
    wishes: &[Wish],
    engines: &EngineFacts,
) {
    labels(findings, config, engines);
    acts(findings, config, wishes);
    let found = match &engines.services {
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            findings.wrong(
                "services-unreadable",
                "services",
                format!("they cannot be read: {why}"),
                "the engine's log says more",
            );
            return;
        }
        None => return,
    };
    if wishes.is_empty() {
        findings.wrong(
            "no-service",
            "services",
            "there is none to balance",
            "name one in the configuration ([[service]]), or label it: `docker service update \
             --label-add elb.enabled=true`",
        );
    }
    for wish in wishes {
        let about = format!("service {}", wish.name);
        match found.iter().find(|service| service.name == wish.name) {
            Some(service) => one(findings, &about, config, wish, service),
            None => findings.wrong(
                "service-missing",
                &about,
                "the swarm has no service of this name",
                "see `docker service ls`: those of a stack are named STACK_SERVICE",
            ),
        }
    }
}

/// Which services and pools would be changed.
fn acts(findings: &mut Findings, config: &Config, wishes: &[Wish]) {
    let names = acting(wishes, &config.pools);
    match mode_summary(&config.control, &names) {
        Ok(what) => findings.ok("mode", "mode", what),
        Err(unset) => {
            let (what, advice) = in_two(&unset);
            findings.wrong("mode-unset", "mode", what, advice);
        }
    }
}

/// Labels that cannot be read: then none of them counts.
fn labels(findings: &mut Findings, config: &Config, engines: &EngineFacts) {
    let labelled = match &engines.labelled {
        Some(Ok(labelled)) => labelled,
        Some(Err(why)) => {
            findings.wrong(
                "labels-unreadable",
                "services",
                format!("they cannot be searched for labels: {why}"),
                "the engine's log says more",
            );
            return;
        }
        None => return,
    };
    for service in labelled {
        let about = format!("service {}", service.name);
        let is_in_file = config.services.iter().any(|wish| wish.name == service.name);
        if is_in_file {
            findings.note(
                "labels-unused",
                &about,
                "it has labels and a place in the configuration, which goes before",
                "keep one of the two",
            );
        } else if let Err(error) = config
            .discovery
            .labels
            .service(&service.name, &service.labels)
        {
            findings.wrong(
                "labels-wrong",
                &about,
                error.to_string(),
                "correct it with `docker service update --label-add`; until then it is not \
                 balanced",
            );
        }
    }
}

fn one(findings: &mut Findings, about: &str, config: &Config, wish: &Wish, service: &Service) {
    let Scaling::Replicated { replicas } = service.scaling else {
        let what = match service.scaling {
            Scaling::Global => "it is global: one task on each node, and no number to change",
            _ => "it is a job: its tasks end by themselves",
        };
        findings.wrong(
            "service-not-scalable",
            about,
            what,
            "take it out of the configuration, or create it anew with `--mode replicated`",
        );
        return;
    };
    let settings = &wish.settings;
    findings.ok(
        "service",
        about,
        format!(
            "{} of {} run, between {} and {}, mode {}",
            service.running(),
            counted(replicas as usize, "replica"),
            settings.min,
            settings.max,
            mode(config, settings.mode)
        ),
    );
    owner(findings, about, config, service);
    bounds(findings, about, config, wish, replicas);
    rollout(findings, about, service.rollout);
    tasks(findings, about, service);
    limits(findings, about, &settings.rule, service.cpu_limit);
}

/// The mode that a service is in, and its own where that would do more.
fn mode(config: &Config, own: Mode) -> String {
    let mode = own.least(config.control.mode);
    match mode == own {
        true => mode.name().to_owned(),
        false => format!("{} (its own is {})", mode.name(), own.name()),
    }
}

fn owner(findings: &mut Findings, about: &str, config: &Config, service: &Service) {
    let ours = &config.discovery.owner;
    let owner = service.labels.get("elb.owner").map(|owner| owner.trim());
    if let Some(owner) = owner
        && !owner.is_empty()
        && owner != ours
    {
        findings.note(
            "owned-by-another",
            about,
            format!(
                "its label elb.owner says {owner:?}, and this balancer is {ours:?}: it is left \
                     alone"
            ),
            "leave it to the other one, or change the label or control.owner",
        );
    }
}

fn bounds(findings: &mut Findings, about: &str, config: &Config, wish: &Wish, replicas: u32) {
    let settings = &wish.settings;
    if !(settings.min..=settings.max).contains(&replicas) {
        let when = match settings.mode.least(config.control.mode) {
            Mode::Act => "will be brought there",
            Mode::Advise => "would be brought there in the mode act",
            Mode::Off => "would be brought there if it were not off",
        };
        findings.note(
            "outside-bounds",
            about,
            format!(
                "its {} are outside of {} to {}: it {when}",
                counted(replicas as usize, "replica"),
                settings.min,
                settings.max
            ),
            "set min and max so that they hold what it needs in quiet times and at peaks",
        );
    }
    if settings.min == settings.max {
        findings.note(
            "no-room",
            about,
            format!(
                "min and max are both {}: there is nothing to decide",
                settings.min
            ),
            "let max be larger",
        );
    }
}

fn rollout(findings: &mut Findings, about: &str, rollout: Rollout) {
    match rollout {
        Rollout::Settled => {}
        Rollout::Running => findings.note(
            "rollout-running",
            about,
            "a rolling update or a rollback is under way: it is not scaled meanwhile",
            "wait until it has ended",
        ),
        Rollout::Paused => findings.wrong(
            "rollout-paused",
            about,
            "a rolling update or a rollback stopped half-way: it is not scaled until that is over",
            "see why with `docker service ps`; then go on with `docker service update` or go back \
             with `docker service rollback`",
        ),
    }
}

/// Failures of one place among the tasks that are no accident.
const CRASH_LOOP: u32 = 2;

fn tasks(findings: &mut Findings, about: &str, service: &Service) {
    let failing = service.tasks.iter().max_by_key(|task| task.failures);
    if let Some(task) = failing.filter(|task| task.failures >= CRASH_LOOP) {
        let error = task.error.as_deref().unwrap_or("no reason");
        findings.wrong(
            "tasks-failing",
            about,
            format!(
                "the tasks before {} failed {} times; the engine says: {error}",
                task.container, task.failures
            ),
            format!(
                "see `docker service logs {}`: it does not grow while tasks fail",
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
    let what = format!("{} should run and does not", counted(waiting.len(), "task"));
    let what = if waiting.len() == 1 {
        what
    } else {
        what.replace("does not", "do not")
    };
    match waiting.iter().find_map(|task| task.error.as_deref()) {
        Some(error) => findings.wrong(
            "tasks-waiting",
            about,
            format!("{what}; the engine says: {error}"),
            format!("see `docker service ps --no-trunc {}`", service.name),
        ),
        None => findings.note(
            "tasks-starting",
            about,
            format!("{what}, without an error so far"),
            "they are probably starting; try again in a minute",
        ),
    }
}

/// What a container may have of a processor, against what the rule asks of it.
fn limits(findings: &mut Findings, about: &str, rule: &Rule, cpu_limit: Option<f64>) {
    for (metric, most) in above(rule) {
        let Some(limit) = cpu_limit else {
            if metric == "vir_cpu_limit_utilization" {
                findings.wrong(
                    "limit-missing",
                    about,
                    "the rule asks for percent of the CPU limit, and its tasks have none",
                    "set one (`docker service update --limit-cpu`, or deploy.resources.limits in \
                     a stack file), or take vir_cpu_cores",
                );
            }
            continue;
        };
        if metric == "vir_cpu_limit_utilization" && limit.fract() != 0.0 {
            findings.note(
                "limit-not-whole",
                about,
                format!(
                    "its limit is {limit} CPUs, and sFlow reports whole ones: percent of the limit \
                     is absent or coarse"
                ),
                "take vir_cpu_cores, with a target below the limit",
            );
        }
        let reach = match metric {
            "vir_cpu_cores" => limit,
            "vir_cpu_utilization" => limit * 100.0,
            "vir_cpu_limit_utilization" => 100.0,
            _ => continue,
        };
        if most >= reach {
            findings.wrong(
                "limit-below-rule",
                about,
                format!(
                    "{metric} must exceed {most} for it to grow, and its limit of {limit} CPUs \
                     lets it reach {reach}: it never grows by this metric"
                ),
                "lower the target or the upper threshold, or raise the limit",
            );
        }
    }
}

/// The value that each metric must exceed for the service to grow.
fn above(rule: &Rule) -> Vec<(&str, f64)> {
    let metrics = rule.metrics().into_iter().enumerate();
    metrics
        .filter_map(|(place, metric)| Some((metric, rule.band(place)?.1)))
        .collect()
}
