use super::{Case, config, configure, label, service};
use elb::diagnose::Level::{Note, Wrong};
use elb::orchestrator::{Rollout, Scaling, Task, TaskState};

pub(crate) const CASES: &[Case] = &[
    (
        |facts| {
            let enabled = ("elb.enabled", "true");
            label(facts, "shop_web", &[enabled, ("elb.maxx", "5")]);
        },
        Wrong,
        "labels-wrong",
        &["service shop_web", "elb.maxx", "--label-add"],
    ),
    (
        |facts| {
            label(
                facts,
                "apache",
                &[("elb.enabled", "true"), ("elb.cpu.target", "70")],
            );
        },
        Note,
        "labels-unused",
        &["service apache"],
    ),
    (
        |facts| {
            label(
                facts,
                "shop_web",
                &[("elb.enabled", "true"), ("elb.cpu.target", "70")],
            );
        },
        Wrong,
        "service-missing",
        &["service shop_web"],
    ),
    (
        |facts| facts.engines.labelled = Some(Err("status 500".to_owned())),
        Wrong,
        "labels-unreadable",
        &["status 500"],
    ),
    (
        |facts| {
            facts.configuration = Ok(config(""));
            facts.engines.services = Some(Ok(Vec::new()));
        },
        Wrong,
        "no-service",
        &["[[service]]", "elb.enabled=true"],
    ),
    (
        |facts| {
            let owner = ("elb.owner".to_owned(), "east".to_owned());
            service(facts).labels.extend([owner]);
        },
        Note,
        "owned-by-another",
        &["east", "not scaled", "control.owner"],
    ),
    (
        |facts| facts.engines.services = Some(Ok(Vec::new())),
        Wrong,
        "service-missing",
        &["service apache", "STACK_SERVICE"],
    ),
    (
        |facts| facts.engines.services = Some(Err("status 500".to_owned())),
        Wrong,
        "services-unreadable",
        &["500"],
    ),
    (
        |facts| service(facts).scaling = Scaling::Global,
        Wrong,
        "service-not-scalable",
        &["global", "replicated"],
    ),
    (
        |facts| service(facts).scaling = Scaling::Job,
        Wrong,
        "service-not-scalable",
        &["job"],
    ),
    (
        |facts| service(facts).rollout = Rollout::Running,
        Note,
        "rollout-running",
        &["wait"],
    ),
    (
        |facts| service(facts).rollout = Rollout::Paused,
        Wrong,
        "rollout-paused",
        &["docker service rollback"],
    ),
    (
        |facts| service(facts).scaling = Scaling::Replicated { replicas: 9 },
        Note,
        "outside-bounds",
        &["9 replicas", "1 to 6", "would change this"],
    ),
    (
        |facts| configure(facts, "max = 6", "max = 6\nmode = \"act\""),
        Wrong,
        "mode-unset",
        &[
            "control.mode is not set",
            "although apache has mode = \"act\"",
            "write mode = \"act\" under [control]",
        ],
    ),
    (
        |facts| configure(facts, "max = 6", "min = 3\nmax = 3"),
        Note,
        "no-room",
        &["both 3"],
    ),
    (
        |facts| {
            let task = Task {
                state: TaskState::Pending,
                node: None,
                error: Some("no suitable node (insufficient resources)".to_owned()),
                ..service(facts).tasks[0].clone()
            };
            service(facts).tasks.push(task);
        },
        Wrong,
        "tasks-waiting",
        &[
            "1 task is not running",
            "no suitable node",
            "docker service ps",
        ],
    ),
    (
        |facts| {
            service(facts).tasks[1].failures = 3;
            service(facts).tasks[1].error = Some("task: non-zero exit (1)".to_owned());
        },
        Wrong,
        "tasks-failing",
        &["3 times", "non-zero exit", "docker service logs apache"],
    ),
    (
        |facts| {
            let task = Task {
                state: TaskState::Pending,
                ..service(facts).tasks[0].clone()
            };
            service(facts).tasks.extend([task.clone(), task]);
        },
        Note,
        "tasks-starting",
        &["2 tasks are not running"],
    ),
    (
        |facts| {
            configure(
                facts,
                "vir_cpu_cores\", target = 0.2",
                "vir_cpu_limit_utilization\", target = 70",
            );
            service(facts).cpu_limit = None;
        },
        Wrong,
        "limit-missing",
        &["--limit-cpu"],
    ),
    (
        |facts| {
            configure(
                facts,
                "vir_cpu_cores\", target = 0.2",
                "vir_cpu_limit_utilization\", target = 70",
            );
        },
        Note,
        "limit-not-whole",
        &["0.5 CPUs", "whole"],
    ),
    (
        |facts| configure(facts, "target = 0.2", "target = 0.5"),
        Wrong,
        "limit-below-rule",
        &["vir_cpu_cores exceeds 0.55", "0.5 CPUs"],
    ),
];
