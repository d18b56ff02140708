//! The problems of a decision: an overloaded service or pool that does not grow, and obstacles.

use super::observe::not_starting;
use crate::format::{counted, quantity};
use crate::orchestrator::Service;
use crate::policy::{Band, Decision, Obstacle, Reason, Signal, SubjectKind};
use crate::problem::{Problem, ProblemReason};

/// The problems of a decision, for the operator: why a service or pool does not get what it needs. The
/// bands are those of the inputs, in their order.
pub fn problems(decision: &Decision, bands: &[Band], service: Option<&Service>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let load = overload(decision, bands);
    let reasons = || decision.steps.iter().map(|step| &step.reason);
    let mut add = |reason, message: String| {
        let (reason, about) = match decision.subject.kind {
            SubjectKind::Service => (reason, decision.subject.name.clone()),
            SubjectKind::Pool => (
                ProblemReason::PoolHeld,
                format!("pool {}", decision.subject.name),
            ),
        };
        let message = format!("{about}: {message}");
        problems.push(Problem::new(reason, about, message));
    };
    if decision.subject.kind == SubjectKind::Service {
        for reason in reasons() {
            if let Reason::ChangedByOthers { before, after } = reason {
                let message = format!(
                    "the number of replicas was changed from {before} to {after}, not by this \
                     autoscaler. Set its mode to off if it is to be scaled by others"
                );
                add(ProblemReason::ForeignScale, message);
            }
        }
    }
    let late = service.map(not_starting).unwrap_or_default();
    if !late.is_empty() {
        let error = late.iter().find_map(|task| task.error.as_deref());
        let error = error.map_or_else(String::new, |error| format!(" ({error})"));
        let what = counted(late.len(), "task");
        let verb = if late.len() == 1 { "does" } else { "do" };
        let message = format!(
            "{what} {verb} not start or stay{error}, so no more are added{}",
            also(load.as_deref())
        );
        add(ProblemReason::TasksNotStarting, message);
    }
    let obstacle = reasons().find_map(|reason| match reason {
        Reason::Obstacle(obstacle) => Some(obstacle),
        _ => None,
    });
    match (obstacle, &load) {
        (Some(Obstacle::RolloutPaused), load) => {
            let message = format!(
                "a rolling update is paused, so the number of replicas is not changed{}",
                also(load.as_deref())
            );
            add(ProblemReason::RolloutPaused, message);
        }
        (Some(Obstacle::RolloutRunning), load) => {
            let message = format!(
                "a rolling update has run for more than 5 min, so the number of replicas is not \
                 changed{}",
                also(load.as_deref())
            );
            add(ProblemReason::RolloutLong, message);
        }
        (Some(Obstacle::NotScalable { what }), Some(load)) => {
            let message = format!("overloaded ({load}), and a {what} service cannot be scaled");
            add(ProblemReason::NotScalable, message);
        }
        (Some(_), _) => {}
        (None, _) if !late.is_empty() => {}
        (None, load) => {
            if let Some((reason, message)) = held(decision, load.as_deref()) {
                add(reason, message);
            }
        }
    }
    problems
}

/// Why an overloaded service does not grow, or why its load is unknown.
fn held(decision: &Decision, load: Option<&str>) -> Option<(ProblemReason, String)> {
    let many = decision.subject.kind.replicas();
    let member = decision.subject.kind.member();
    let is_unknown = decision.steps.iter().any(|step| {
        matches!(
            step.reason,
            Reason::NothingKnown | Reason::MetricMissing { .. } | Reason::TooFewKnown { .. }
        )
    });
    let Some(load) = load else {
        let message = format!(
            "the load of its {member}s is unknown, so it keeps {} {many}. Check which agents are \
             silent or contested",
            decision.replicas
        );
        return (is_unknown && decision.running > 0).then_some((ProblemReason::Telemetry, message));
    };
    if decision.result > decision.replicas {
        return None;
    }
    let stays = match decision.result == decision.replicas {
        true => "stays at",
        false => "is reduced to",
    };
    let stays = format!("overloaded ({load}) and {stays} {} {many}", decision.result);
    let held = decision
        .steps
        .iter()
        .filter(|step| step.to < step.from)
        .find_map(|step| {
            let (reason, why) = match &step.reason {
                full @ Reason::HostsSaturated { .. } => {
                    let full = full.describe(decision.subject.kind);
                    let why = format!("{full}. Add nodes, or reduce the load");
                    (ProblemReason::Saturated, why)
                }
                Reason::Budget { ceiling } => {
                    let why = format!(
                        "the budget leaves it {ceiling}. Raise the budget, or the priority of the \
                         service"
                    );
                    (ProblemReason::Budget, why)
                }
                Reason::Bounds { max, .. } => {
                    let why = format!(
                        "{max} is its max. Raise max if its dependencies can handle more load, or \
                         reduce the load"
                    );
                    (ProblemReason::AtMax, why)
                }
                Reason::RateLimited { .. }
                | Reason::Cooldown { .. }
                | Reason::WaitsItsTurn { .. }
                | Reason::DirectionOff => {
                    let why = "its rate limit or cooldown prevents scaling up for more than 1 min"
                        .to_owned();
                    (ProblemReason::RateLimit, why)
                }
                Reason::Machines(_) => {
                    let why = "ordered machines do not join. Check the log of the hook".to_owned();
                    (ProblemReason::PoolHeld, why)
                }
                _ => return None,
            };
            Some((reason, why))
        });
    let unread = decision.inputs.iter().map(|input| input.contributing).max();
    let unread = decision.running.saturating_sub(unread.unwrap_or(0));
    // Tasks that have just started do not have a reading yet.
    let warming = decision.steps.iter().map(|step| match step.reason {
        Reason::ContainersMissing { warming, .. } => warming,
        _ => 0,
    });
    let unread = unread.saturating_sub(warming.max().unwrap_or(0));
    let (reason, why) = match held {
        Some(held) => held,
        None if is_unknown || unread > 0 => {
            let why = format!(
                "{unread} of {} {member}s have no reading and count as idle. Check which agents \
                 are silent or contested",
                decision.running
            );
            (ProblemReason::Telemetry, why)
        }
        None => return None,
    };
    Some((reason, format!("{stays}: {why}")))
}

/// The metric that is furthest above its upper limit, as far as readings show it.
fn overload(decision: &Decision, bands: &[Band]) -> Option<String> {
    let above = decision.inputs.iter().zip(bands);
    let above = above.filter_map(|(input, band): (&Signal, &Band)| {
        let counters = input.value.filter(|value| *value > band.upper);
        let is_fast = decision.steps.iter().any(|step| {
            matches!(&step.reason, Reason::FastSignal { metric, .. } if *metric == input.metric)
        });
        let fast = input.fast.filter(|_| is_fast).map(|fast| fast.value);
        let value = counters.or(fast.filter(|value| *value > band.upper))?;
        Some((value / band.upper.max(f64::MIN_POSITIVE), value, band))
    });
    let (_, value, band) = above.max_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
    Some(format!(
        "{}: {} per {}, limit {}",
        band.metric,
        quantity(Some(value), &band.unit),
        decision.subject.kind.member(),
        quantity(Some(band.upper), &band.unit)
    ))
}

fn also(load: Option<&str>) -> String {
    load.map_or_else(String::new, |load| {
        format!(", although the service is overloaded ({load})")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sflow_metrics::Timestamp;

    use super::*;
    use crate::orchestrator::{Rollout, Scaling, ServiceId, Task, TaskState};
    use crate::policy::tests::target;
    use crate::policy::{HostLoad, Observation, Pace, Policy, Select, Settings, Subject};

    /// Settings with a target of 0.5 cores.
    fn settings() -> Settings {
        Settings {
            max: 4,
            fast: false,
            ..target("vir_cpu_cores", 0.5)
        }
    }

    /// Two replicas with one core each.
    fn overloaded() -> Observation {
        Observation {
            subject: Subject::service("web"),
            replicas: 2,
            running: vec![Duration::from_secs(600); 2],
            signals: vec![Signal {
                metric: "vir_cpu_cores".to_owned(),
                value: Some(1.0),
                contributing: 2,
                matched: 2,
                ..Signal::default()
            }],
            ..Observation::default()
        }
    }

    fn found(settings: Settings, observation: &Observation) -> Vec<Problem> {
        let query = crate::observe::MetricQuery::new(&settings.rule.metrics()).unwrap();
        let bands = query.bands(&settings.rule);
        let mut policy = Policy::new(settings);
        let now = Timestamp::from_secs(1_700_000_000);
        let decision = policy.step(now, observation);
        problems(&decision, &bands, None)
    }

    fn one(settings: Settings, change: impl FnOnce(&mut Observation)) -> Problem {
        let mut observation = overloaded();
        change(&mut observation);
        let mut found = found(settings, &observation);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn service_that_can_grow_has_no_problem() {
        assert_eq!(found(settings(), &overloaded()), []);
        let mut calm = overloaded();
        calm.signals[0].value = Some(0.5);
        calm.ceiling = Some(2);
        assert_eq!(found(settings(), &calm), []);
    }

    #[test]
    fn overloaded_service_that_cannot_grow_states_the_cause() {
        let full = |observation: &mut Observation| {
            observation.hosts = vec![HostLoad {
                name: "node1".to_owned(),
                cpu: Some(99.0),
                ..HostLoad::default()
            }];
        };
        type Change = fn(&mut Observation);
        let no_growth = Settings {
            up: Pace {
                select: Select::None,
                ..settings().up
            },
            ..settings()
        };
        let cases: [(Settings, Change, ProblemReason, &str); 8] = [
            (
                settings(),
                |it| {
                    it.running = vec![Duration::from_secs(600); 4];
                    (it.replicas, it.signals[0].contributing) = (4, 4);
                },
                ProblemReason::AtMax,
                "stays at 4 replicas: 4 is its max",
            ),
            (settings(), full, ProblemReason::Saturated, "Add nodes"),
            (
                settings(),
                |it| it.ceiling = Some(2),
                ProblemReason::Budget,
                "the budget leaves it 2",
            ),
            (
                no_growth,
                |_| {},
                ProblemReason::RateLimit,
                "rate limit or cooldown",
            ),
            (
                settings(),
                |it| it.obstacle = Some(Obstacle::RolloutPaused),
                ProblemReason::RolloutPaused,
                "rolling update is paused",
            ),
            (
                settings(),
                |it| it.obstacle = Some(Obstacle::RolloutRunning),
                ProblemReason::RolloutLong,
                "more than 5 min",
            ),
            (
                settings(),
                |it| {
                    let what = "global".to_owned();
                    it.obstacle = Some(Obstacle::NotScalable { what });
                },
                ProblemReason::NotScalable,
                "a global service cannot be scaled",
            ),
            (
                settings(),
                |it| {
                    // One of four has a reading, and that is too high.
                    it.running = vec![Duration::from_secs(600); 4];
                    (it.replicas, it.signals[0].contributing) = (4, 1);
                },
                ProblemReason::Telemetry,
                "silent or contested",
            ),
        ];
        for (settings, change, reason, message) in cases {
            let problem = one(settings, change);
            assert_eq!(problem.reason, reason, "{problem}");
            assert_eq!(problem.about, "web");
            let line = &problem.message;
            assert!(
                line.starts_with("web: ") && line.contains(message),
                "{line}"
            );
            assert!(
                line.contains(
                    "overloaded (vir_cpu_cores: 1 cores per container, limit 0.55 cores)"
                ),
                "{line}"
            );
        }
    }

    #[test]
    fn unknown_load_is_a_problem_and_foreign_owner_is_not() {
        let unknown = one(settings(), |it| {
            (it.signals[0].value, it.signals[0].contributing) = (None, 0);
        });
        assert_eq!(unknown.reason, ProblemReason::Telemetry);
        assert!(unknown.message.contains("is unknown"), "{unknown}");
        let mut owned = overloaded();
        let owner = "east".to_owned();
        owned.obstacle = Some(Obstacle::OwnedByOther { owner });
        assert_eq!(found(settings(), &owned), []);
    }

    #[test]
    fn tasks_that_do_not_start_are_a_problem_whatever_the_load() {
        let task = Task {
            state: TaskState::Pending,
            age: Duration::from_secs(30),
            error: Some("no suitable node".to_owned()),
            ..Task::default()
        };
        let service = Service {
            id: ServiceId("s1".to_owned()),
            name: "web".to_owned(),
            scaling: Scaling::Replicated { replicas: 3 },
            version: 1,
            rollout: Rollout::Settled,
            labels: std::collections::BTreeMap::new(),
            cpu_limit: None,
            tasks: vec![task],
        };
        let settings = settings();
        let mut policy = Policy::new(settings);
        let decision = policy.step(Timestamp::from_secs(1_700_000_000), &overloaded());
        let found = problems(&decision, &[], Some(&service));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].reason, ProblemReason::TasksNotStarting);
        let message = "web: 1 task does not start or stay (no suitable node)";
        assert!(found[0].message.starts_with(message), "{}", found[0]);
    }
}
