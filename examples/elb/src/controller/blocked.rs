//! Services and pools that are overloaded and do not grow, and what prevents any change of them.

use super::observe::not_starting;
use crate::orchestrator::Service;
use crate::policy::{Band, Decision, Kind, Obstacle, Reason, Signal};
use crate::trouble::{Trouble, TroubleReason};
use crate::words::{counted, quantity};

/// What an operator must know about a decision: why it cannot give a service, or a pool, what it
/// needs. The bands are those of the inputs, in their order.
pub(crate) fn troubles(
    decision: &Decision,
    bands: &[Band],
    service: Option<&Service>,
) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let load = overload(decision, bands);
    let reasons = || decision.steps.iter().map(|step| &step.reason);
    let mut add = |reason, words: String| {
        let (name, about) = match decision.kind {
            Kind::Service => (decision.service.clone(), decision.service.clone()),
            Kind::Pool => {
                let name = format!("pool {}", decision.service);
                (name.clone(), name)
            }
        };
        troubles.push(Trouble::new(reason, about, format!("{name}: {words}")));
    };
    if decision.kind == Kind::Service {
        for reason in reasons() {
            if let Reason::ChangedByOthers { before, after } = reason {
                let words = format!(
                    "the number of replicas was changed from {before} to {after}, not by this \
                     elb. Set its mode to off if it is to be scaled by others"
                );
                add(TroubleReason::ForeignScale, words);
            }
        }
    }
    let late = service.map(not_starting).unwrap_or_default();
    if !late.is_empty() {
        let error = late.iter().find_map(|task| task.error.as_deref());
        let error = error.map_or_else(String::new, |error| format!(" ({error})"));
        let what = counted(late.len(), "task");
        let verb = if late.len() == 1 { "does" } else { "do" };
        let words = format!(
            "{what} {verb} not start or stay{error}, so elb does not add more{}. See `docker \
             service ps --no-trunc {}`",
            also(load.as_deref()),
            decision.service
        );
        add(TroubleReason::TasksNotStarting, words);
    }
    let obstacle = reasons().find_map(|reason| match reason {
        Reason::Obstacle(obstacle) => Some(obstacle),
        _ => None,
    });
    match (obstacle, &load) {
        (Some(Obstacle::RolloutPaused), load) => {
            let words = format!(
                "a rolling update is paused, so elb does not change the number of replicas{}. \
                 Resume it with `docker service update` or go back with `docker service rollback`",
                also(load.as_deref())
            );
            add(TroubleReason::RolloutPaused, words);
        }
        (Some(Obstacle::RolloutRunning), load) => {
            let words = format!(
                "a rolling update has run for more than 5 min, so elb does not change the number \
                 of replicas{}. See `docker service ps`",
                also(load.as_deref())
            );
            add(TroubleReason::RolloutLong, words);
        }
        (Some(Obstacle::NotScalable { what }), Some(load)) => {
            let words = format!(
                "overloaded ({load}), and a {what} service has no number of replicas that elb \
                 could change. Create it with `--mode replicated`, or add nodes"
            );
            add(TroubleReason::NotScalable, words);
        }
        (Some(_), _) => {}
        (None, _) if !late.is_empty() => {}
        (None, load) => {
            if let Some((reason, words)) = held(decision, load.as_deref()) {
                add(reason, words);
            }
        }
    }
    troubles
}

/// Why an overloaded service does not grow, or why its load is unknown.
fn held(decision: &Decision, load: Option<&str>) -> Option<(TroubleReason, String)> {
    let many = decision.kind.replicas();
    let member = decision.kind.member();
    let is_unknown = decision.steps.iter().any(|step| {
        matches!(
            step.reason,
            Reason::NothingKnown | Reason::MetricMissing { .. } | Reason::TooFewKnown { .. }
        )
    });
    let Some(load) = load else {
        let words = format!(
            "the load of its {member}s is unknown, so elb keeps {} {many}. See which agents are \
             silent or contested",
            decision.replicas
        );
        return (is_unknown && decision.running > 0).then_some((TroubleReason::Telemetry, words));
    };
    if decision.result > decision.replicas {
        return None;
    }
    let stays = format!(
        "overloaded ({load}) and stays at {} {many}",
        decision.result
    );
    let held = decision
        .steps
        .iter()
        .filter(|step| step.to < step.from)
        .find_map(|step| {
            let (reason, why) = match &step.reason {
                Reason::HostsSaturated { host, what } => {
                    let what = what.split(',').next().unwrap_or(what);
                    let why = format!(
                        "all hosts are saturated ({host}: {what}). Add nodes, or reduce the load"
                    );
                    (TroubleReason::Saturated, why)
                }
                Reason::Budget { ceiling } => {
                    let why = format!(
                        "control.budget leaves it {ceiling}. Raise the budget, or the priority of \
                         the service"
                    );
                    (TroubleReason::Budget, why)
                }
                Reason::Bounds { max, .. } => {
                    let why = format!(
                        "{max} is its max. Raise max if what is behind it can bear more, or reduce \
                         the load"
                    );
                    (TroubleReason::AtMax, why)
                }
                Reason::RateLimited { .. }
                | Reason::Cooldown { .. }
                | Reason::WaitsItsTurn { .. }
                | Reason::DirectionOff => {
                    let why = "its limits of change (up, control.changes_per_minute) have \
                               prevented growth for more than 1 min"
                        .to_owned();
                    (TroubleReason::RateLimit, why)
                }
                Reason::Machines(_) => {
                    let why = "machines do not join as ordered. See the log of the hook".to_owned();
                    (TroubleReason::Pool, why)
                }
                _ => return None,
            };
            Some((reason, why))
        });
    let unread = decision.inputs.iter().map(|input| input.contributing).max();
    let unread = decision.running.saturating_sub(unread.unwrap_or(0));
    let (reason, why) = match held {
        Some(held) => held,
        None if is_unknown || unread > 0 => {
            let why = format!(
                "{unread} of {} {member}s have no reading and count as idle. See which agents are \
                 silent or contested",
                decision.running
            );
            (TroubleReason::Telemetry, why)
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
        decision.kind.member(),
        quantity(Some(band.upper), &band.unit)
    ))
}

fn also(load: Option<&str>) -> String {
    load.map_or_else(String::new, |load| {
        format!(", although the service is overloaded ({load})")
    })
}
