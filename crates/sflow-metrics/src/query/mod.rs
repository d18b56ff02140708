//! Questions, as values and as text.

mod evaluate;
mod key;
mod nearest;
mod parse;
mod pattern;
mod summary;

use core::fmt;
use core::time::Duration;

use crate::catalogue::Metric;
use crate::entity::EntityKind;

pub(crate) use evaluate::{evaluate, values_of_entities};
pub use key::Key;
pub use parse::{QueryError, QueryProblem};
pub use pattern::Pattern;
pub use summary::{Statistic, Summary};

/// What to ask a [`Registry`](crate::Registry): expressions, filters, and perhaps a window.
///
/// ```text
/// avg:vir_cpu_cores,max:vir_bytes_in+vir_bytes_out{vir_host_name=apache.*,host_name=n1|n2}[30s]
/// ```
///
/// * An **expression** is a [`Statistic`] over entities and a [`Metric`], or a sum of metrics
///   of one kind of entity. An entity of which one summand is unknown does not contribute.
/// * A **filter** is a [`Key`] and the values that it may have: exact, or with `*` for any
///   characters, several of them separated by `|`. A key that stands twice has the values of
///   both. An entity has to pass the filters of all keys. A backslash takes the meaning from
///   the character behind it.
/// * A **window** makes an entity's value its mean over the last so many seconds (`s`, `m`,
///   `h`); `[30s:max]`, `[30s:min]`, `[30s:last]` ask for something else. Without one it is the
///   last reading.
///
/// Values of keys that come from elsewhere are better put in by [`matching`](Self::matching)
/// than pasted into text.
///
/// ```
/// use sflow_metrics::{Key, Pattern, Query};
///
/// let query: Query = "avg:vir_cpu_cores{vir_host_name=apache.*}".parse()?;
/// let same: Query = "avg:vir_cpu_cores".parse::<Query>()?
///     .matching(Key::VirHostName, [Pattern::glob("apache.*")]);
/// assert_eq!(query, same);
/// # Ok::<(), sflow_metrics::QueryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) expressions: Vec<Expression>,
    pub(super) filters: Vec<Filter>,
    pub(super) window: Option<Window>,
}

impl Query {
    /// What it asks for, in order.
    pub fn expressions(&self) -> &[Expression] {
        &self.expressions
    }

    /// Whom it asks about: those that pass all of these.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Over which time it asks, unless for the last readings.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// Asks only about entities with one of these values; more of them if the key has some.
    #[must_use]
    pub fn matching(mut self, key: Key, values: impl IntoIterator<Item = Pattern>) -> Self {
        let values = values.into_iter();
        match self.filters.iter_mut().find(|filter| filter.key == key) {
            Some(filter) => filter.values.extend(values),
            None => self.filters.push(Filter {
                key,
                values: values.collect(),
            }),
        }
        self
    }

    /// Asks over a window.
    #[must_use]
    pub fn over(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }
}

/// One number that a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    pub(super) statistic: Statistic,
    pub(super) metrics: Vec<&'static Metric>,
}

impl Expression {
    /// How the values of entities become one.
    pub fn statistic(&self) -> Statistic {
        self.statistic
    }

    /// The metrics that are added up for each entity; one at least.
    pub fn metrics(&self) -> &[&'static Metric] {
        &self.metrics
    }

    /// The kind of entity that has them.
    pub fn entity(&self) -> EntityKind {
        self.metrics
            .first()
            .map_or(EntityKind::Other, |metric| metric.entity())
    }
}

/// A key, and the values that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) key: Key,
    pub(super) values: Vec<Pattern>,
}

impl Filter {
    /// The key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The values; one of them has to fit.
    pub fn values(&self) -> &[Pattern] {
        &self.values
    }
}

/// A time that ends now, and what of an entity's readings in it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    length: Duration,
    take: Take,
}

/// What is taken of an entity's readings in a [`Window`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Take {
    /// Their mean over time: of a counter, all it counted by all the time it took.
    #[default]
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The newest.
    Last,
}

impl Window {
    /// The mean over so long, or up to a [slot](crate::Config::slot) longer.
    pub const fn new(length: Duration) -> Self {
        Self {
            length,
            take: Take::Mean,
        }
    }

    /// Takes something else than the mean.
    #[must_use]
    pub const fn taking(self, take: Take) -> Self {
        Self { take, ..self }
    }

    /// How long it is.
    pub const fn length(self) -> Duration {
        self.length
    }

    /// What is taken of the readings in it.
    pub const fn take(self) -> Take {
        self.take
    }
}

impl Take {
    const NAMES: [(&'static str, Self); 4] = [
        ("mean", Self::Mean),
        ("min", Self::Min),
        ("max", Self::Max),
        ("last", Self::Last),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, take)| *take)
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, ",", &self.expressions)?;
        if !self.filters.is_empty() {
            f.write_str("{")?;
            separated(f, ",", &self.filters)?;
            f.write_str("}")?;
        }
        match self.window {
            Some(window) => write!(f, "[{window}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.statistic)?;
        separated(f, "+", self.metrics.iter().map(|metric| metric.name()))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key)?;
        separated(f, "|", &self.values)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.length.as_secs_f64())?;
        let name = Take::NAMES.iter().find(|(_, take)| *take == self.take);
        match name {
            Some((name, take)) if *take != Take::Mean => write!(f, ":{name}"),
            _ => Ok(()),
        }
    }
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
