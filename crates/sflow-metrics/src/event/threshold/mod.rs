//! Lines that values must not cross, and what becomes of those that do.

mod alarm;
mod id;

use core::fmt;
use core::time::Duration;

use crate::query::Query;

pub use id::ThresholdId;

pub(crate) use alarm::{Alarm, Alarms, Change, NoRoom};

/// A line that a value must not cross, to be given to
/// [`Registry::watch_threshold`](crate::Registry::watch_threshold).
///
/// Crossing it is one [event](crate::EventKind::ThresholdCrossed), and clearing it another;
/// between the two lines nothing happens, so a value that trembles around one of them does not
/// make a storm.
///
/// Absent is not zero here either: without a value a threshold is neither crossed nor cleared. A
/// value that is beyond the line but was absent meanwhile has to [hold](Self::holding) from the
/// beginning. What was crossed stays so while the entity is stale, and is cleared, without a
/// value, when it is no longer there or no longer passes the filters.
///
/// ```
/// use std::time::Duration;
/// use sflow_metrics::{query::Query, event::Threshold};
///
/// let query: Query = "avg:vir_cpu_utilization{vir_host_name=apache.*}[30s]".parse()?;
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
    /// Crossed by a value larger than this, of a query with one expression.
    pub fn above(name: impl Into<Box<str>>, query: Query, value: f64) -> Self {
        Self::new(name.into(), query, Direction::Above, value)
    }

    /// Crossed by a value smaller than this, of a query with one expression.
    pub fn below(name: impl Into<Box<str>>, query: Query, value: f64) -> Self {
        Self::new(name.into(), query, Direction::Below, value)
    }

    /// Cleared not before the value is back at this one.
    #[must_use]
    pub fn clearing_at(self, value: f64) -> Self {
        Self {
            clearing: value,
            ..self
        }
    }

    /// Crossed not before the value has been beyond the line for so long.
    #[must_use]
    pub fn holding(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Watches every entity that passes the filters by its own value, instead of the answer to
    /// the query: the statistic of the expression does not matter then.
    #[must_use]
    pub fn for_each_entity(self) -> Self {
        Self {
            scope: Scope::EachEntity,
            ..self
        }
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Which direction of the line is the wrong one.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The line.
    pub fn crossing(&self) -> f64 {
        self.crossing
    }

    /// Where it is cleared.
    pub fn clearing(&self) -> f64 {
        self.clearing
    }

    /// How long a value has to be beyond the line.
    pub fn hold(&self) -> Duration {
        self.hold
    }

    /// Whose value is watched.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether it can work.
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

/// The wrong direction of a [`Threshold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Direction {
    /// Larger values.
    Above,
    /// Smaller values.
    Below,
}

/// Whose value a [`Threshold`] watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Scope {
    /// The answer to the query.
    Whole,
    /// That of every entity that the query is about.
    EachEntity,
}

/// How a threshold does, as it was found by the last
/// [`expire`](crate::Registry::expire).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ThresholdStatus<'r> {
    /// Its number.
    pub id: ThresholdId,
    /// What it is.
    pub threshold: &'r Threshold,
    /// How many have crossed it: of one over the whole answer, none or one.
    pub crossed: usize,
    /// How many are beyond the line, but not for long enough.
    pub pending: usize,
}

/// Why a threshold cannot be watched.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// The query asks for several numbers.
    #[error(
        "the query has {expressions} expressions; a threshold watches one: make several thresholds"
    )]
    Expressions {
        /// How many.
        expressions: usize,
    },
    /// A line is infinite or no number.
    #[error("the values of a threshold have to be finite numbers")]
    NotFinite,
    /// It would be cleared and crossed at the same time.
    #[error("a threshold {direction} {crossing} cannot clear at {clearing}, which is beyond it; clear at {crossing} or {}", direction.safe())]
    ClearsBeyond {
        /// The wrong direction.
        direction: Direction,
        /// Where it is crossed.
        crossing: f64,
        /// Where it should be cleared.
        clearing: f64,
    },
    /// There are as many as there may be.
    #[error("there are {max} thresholds already; take one away, or set `max_thresholds` higher")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
}

impl Direction {
    const fn safe(self) -> &'static str {
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
