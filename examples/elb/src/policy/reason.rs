use std::fmt;

use serde::Serialize;

use super::decision::Kind;
use super::observation::Obstacle;
use crate::pool::machines::HeldBecause;
use crate::words;

/// Why a step did what it did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[non_exhaustive]
pub enum Reason {
    /// Something forbids any change.
    Obstacle(Obstacle),
    /// Somebody else changed the number.
    ChangedByOthers {
        /// Replicas that the policy knew.
        before: u32,
        /// Replicas that it found.
        after: u32,
    },
    /// A metric is above what it should be.
    Above {
        /// The metric.
        metric: String,
        /// Its mean per container, missing containers counted as idle.
        value: f64,
        /// The threshold or target.
        limit: f64,
    },
    /// Every metric is below what it should be; this one is closest to keeping the number.
    Below {
        /// The metric.
        metric: String,
        /// Its mean per container, missing containers counted as fully loaded.
        value: f64,
        /// The threshold or target.
        limit: f64,
    },
    /// Every metric is where it should be.
    Within,
    /// No container has a fresh value of any metric.
    NothingKnown,
    /// A metric is missing altogether, and without it nothing is taken away.
    MetricMissing {
        /// The metric.
        metric: String,
    },
    /// Containers without a fresh value.
    ContainersMissing {
        /// How many.
        missing: u32,
        /// Of how many.
        of: u32,
        /// How many of these are warming up.
        warming: u32,
    },
    /// Most containers are not heard: nothing is taken away on the word of the others.
    TooFewKnown {
        /// How many are heard.
        known: u32,
        /// Of how many.
        of: u32,
    },
    /// Packet samples show what counters do not show yet.
    FastSignal {
        /// The metric.
        metric: String,
        /// Its mean per container, as far as samples leave no doubt.
        value: f64,
        /// What counters say.
        counters: f64,
        /// Samples that it rests on.
        samples: u64,
    },
    /// A more cautious recommendation of the window counts.
    Stabilised {
        /// It.
        recommendation: u32,
        /// Length of the window in seconds.
        window: f64,
    },
    /// Not enough has been seen yet to take anything away.
    WatchingFirst {
        /// Length of the window in seconds.
        window: f64,
    },
    /// Tasks do not start, so more of them would not help.
    TasksPending {
        /// How many.
        pending: u32,
        /// The orchestrator's words.
        error: Option<String>,
    },
    /// All hosts that run it are saturated, and no other has room: growing there helps nobody.
    HostsSaturated {
        /// One of them.
        host: String,
        /// Of what it has no more.
        what: String,
    },
    /// The hosts that run it are saturated; others have room.
    HostsSaturatedHere {
        /// One of them.
        host: String,
        /// Of what it has no more.
        what: String,
        /// How many others have room.
        elsewhere: u32,
    },
    /// There is no change in this direction.
    DirectionOff,
    /// Nothing is known, so that even what is too many is kept.
    SilentAboveMax {
        /// The most that there should be.
        max: u32,
    },
    /// These bounds are those of a schedule.
    Scheduled {
        /// Which.
        schedule: String,
    },
    /// Others need it more, and no more may change at once.
    WaitsItsTurn {
        /// Changes that may be made in a minute.
        per_minute: u32,
    },
    /// The last change is too recent.
    Cooldown {
        /// Seconds left.
        left: f64,
    },
    /// Enough has changed in this period.
    RateLimited {
        /// The number that the limit allows.
        allowed: u32,
        /// Length of the period in seconds.
        period: f64,
    },
    /// The cluster-wide budget leaves no more.
    Budget {
        /// The service's share.
        ceiling: u32,
    },
    /// The bounds of the service.
    Bounds {
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// With fewer machines the least that the services should have would have no room.
    ServicesNeed {
        /// So many have it.
        machines: u32,
        /// A service of which a task would have no place.
        service: Option<String>,
    },
    /// Even so many machines have no room for the least that the services should have.
    ServicesShort {
        /// So many.
        machines: u32,
        /// A service of which a task has no place.
        service: String,
    },
    /// Machines do not come or go as they should.
    Machines(HeldBecause),
    /// One leaves at a time.
    StepByStep,
    /// One that was to leave could not, and takes tasks again.
    TakesTasksAgain,
}

impl Reason {
    /// In words, of a decision of this kind.
    pub fn words(&self, kind: Kind) -> String {
        InWords { reason: self, kind }.to_string()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = Kind::Service;
        InWords { reason: self, kind }.fmt(f)
    }
}

impl Kind {
    /// What one of it is called.
    const fn one(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Pool => "pool",
        }
    }

    /// What there are more or fewer of.
    pub(crate) const fn replicas(self) -> &'static str {
        match self {
            Self::Service => "replicas",
            Self::Pool => "machines",
        }
    }

    /// That of which there is a mean.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Service => "container",
            Self::Pool => "machine",
        }
    }
}

/// A reason on its way to words.
struct InWords<'r> {
    reason: &'r Reason,
    kind: Kind,
}

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = self.kind.member();
        match self.reason {
            Reason::Obstacle(obstacle) => obstacle.fmt(f),
            Reason::ChangedByOthers { before, after } => {
                write!(
                    f,
                    "somebody else changed the {} from {before} to {after}",
                    self.kind.replicas()
                )
            }
            Reason::Above {
                metric,
                value,
                limit,
            } => {
                write!(
                    f,
                    "{metric} is {} per {member}, above {}",
                    short(*value),
                    short(*limit)
                )
            }
            Reason::Below {
                metric,
                value,
                limit,
            } => {
                write!(
                    f,
                    "{metric} is {} per {member}, below {}",
                    short(*value),
                    short(*limit)
                )
            }
            Reason::Within => f.write_str("load is where it should be"),
            Reason::NothingKnown => {
                write!(
                    f,
                    "nothing is known of its {member}s: silence is not idleness"
                )
            }
            Reason::MetricMissing { metric } => {
                write!(
                    f,
                    "no container reports {metric}: nothing is taken away without it"
                )
            }
            Reason::ContainersMissing {
                missing,
                of,
                warming,
            } => {
                write!(f, "{missing} of {of} {member}s have no fresh value")?;
                if *warming > 0 {
                    write!(f, " ({warming} warming up)")
                } else {
                    Ok(())
                }
            }
            Reason::TooFewKnown { known, of } => write!(
                f,
                "only {known} of {of} {member}s are heard: nothing is taken away on their word"
            ),
            Reason::FastSignal {
                metric,
                value,
                counters,
                samples,
            } => write!(
                f,
                "{samples} packet samples show {metric} at {} per {member}, where counters still \
                 say {}",
                short(*value),
                short(*counters)
            ),
            Reason::Stabilised {
                recommendation,
                window,
            } => {
                write!(
                    f,
                    "{recommendation} was recommended in the last {} s",
                    short(*window)
                )
            }
            Reason::WatchingFirst { window } => {
                write!(f, "has not been watched for {} s yet", short(*window))
            }
            Reason::TasksPending { pending, error } => {
                let words = if *pending == 1 {
                    "task does"
                } else {
                    "tasks do"
                };
                write!(f, "{pending} {words} not start")?;
                error
                    .as_ref()
                    .map_or(Ok(()), |error| write!(f, " ({error})"))
            }
            Reason::HostsSaturated { host, what } => write!(
                f,
                "no host has room, {host} has no more {what}: more replicas would not help"
            ),
            Reason::HostsSaturatedHere {
                host,
                what,
                elsewhere,
            } => write!(
                f,
                "the hosts that run it are saturated ({host} has no more {what}), {elsewhere} \
                 others have room"
            ),
            Reason::DirectionOff => f.write_str("no change in this direction is wanted"),
            Reason::SilentAboveMax { max } => write!(
                f,
                "more than {max}, but nothing is taken away while nothing is known"
            ),
            Reason::Scheduled { schedule } => write!(f, "the bounds are those of {schedule}"),
            Reason::WaitsItsTurn { per_minute } => write!(
                f,
                "it waits its turn: {per_minute} changes a minute, and others need theirs more"
            ),
            Reason::Cooldown { left } => {
                write!(f, "changed only a moment ago: {} s more", short(*left))
            }
            Reason::RateLimited { allowed, period } => {
                write!(f, "no further than {allowed} within {} s", short(*period))
            }
            Reason::Budget { ceiling } => write!(f, "the cluster's budget leaves it {ceiling}"),
            Reason::Bounds { min, max } => {
                let one = self.kind.one();
                write!(f, "the {one} is kept between {min} and {max}")
            }
            Reason::ServicesNeed { machines, service } => {
                write!(
                    f,
                    "the least that services should have needs {machines} machines"
                )?;
                service.as_ref().map_or(Ok(()), |service| {
                    write!(f, ": with fewer, {service} has no room")
                })
            }
            Reason::ServicesShort { machines, service } => write!(
                f,
                "even {machines} machines have no room for the least that {service} should have"
            ),
            Reason::Machines(held) => held.fmt(f),
            Reason::TakesTasksAgain => f.write_str("a machine that was to leave takes tasks again"),
            Reason::StepByStep => f.write_str("machines leave one at a time"),
        }
    }
}

/// A number for people: three digits that matter, and thousands set apart.
fn short(value: f64) -> String {
    let decimals = match value {
        large if (999.5..1e15).contains(&large) => return words::count(large.round() as u64),
        huge if huge >= 1e15 => return format!("{value:.1e}"),
        large if large >= 100.0 => return format!("{value:.0}"),
        middle if middle >= 10.0 => 1,
        small if small >= 0.1 => 2,
        tiny if tiny >= 0.01 => 3,
        tiny if tiny >= 0.001 => 4,
        _ => 6,
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
