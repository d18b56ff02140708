//! Questions, as values and as text.

mod error;
mod gather;
mod group;
mod key;
mod nearest;
mod parse;
mod partial;
mod pattern;
mod piece;
mod statistic;
mod summary;

use core::fmt;
use core::time::Duration;

use crate::catalogue::Metric;
use crate::entity::EntityKind;

pub(crate) use error::Spaces;
pub use error::{Error, ErrorKind};
pub(crate) use gather::Gathering;
pub use group::{Group, Grouping, Groups};
pub use key::Key;
pub(crate) use nearest::nearest;
pub(crate) use parse::duration;
pub use partial::{MergeError, Owner, Partial};
pub use pattern::Pattern;
pub use statistic::Statistic;
pub use summary::Summary;

pub use crate::registry::EntityValues;
pub use crate::window::Percent;

/// What to ask a [`Registry`](crate::Registry): expressions, filters, and perhaps a window.
///
/// ```text
/// avg:vir_cpu_cores,max:vir_bytes_in+vir_bytes_out{vir_host_name=apache.*,host_name=n1|n2}[30s]
/// p95:cpu_utilization{host_name!=test*} by agent
/// sum:vir_cpu_cores by vir_host_name=(*).*.* [5m:max]
/// ```
///
/// * An **expression** is a [`Statistic`] over entities and a [`Metric`], or a sum of metrics
///   of one kind of entity. An entity of which one summand is unknown does not contribute.
/// * A **filter** is a [`Key`] and the values that it may have: exact, or with `*` for any
///   characters, several of them separated by `|`. A key that stands twice has the values of
///   both. An entity has to pass the filters of all keys. `key!=value` lets all others pass,
///   also those that have no such key; `key` alone those that have one, `!key` those that have
///   none. A backslash takes the meaning from the character behind it.
/// * A **grouping**, `by` and a key, has one answer for each of its values, for
///   [`Registry::query_groups`](crate::Registry::query_groups). With a pattern the group is what
///   stands in its brackets: `by vir_host_name=(*).*.*` of `web.1.rsm0h0ay4dbn` is `web`.
/// * A **window** makes an entity's value its mean over the last so many seconds (`s`, `m`,
///   `h`); `[30s:max]`, `min`, `last`, `median` or `p95` ask for something else, the latter two
///   of the means of its [slots](crate::Config::slot). A window slides; `[1m tumbling]` is the
///   last whole minute. Without a window it is the last reading.
///
/// Values of keys that come from elsewhere are better put in by [`matching`](Self::matching)
/// than pasted into text.
///
/// ```
/// use sflow_metrics::query::{Key, Pattern, Query};
///
/// let query: Query = "avg:vir_cpu_cores{vir_host_name=apache.*}".parse()?;
/// let same: Query = "avg:vir_cpu_cores".parse::<Query>()?
///     .matching(Key::VirHostName, [Pattern::glob("apache.*")]);
/// assert_eq!(query, same);
/// # Ok::<(), sflow_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) expressions: Vec<Expression>,
    pub(super) filters: Vec<Filter>,
    pub(super) grouping: Option<Grouping>,
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

    /// By what entities are put together, if they are.
    pub fn grouping(&self) -> Option<&Grouping> {
        self.grouping.as_ref()
    }

    /// Over which time it asks, unless for the last readings.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// Asks only about entities with one of these values; more of them if the key has some.
    #[must_use]
    pub fn matching(self, key: Key, values: impl IntoIterator<Item = Pattern>) -> Self {
        self.filtered(key, false, values)
    }

    /// Asks only about entities with none of these values, also those without such a key.
    #[must_use]
    pub fn excluding(self, key: Key, values: impl IntoIterator<Item = Pattern>) -> Self {
        self.filtered(key, true, values)
    }

    fn filtered(
        mut self,
        key: Key,
        is_negative: bool,
        values: impl IntoIterator<Item = Pattern>,
    ) -> Self {
        let values = values.into_iter();
        let is_same = |filter: &&mut Filter| filter.key == key && filter.is_negative == is_negative;
        match self.filters.iter_mut().find(is_same) {
            Some(filter) => filter.values.extend(values),
            None => self.filters.push(Filter {
                key,
                is_negative,
                values: values.collect(),
            }),
        }
        self
    }

    /// Asks for each group.
    #[must_use]
    pub fn grouped(mut self, grouping: Grouping) -> Self {
        self.grouping = Some(grouping);
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
    statistic: Statistic,
    entity: EntityKind,
    metrics: Vec<Metric>,
}

impl Expression {
    /// Of metrics of one kind of entity, one at least.
    fn new(statistic: Statistic, metrics: Vec<Metric>) -> Self {
        let entity = metrics.first().map(Metric::entity);
        Self {
            statistic,
            entity: entity.unwrap_or(EntityKind::Other),
            metrics,
        }
    }

    /// How the values of entities become one.
    pub fn statistic(&self) -> Statistic {
        self.statistic
    }

    /// The metrics that are added up for each entity; one at least.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The kind of entity that has them.
    pub fn entity(&self) -> EntityKind {
        self.entity
    }
}

/// A key, and the values that it may have, or may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) key: Key,
    pub(super) is_negative: bool,
    pub(super) values: Vec<Pattern>,
}

impl Filter {
    /// The key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether it keeps those away that fit.
    pub fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// The values; one of them has to fit, or none.
    pub fn values(&self) -> &[Pattern] {
        &self.values
    }
}

/// A time that ends now or ended of late, and what of an entity's readings in it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    length: Duration,
    function: WindowFn,
    is_tumbling: bool,
}

/// What is taken of an entity's readings in a [`Window`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowFn {
    /// Their mean over time: of a counter, all it counted by all the time it took.
    #[default]
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The newest.
    Last,
    /// The value that the means of its [slots](crate::Config::slot) did not exceed for so many
    /// hundredths of the time. At polling intervals above a slot these are the readings.
    Percentile(Percent),
}

impl Window {
    /// The mean over so long, or up to a [slot](crate::Config::slot) longer.
    pub const fn new(length: Duration) -> Self {
        Self {
            length,
            function: WindowFn::Mean,
            is_tumbling: false,
        }
    }

    /// Takes something else than the mean.
    #[must_use]
    pub const fn with_function(self, function: WindowFn) -> Self {
        Self { function, ..self }
    }

    /// The last whole one of those that follow each other from the origin of time, instead of
    /// one that ends now.
    #[must_use]
    pub const fn tumbling(self) -> Self {
        Self {
            is_tumbling: true,
            ..self
        }
    }

    /// Whether it is one of those.
    pub const fn is_tumbling(self) -> bool {
        self.is_tumbling
    }

    /// How long it is.
    pub const fn length(self) -> Duration {
        self.length
    }

    /// What is taken of the readings in it.
    pub const fn function(self) -> WindowFn {
        self.function
    }
}

impl WindowFn {
    const NAMES: [(&'static str, Self); 5] = [
        ("mean", Self::Mean),
        ("min", Self::Min),
        ("max", Self::Max),
        ("last", Self::Last),
        ("median", Self::Percentile(Percent::HALF)),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        let known = known.map(|(_, take)| *take);
        known.or_else(|| Percent::named(name).map(Self::Percentile))
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.iter().map(|(name, _)| *name);
        names.chain(["p95 and any other from p0 to p100"])
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
        if let Some(grouping) = &self.grouping {
            write!(f, " by {grouping}")?;
        }
        match (self.window, &self.grouping) {
            (Some(window), None) => write!(f, "[{window}]"),
            (Some(window), Some(_)) => write!(f, " [{window}]"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.statistic)?;
        separated(f, "+", self.metrics.iter().map(Metric::name))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equals = if self.is_negative { "!=" } else { "=" };
        write!(f, "{}{equals}", self.key)?;
        separated(f, "|", &self.values)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.length.as_secs_f64())?;
        let name = WindowFn::NAMES
            .iter()
            .find(|(_, take)| *take == self.function);
        match (name, self.function) {
            (_, WindowFn::Mean) => {}
            (Some((name, _)), _) => write!(f, ":{name}")?,
            (None, WindowFn::Percentile(percent)) => write!(f, ":{percent}")?,
            (None, _) => {}
        }
        if self.is_tumbling {
            f.write_str(" tumbling")?;
        }
        Ok(())
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
