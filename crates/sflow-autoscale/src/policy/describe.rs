//! Reasons in words.

use std::cmp::Ordering;
use std::fmt;

use super::parts::Parts;
use super::reason::{Beyond, Reason};
use super::subject::SubjectKind;
use crate::format::{count, quantity, span};

impl Reason {
    /// The reason in words, for a subject of this kind.
    pub fn describe(&self, kind: SubjectKind) -> String {
        Described { reason: self, kind }.to_string()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = SubjectKind::Service;
        Described { reason: self, kind }.fmt(f)
    }
}

/// Displays a reason for a subject of this kind.
struct Described<'r> {
    reason: &'r Reason,
    kind: SubjectKind,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        let member = kind.member();
        match self.reason {
            Reason::Obstacle(obstacle) => obstacle.fmt(f),
            Reason::ChangedByOthers { before, after } => match kind {
                SubjectKind::Service => write!(
                    f,
                    "the replicas were changed from {before} to {after}, not by this autoscaler"
                ),
                SubjectKind::Pool => write!(
                    f,
                    "the number of machines changed from {before} to {after} without an order"
                ),
            },
            Reason::Above(beyond) => self.beyond(beyond, "above", f),
            Reason::Below(beyond) => self.beyond(beyond, "below", f),
            Reason::Within {
                metric,
                value,
                most,
                lower,
                upper,
                parts,
            } => {
                let least = amount(*value, parts);
                let most = amount(*most, parts);
                write!(f, "load is within its limits: {metric} is ")?;
                if least == most {
                    write!(f, "{least} per {member}")?;
                } else {
                    write!(f, "between {least} and {most} per {member}")?;
                }
                let (lower, upper) = (amount(*lower, parts), amount(*upper, parts));
                write!(f, ", limits {lower} and {upper}")?;
                self.parts(parts, f)
            }
            Reason::WarmingUp {
                warming,
                of,
                warm_up,
            } => write!(
                f,
                "no usable load: {} of {} with a fresh value {} younger than the warm-up of {}",
                warming,
                kind.members(*of),
                is(*warming),
                span(*warm_up)
            ),
            Reason::NothingKnown => write!(
                f,
                "no data from any {member}: the number of {} is kept",
                kind.replicas()
            ),
            Reason::MetricMissing { metric, warming: 0 } => {
                write!(f, "no {member} reports {metric}: not shrinking without it")
            }
            Reason::MetricMissing { metric, .. } => write!(
                f,
                "no {member} older than the warm-up reports {metric}: not shrinking without it"
            ),
            Reason::ContainersMissing {
                missing,
                of,
                warming,
                starting,
                warm_up,
            } => {
                let unread = missing.saturating_sub(warming.saturating_add(*starting));
                let mut causes = Vec::new();
                if unread > 0 {
                    let verb = if unread == 1 { "has" } else { "have" };
                    causes.push(format!("{unread} {verb} no fresh value"));
                }
                if *warming > 0 {
                    let (verb, warm_up) = (is(*warming), span(*warm_up));
                    causes.push(format!(
                        "{warming} {verb} younger than the warm-up of {warm_up}"
                    ));
                }
                if *starting > 0 {
                    let verb = if *starting == 1 { "does" } else { "do" };
                    causes.push(format!("{starting} {verb} not run yet"));
                }
                let causes = causes.join(", ");
                write!(f, "of {}, {causes}", kind.members(*of))
            }
            Reason::TooFewKnown { known, of } => write!(
                f,
                "not shrinking: the load of only {known} of {} is known",
                kind.members(*of)
            ),
            Reason::FastSignal {
                metric,
                unit,
                value,
                counters,
                samples,
            } => write!(
                f,
                "{} packet samples show {metric} at {} per {member}, counters at {}",
                count(*samples),
                quantity(Some(*value), unit),
                quantity(Some(*counters), unit)
            ),
            Reason::Stabilised {
                recommendation,
                window,
            } => write!(
                f,
                "the last {} include a recommendation of {recommendation}",
                span(*window)
            ),
            Reason::WatchingFirst { window } => write!(
                f,
                "observed for less than {}: not shrinking yet",
                span(*window)
            ),
            Reason::TasksPending { pending, error } => {
                let verb = if *pending == 1 { "does" } else { "do" };
                let tasks = if *pending == 1 { "task" } else { "tasks" };
                write!(f, "{pending} {tasks} {verb} not start")?;
                let error = error.as_ref().map(|error| error.trim());
                match error.filter(|error| !error.is_empty()) {
                    Some(error) => write!(f, " ({error})"),
                    None => Ok(()),
                }
            }
            Reason::HostsSaturated { host, shortage } => write!(
                f,
                "every host that runs it is full and no other has capacity ({host}: {shortage}): more \
                 {} would not help",
                kind.replicas()
            ),
            Reason::HostsSaturatedHere {
                host,
                shortage,
                elsewhere,
            } => {
                let (others, verb) = match elsewhere {
                    1 => ("1 other host".to_owned(), "has"),
                    _ => (format!("{elsewhere} other hosts"), "have"),
                };
                write!(
                    f,
                    "every host that runs it is full ({host}: {shortage}), {others} {verb} capacity"
                )
            }
            Reason::DirectionOff => f.write_str("changes in this direction are switched off"),
            Reason::SilentAboveMax { max } => write!(
                f,
                "above the maximum of {max}: not shrinking while no load is known"
            ),
            Reason::Scheduled { schedule } => {
                write!(f, "the schedule {schedule} sets the bounds")
            }
            Reason::WaitsItsTurn { per_minute } => write!(
                f,
                "deferred: at most {} for all services; others have precedence",
                match per_minute {
                    1 => "1 change per minute".to_owned(),
                    _ => format!("{per_minute} changes per minute"),
                }
            ),
            Reason::Cooldown { left } => {
                write!(f, "cooldown after the last change: {} left", span(*left))
            }
            Reason::RateLimited { allowed, period } => write!(
                f,
                "the rate limit of the last {} allows {}",
                span(*period),
                kind.counted(*allowed)
            ),
            Reason::Budget { ceiling } => write!(
                f,
                "the budget of the cluster allows {}",
                kind.counted(*ceiling)
            ),
            Reason::Bounds {
                min,
                max,
                asked,
                replicas,
            } => bounds(kind, (*min, *max), *asked, *replicas, f),
            Reason::ServicesNeed { machines, service } => {
                let machines = kind.counted(*machines);
                write!(f, "the services need at least {machines}")?;
                match service {
                    Some(service) => write!(f, ": with fewer, {service} cannot be placed"),
                    None => Ok(()),
                }
            }
            Reason::ServicesShort { machines, service } => {
                let machines = kind.counted(*machines);
                write!(
                    f,
                    "even {machines} would be too few for the least that {service} needs"
                )
            }
            Reason::Machines(held) => held.fmt(f),
            Reason::TakesTasksAgain => f.write_str("a machine that was to leave takes tasks again"),
            Reason::StepByStep => f.write_str("machines leave one at a time"),
            Reason::Standby { leader, address } => {
                f.write_str("standby: ")?;
                match (leader, address) {
                    (Some(leader), Some(address)) => {
                        write!(f, "the leader is {leader} ({address})")
                    }
                    (Some(leader), None) => write!(f, "the leader is {leader}"),
                    (None, _) => f.write_str("no leader is known"),
                }
            }
            Reason::TakesOver => {
                f.write_str("leader since this round: not shrinking before the next one")
            }
        }
    }
}

impl Described<'_> {
    fn beyond(&self, beyond: &Beyond, side: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metric, parts, member) = (&beyond.metric, &beyond.parts, self.kind.member());
        let (value, limit) = (amount(beyond.value, parts), amount(beyond.limit, parts));
        write!(f, "{metric} is {value} per {member}, {side} {limit}")?;
        self.parts(parts, f)
    }

    /// The parts of a mean, if not all containers were measured.
    fn parts(&self, parts: &Parts, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match parts.describe(self.kind) {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}

fn bounds(
    kind: SubjectKind,
    (min, max): (u32, u32),
    asked: u32,
    replicas: u32,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let enough = kind.counted(asked);
    if asked < min {
        return match replicas.cmp(&min) {
            Ordering::Less => write!(f, "grows to the minimum of {min}"),
            Ordering::Equal => write!(
                f,
                "does not shrink because the minimum is {min}; {enough} would be enough"
            ),
            Ordering::Greater => write!(
                f,
                "does not shrink further because the minimum is {min}; {enough} would be enough"
            ),
        };
    }
    match replicas.cmp(&max) {
        Ordering::Greater => write!(f, "shrinks to the maximum of {max}"),
        Ordering::Equal => write!(
            f,
            "does not grow because the maximum is {max}; {enough} would be needed"
        ),
        Ordering::Less => write!(
            f,
            "does not grow further because the maximum is {max}; {enough} would be needed"
        ),
    }
}

const fn is(number: u32) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

fn amount(value: f64, parts: &Parts) -> String {
    quantity(Some(value), &parts.unit)
}
