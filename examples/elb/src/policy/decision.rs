use std::fmt;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::observation::{Observation, Obstacle, Signal};
use super::settings::Mode;
use crate::words;

/// What was decided, from what, and why.
///
/// Log line, page, JSON and test assertion are this one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    pub time: Timestamp,
    /// For which service.
    pub service: String,
    /// Whether it is to be carried out.
    pub mode: Mode,
    /// Replicas before.
    pub replicas: u32,
    /// Tasks that ran.
    pub running: u32,
    /// The signals, with their ages and counts.
    pub inputs: Vec<Signal>,
    /// What the rule alone would have.
    pub wish: Option<u32>,
    /// Every step that changed the number, or kept it from changing, and why.
    pub steps: Vec<Step>,
    /// Replicas decided.
    pub result: u32,
    /// Not before this moment will the number change again, as far as that is known.
    pub next_change: Option<Timestamp>,
}

impl Decision {
    pub(super) fn new(time: Timestamp, mode: Mode, observation: &Observation) -> Self {
        Self {
            time,
            service: observation.service.clone(),
            mode,
            replicas: observation.replicas,
            running: u32::try_from(observation.running.len()).unwrap_or(u32::MAX),
            inputs: observation.signals.clone(),
            wish: None,
            steps: Vec::new(),
            result: observation.replicas,
            next_change: None,
        }
    }

    /// How far above its limit the service is; 1 if it is not.
    pub fn need(&self) -> f64 {
        let needs = self.steps.iter().filter_map(|step| match &step.reason {
            Reason::Above { value, limit, .. } if *limit > 0.0 => Some(value / limit),
            _ => None,
        });
        needs.fold(1.0, f64::max)
    }

    /// Keeps the number for now, because others need theirs changed more.
    pub fn wait_its_turn(&mut self, per_minute: u32, next: Timestamp) {
        let reason = Reason::WaitsItsTurn { per_minute };
        self.change(Stage::Turn, self.replicas, reason);
        self.next_change = Some(next);
    }

    /// Whether the number is to change.
    pub const fn is_change(&self) -> bool {
        self.result != self.replicas
    }

    /// Whether packet samples, and not counters alone, have led to it.
    pub fn is_fast(&self) -> bool {
        let mut reasons = self.steps.iter().map(|step| &step.reason);
        reasons.any(|reason| matches!(reason, Reason::FastSignal { .. }))
    }

    /// The reasons in words, the last step first: what finally determined the number.
    pub fn reasons(&self) -> Vec<String> {
        self.steps
            .iter()
            .rev()
            .map(|step| step.reason.to_string())
            .collect()
    }

    /// A step that says something and leaves the number alone.
    pub(super) fn note(&mut self, stage: Stage, reason: Reason) {
        self.change(stage, self.result, reason);
    }

    /// A step that sets the number.
    pub(super) fn change(&mut self, stage: Stage, to: u32, reason: Reason) {
        self.steps.push(Step {
            stage,
            from: self.result,
            to,
            reason,
        });
        self.result = to;
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_change() {
            write!(f, "{}: {} -> {}", self.service, self.replicas, self.result)?;
        } else {
            write!(f, "{}: stays at {}", self.service, self.replicas)?;
        }
        for (place, reason) in self.reasons().iter().enumerate() {
            write!(f, "{}{reason}", if place == 0 { " (" } else { "; " })?;
        }
        if self.steps.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

/// One step of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// The number before.
    pub from: u32,
    /// The number after.
    pub to: u32,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

/// The stages of the pipeline, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What forbids a decision, or changed by itself.
    Observe,
    /// What the rule asks for.
    Recommend,
    /// What the missing-data rule made of it.
    MissingData,
    /// The most cautious recommendation of a window.
    Stabilise,
    /// Tasks that do not start.
    Pending,
    /// Hosts that have no more to give.
    Saturation,
    /// Time since the last change.
    Cooldown,
    /// Changes per period.
    RateLimit,
    /// The cluster-wide budget.
    Budget,
    /// The bounds.
    Clamp,
    /// Changes of all services together.
    Turn,
}

impl Stage {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Recommend => "recommend",
            Self::MissingData => "missing data",
            Self::Stabilise => "stabilise",
            Self::Pending => "pending",
            Self::Saturation => "saturation",
            Self::Cooldown => "cooldown",
            Self::RateLimit => "rate limit",
            Self::Budget => "budget",
            Self::Clamp => "clamp",
            Self::Turn => "turn",
        }
    }
}

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
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obstacle(obstacle) => obstacle.fmt(f),
            Self::ChangedByOthers { before, after } => {
                write!(
                    f,
                    "somebody else changed the replicas from {before} to {after}"
                )
            }
            Self::Above {
                metric,
                value,
                limit,
            } => {
                write!(
                    f,
                    "{metric} is {} per container, above {}",
                    short(*value),
                    short(*limit)
                )
            }
            Self::Below {
                metric,
                value,
                limit,
            } => {
                write!(
                    f,
                    "{metric} is {} per container, below {}",
                    short(*value),
                    short(*limit)
                )
            }
            Self::Within => f.write_str("load is where it should be"),
            Self::NothingKnown => {
                f.write_str("nothing is known of its containers: silence is not idleness")
            }
            Self::MetricMissing { metric } => {
                write!(
                    f,
                    "no container reports {metric}: nothing is taken away without it"
                )
            }
            Self::ContainersMissing {
                missing,
                of,
                warming,
            } => {
                write!(f, "{missing} of {of} containers have no fresh value")?;
                if *warming > 0 {
                    write!(f, " ({warming} warming up)")
                } else {
                    Ok(())
                }
            }
            Self::TooFewKnown { known, of } => write!(
                f,
                "only {known} of {of} containers are heard: nothing is taken away on their word"
            ),
            Self::FastSignal {
                metric,
                value,
                counters,
                samples,
            } => write!(
                f,
                "{samples} packet samples show {metric} at {} per container, where counters still \
                 say {}",
                short(*value),
                short(*counters)
            ),
            Self::Stabilised {
                recommendation,
                window,
            } => {
                write!(
                    f,
                    "{recommendation} was recommended in the last {} s",
                    short(*window)
                )
            }
            Self::WatchingFirst { window } => {
                write!(f, "has not been watched for {} s yet", short(*window))
            }
            Self::TasksPending { pending, error } => {
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
            Self::HostsSaturated { host, what } => write!(
                f,
                "no host has room, {host} has no more {what}: more replicas would not help"
            ),
            Self::HostsSaturatedHere {
                host,
                what,
                elsewhere,
            } => write!(
                f,
                "the hosts that run it are saturated ({host} has no more {what}), {elsewhere} \
                 others have room"
            ),
            Self::DirectionOff => f.write_str("no change in this direction is wanted"),
            Self::SilentAboveMax { max } => write!(
                f,
                "more than {max}, but nothing is taken away while nothing is known"
            ),
            Self::Scheduled { schedule } => write!(f, "the bounds are those of {schedule}"),
            Self::WaitsItsTurn { per_minute } => write!(
                f,
                "it waits its turn: {per_minute} changes a minute, and others need theirs more"
            ),
            Self::Cooldown { left } => {
                write!(f, "changed only a moment ago: {} s more", short(*left))
            }
            Self::RateLimited { allowed, period } => {
                write!(f, "no further than {allowed} within {} s", short(*period))
            }
            Self::Budget { ceiling } => write!(f, "the cluster's budget leaves it {ceiling}"),
            Self::Bounds { min, max } => write!(f, "the service is kept between {min} and {max}"),
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
