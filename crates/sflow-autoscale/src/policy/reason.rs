use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;

use super::decision::SubjectKind;
use super::hold::HoldReason;
use super::observation::{Obstacle, Shortage};
use super::parts::Parts;
use super::recommend::Mean;
use crate::format::{count, quantity, span};

/// The reason of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "reason")]
#[non_exhaustive]
pub enum Reason {
    /// An obstacle to any change.
    Obstacle(Obstacle),
    /// The number was changed, and not by this policy.
    ChangedByOthers {
        /// Replicas before.
        before: u32,
        /// Replicas after.
        after: u32,
    },
    /// A metric is above its threshold or target.
    Above {
        /// The metric.
        metric: String,
        /// Its mean per container, missing containers counted as idle.
        value: f64,
        /// The threshold or target.
        limit: f64,
        /// The parts of the mean.
        #[serde(flatten)]
        parts: Parts,
    },
    /// Every metric is below its threshold or target; this one is closest to it.
    Below {
        /// The metric.
        metric: String,
        /// Its mean per container, missing containers counted as fully loaded.
        value: f64,
        /// The threshold or target.
        limit: f64,
        /// The parts of the mean.
        #[serde(flatten)]
        parts: Parts,
    },
    /// The load is within its limits; this metric decided.
    Within {
        /// The metric.
        metric: String,
        /// Its mean per container, missing containers counted as idle.
        value: f64,
        /// The mean with missing containers counted as fully loaded.
        most: f64,
        /// The service shrinks below this value.
        lower: f64,
        /// The service grows above this value.
        upper: f64,
        /// The parts of the mean.
        #[serde(flatten)]
        parts: Parts,
    },
    /// All containers with a fresh value are younger than the warm-up.
    WarmingUp {
        /// Number of these containers.
        warming: u32,
        /// Number of all containers.
        of: u32,
        /// The warm-up in seconds.
        warm_up: f64,
    },
    /// No container has a fresh value of any metric.
    NothingKnown,
    /// No container reports a metric; the service does not shrink without it.
    MetricMissing {
        /// The metric.
        metric: String,
        /// Containers that report it and are younger than the warm-up.
        warming: u32,
    },
    /// Containers without a value that counts.
    ContainersMissing {
        /// Number of these containers.
        missing: u32,
        /// Number of all containers.
        of: u32,
        /// The number of them that are younger than the warm-up.
        warming: u32,
        /// The number of them that do not run yet.
        starting: u32,
        /// The warm-up in seconds.
        warm_up: f64,
    },
    /// Most containers have no value; the service does not shrink by those of the others.
    TooFewKnown {
        /// Containers with a value.
        known: u32,
        /// Number of all containers.
        of: u32,
    },
    /// Packet samples show a load that counters do not show yet.
    FastSignal {
        /// The metric.
        metric: String,
        /// Unit of both values.
        unit: String,
        /// The mean per container by packet samples.
        value: f64,
        /// The mean by counters.
        counters: f64,
        /// Number of packet samples.
        samples: u64,
    },
    /// A more cautious recommendation of the window counts.
    Stabilised {
        /// That recommendation.
        recommendation: u32,
        /// Length of the window in seconds.
        window: f64,
    },
    /// Not observed for a whole window yet, so the service does not shrink.
    WatchingFirst {
        /// Length of the window in seconds.
        window: f64,
    },
    /// Tasks do not start, so that more tasks would not help.
    TasksPending {
        /// Number of tasks.
        pending: u32,
        /// The error of the orchestrator.
        error: Option<String>,
    },
    /// All hosts that run it are saturated, and so are all others: growth would not help.
    HostsSaturated {
        /// One of these hosts.
        host: String,
        /// The resource that is used up.
        #[serde(flatten)]
        shortage: Shortage,
    },
    /// The hosts that run it are saturated, others are not.
    HostsSaturatedHere {
        /// One of these hosts.
        host: String,
        /// The resource that is used up.
        #[serde(flatten)]
        shortage: Shortage,
        /// Number of hosts that are not saturated.
        elsewhere: u32,
    },
    /// Changes in this direction are switched off.
    DirectionOff,
    /// No load is known, so that a number above the maximum stays.
    SilentAboveMax {
        /// The maximum.
        max: u32,
    },
    /// A schedule sets the bounds.
    Scheduled {
        /// The schedule.
        schedule: String,
    },
    /// The limit of changes per minute is used up by services that need them more.
    WaitsItsTurn {
        /// The limit.
        per_minute: u32,
    },
    /// The last change is too recent.
    Cooldown {
        /// Seconds left.
        left: f64,
    },
    /// The rate limit of this period is used up.
    RateLimited {
        /// The number that the limit allows.
        allowed: u32,
        /// Length of the period in seconds.
        period: f64,
    },
    /// The cluster-wide budget leaves no more.
    Budget {
        /// The share of the service.
        ceiling: u32,
    },
    /// The bounds of the service.
    Bounds {
        /// The minimum.
        min: u32,
        /// The maximum.
        max: u32,
        /// Replicas by the earlier steps.
        asked: u32,
        /// Replicas at present.
        replicas: u32,
    },
    /// The services need more machines for their minimums.
    ServicesNeed {
        /// The number of machines that they need.
        machines: u32,
        /// A service with a task that could not be placed.
        service: Option<String>,
    },
    /// Even this number of machines is too small for the minimums of the services.
    ServicesShort {
        /// The number of machines.
        machines: u32,
        /// A service with a task that cannot be placed.
        service: String,
    },
    /// The number of machines does not change as decided.
    Machines(HoldReason),
    /// One machine leaves at a time.
    StepByStep,
    /// A machine that was to leave takes tasks again.
    TakesTasksAgain,
}

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

impl SubjectKind {
    /// The noun for one replica.
    const fn replica(self) -> &'static str {
        match self {
            Self::Service => "replica",
            Self::Pool => "machine",
        }
    }

    /// The noun for replicas: `replicas`, `machines`.
    pub const fn replicas(self) -> &'static str {
        match self {
            Self::Service => "replicas",
            Self::Pool => "machines",
        }
    }

    /// The noun for a member that is measured: `container`, `machine`.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Service => "container",
            Self::Pool => "machine",
        }
    }

    /// A number of replicas or machines.
    pub(super) fn counted(self, number: u32) -> String {
        match number {
            1 => format!("1 {}", self.replica()),
            _ => format!("{} {}", count(number.into()), self.replicas()),
        }
    }

    /// A number of containers or machines.
    fn members(self, number: u32) -> String {
        match number {
            1 => format!("1 {}", self.member()),
            _ => format!("{} {}s", count(number.into()), self.member()),
        }
    }
}

impl Reason {
    /// The load is within its limits.
    pub(super) fn within(
        metric: &str,
        growing: &Mean,
        shrinking: &Mean,
        (lower, upper): (f64, f64),
    ) -> Self {
        Self::Within {
            metric: metric.to_owned(),
            value: growing.value,
            most: shrinking.value.max(growing.value),
            lower,
            upper,
            parts: Parts {
                others: None,
                ..growing.parts.clone()
            },
        }
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
            Reason::Above {
                metric,
                value,
                limit,
                parts,
            } => {
                let (value, limit) = (amount(*value, parts), amount(*limit, parts));
                write!(f, "{metric} is {value} per {member}, above {limit}")?;
                self.parts(parts, f)
            }
            Reason::Below {
                metric,
                value,
                limit,
                parts,
            } => {
                let (value, limit) = (amount(*value, parts), amount(*limit, parts));
                write!(f, "{metric} is {value} per {member}, below {limit}")?;
                self.parts(parts, f)
            }
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
        }
    }
}

impl Described<'_> {
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
