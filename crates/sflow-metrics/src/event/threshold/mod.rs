//! Thresholds: limits on values, with hysteresis and a hold time.

mod alarm;
mod id;

use core::fmt;
use core::time::Duration;

use crate::query::Query;

pub use id::ThresholdId;

pub(crate) use alarm::{Alarm, Alarms, Change, LimitReached};

/// A limit on the answer to a query or on the values of entities, for
/// [`Registry::watch_threshold`](crate::Registry::watch_threshold).
///
/// Crossing it causes one [event](crate::event::Kind::ThresholdCrossed) and clearing it another.
/// The two values can differ (hysteresis), so that a value that varies around one of them does not
/// cause many events.
///
/// A missing value neither crosses nor clears a threshold, and restarts the
/// [hold time](Self::holding). A threshold that was crossed remains so while the entity is stale. It
/// is cleared without a value when the entity is gone or does not pass the filters any more.
///
/// ```
/// use std::time::Duration;
/// use sflow_metrics::{event::Threshold, query::Query};
///
/// let query: Query = "avg:vir_cpu_utilization{container=apache.*}[30s]".parse()?;
/// let busy = Threshold::above("apache is busy", query, 80.0)
///     .clearing_at(60.0)
///     .holding(Duration::from_secs(20));
/// assert_eq!(busy.name(), "apache is busy");
/// # Ok::<(), sflow_metrics::query::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    name: Box<str>,
    query: Query,
    direction: Direction,
    crossing: f64,
    clearing: f64,
    hold: Duration,
    scope: Scope,
}

impl Threshold {
    /// A threshold that is crossed by larger values. `query` must have one expression.
    pub fn above(name: impl Into<Box<str>>, query: Query, value: f64) -> Self {
        Self::new(name.into(), query, Direction::Above, value)
    }

    /// A threshold that is crossed by smaller values. `query` must have one expression.
    pub fn below(name: impl Into<Box<str>>, query: Query, value: f64) -> Self {
        Self::new(name.into(), query, Direction::Below, value)
    }

    /// Sets the value at which it is cleared. The default is the value at which it is crossed.
    #[must_use]
    pub fn clearing_at(self, value: f64) -> Self {
        Self {
            clearing: value,
            ..self
        }
    }

    /// Sets the time for which a value has to be beyond the threshold. The default is zero.
    #[must_use]
    pub fn holding(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Compares the value of each entity that passes the filters, instead of the answer to the
    /// query. The statistic of the expression is ignored.
    #[must_use]
    pub fn for_each_entity(self) -> Self {
        Self {
            scope: Scope::EachEntity,
            ..self
        }
    }

    /// The name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The direction in which values cross it.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The value at which it is crossed.
    pub fn crossing(&self) -> f64 {
        self.crossing
    }

    /// The value at which it is cleared.
    pub fn clearing(&self) -> f64 {
        self.clearing
    }

    /// The hold time.
    pub fn hold(&self) -> Duration {
        self.hold
    }

    /// Whether the answer or each entity is compared.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Fails if the threshold is invalid.
    pub(crate) fn check(&self) -> Result<(), ThresholdError> {
        let expressions = self.query.expressions().len();
        if expressions != 1 {
            return Err(ThresholdError::Expressions { expressions });
        }
        if !self.crossing.is_finite() || !self.clearing.is_finite() {
            return Err(ThresholdError::NotFinite);
        }
        let is_beyond = match self.direction {
            Direction::Above => self.clearing > self.crossing,
            Direction::Below => self.clearing < self.crossing,
        };
        if is_beyond {
            return Err(ThresholdError::ClearsBeyond {
                direction: self.direction,
                crossing: self.crossing,
                clearing: self.clearing,
            });
        }
        Ok(())
    }

    fn new(name: Box<str>, query: Query, direction: Direction, value: f64) -> Self {
        Self {
            name,
            query,
            direction,
            crossing: value,
            clearing: value,
            hold: Duration::ZERO,
            scope: Scope::Whole,
        }
    }

    fn is_beyond(&self, value: f64) -> bool {
        match self.direction {
            Direction::Above => value > self.crossing,
            Direction::Below => value < self.crossing,
        }
    }

    fn is_back(&self, value: f64) -> bool {
        match self.direction {
            Direction::Above => value <= self.clearing,
            Direction::Below => value >= self.clearing,
        }
    }
}

/// The direction in which values cross a [`Threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Direction {
    /// Larger values cross it.
    Above,
    /// Smaller values cross it.
    Below,
}

/// The value that is compared with a [`Threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Scope {
    /// The answer to the query.
    Whole,
    /// The value of each matching entity.
    EachEntity,
}

/// The state of a threshold after the last [`expire`](crate::Registry::expire).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ThresholdStatus<'r> {
    /// The id.
    pub id: ThresholdId,
    /// The threshold.
    pub threshold: &'r Threshold,
    /// Number of entities beyond it; 0 or 1 for a threshold on the answer.
    pub crossed: usize,
    /// Number of entities beyond it for less than the hold time.
    pub pending: usize,
}

/// Why a threshold is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// The query does not have exactly one expression.
    #[error("the query has {expressions} expressions, expected 1: use one threshold for each")]
    Expressions {
        /// Number of expressions.
        expressions: usize,
    },
    /// A value of the threshold is infinite or NaN.
    #[error("the values of a threshold must be finite")]
    NotFinite,
    /// The threshold would be crossed and cleared at the same time.
    #[error("a threshold {direction} {crossing} cannot be cleared at {clearing}: use {crossing} or a value {}", direction.opposite())]
    ClearsBeyond {
        /// The direction.
        direction: Direction,
        /// The value at which it is crossed.
        crossing: f64,
        /// The value at which it should be cleared.
        clearing: f64,
    },
    /// The limit on thresholds is reached.
    #[error("the limit of {limit} thresholds is reached: remove one, or raise the limit")]
    TooMany {
        /// [`Config::max_thresholds`](crate::Config::max_thresholds).
        limit: usize,
    },
}

impl Direction {
    const fn opposite(self) -> &'static str {
        match self {
            Self::Above => "below",
            Self::Below => "above",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Above => "above",
            Self::Below => "below",
        })
    }
}
