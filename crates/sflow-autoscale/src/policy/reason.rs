use serde::{Deserialize, Serialize};

use super::hold::HoldReason;
use super::observation::{Obstacle, Shortage};
use super::parts::Parts;

/// The reason of a step.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    /// A metric is above its threshold or target; missing containers count as idle.
    Above(Beyond),
    /// Every metric is below its threshold or target; this one is closest to it. Missing containers
    /// count as fully loaded.
    Below(Beyond),
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
    /// Another process leads and carries decisions out; this one is ready to take over.
    Standby {
        /// The instance that leads, if it is known.
        leader: Option<String>,
        /// Where clients reach it.
        address: Option<String>,
    },
    /// This process has become the leader since the last round: nothing shrinks yet.
    TakesOver,
}

/// A metric beyond a threshold or target.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Beyond {
    /// The metric.
    pub metric: String,
    /// Its mean per container.
    pub value: f64,
    /// The threshold or target.
    pub limit: f64,
    /// The parts of the mean.
    #[serde(flatten)]
    pub parts: Parts,
}
