//! Queries over entities, their text syntax and their answers.

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
mod values;

use core::fmt;
use core::time::Duration;

use crate::catalogue::Metric;
use crate::display::{padded, separated};
use crate::entity::EntityKind;

#[cfg(feature = "flows")]
pub(crate) use error::Spaces;
pub use error::{Error, ErrorKind};
pub(crate) use gather::Gathering;
pub use group::{Group, Grouping, Groups};
pub use key::Key;
#[cfg(feature = "flows")]
pub(crate) use nearest::nearest;
#[cfg(feature = "flows")]
pub(crate) use parse::duration;
pub use partial::{MergeError, Owner, Partial};
pub use pattern::Pattern;
pub use statistic::Statistic;
pub use summary::Summary;
pub(crate) use values::is_valid;

pub use crate::registry::EntityValues;
pub use crate::window::Percent;

/// A query for a [`Registry`](crate::Registry): expressions, filters, and optionally a grouping and
/// a window.
///
/// ```text
/// avg:vir_cpu_cores,max:vir_bytes_in+vir_bytes_out{container=apache.*,host=n1|n2}[30s]
/// p95:cpu_utilization{host!=test*} by agent
/// sum:vir_cpu_cores by container=(*).*.* [5m:max]
/// ```
///
/// * An **expression** is a [`Statistic`] over entities of a [`Metric`], or of a sum of metrics
///   of one kind of entity. An entity with an unknown summand, or with a value above 10¹⁰⁰, does not
///   contribute.
/// * A **filter** is a [`Key`] and its accepted values: exact, or with `*` for any characters,
///   several values separated by `|`. Filters with the same key are combined. An entity has to
///   pass the filters of all keys. `key!=value` accepts all other entities, including those
///   without the key; `key` accepts entities with the key and `!key` those without it. A backslash
///   escapes the next character. A filter that no entity with the metric can pass is an error:
///   `avg:load_one{container=a*}`, because `load_one` is a metric of hosts.
/// * A **grouping**, `by` and a key, returns one answer for each value of the key, see
///   [`Registry::query_groups`](crate::Registry::query_groups). With a pattern, the group is the
///   part in parentheses: `by container=(*).*.*` assigns `web.1.rsm0h0ay4dbn` to `web`.
/// * A **window** replaces the last reading by the mean over a time (`s`, `m`, `h`). `[30s:max]`,
///   `min`, `last`, `median` or `p95` select another function; the latter two apply to the means
///   of the [slots](crate::Config::slot). A window slides; `[1m tumbling]` is the last complete
///   minute.
///
/// Filters, grouping and window are accepted in any order, and the window after each expression as
/// well; a query has one window.
///
/// Pass values of external origin to [`matching`](Self::matching) instead of pasting them into
/// the text. With feature `serde`, a query is serialised as its text.
///
/// ```
/// use sflow_metrics::query::{Key, Pattern, Query};
///
/// let query: Query = "avg:vir_cpu_cores{container=apache.*}".parse()?;
/// let same: Query = "avg:vir_cpu_cores".parse::<Query>()?
///     .matching(Key::Container, [Pattern::glob("apache.*")]);
/// assert_eq!(query, same);
/// # Ok::<(), sflow_metrics::query::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) expressions: Vec<Expression>,
    pub(super) filters: Vec<Filter>,
    pub(super) grouping: Option<Grouping>,
    pub(super) window: Option<Window>,
}

impl Query {
    /// The expressions, in order.
    pub fn expressions(&self) -> &[Expression] {
        &self.expressions
    }

    /// The filters; an entity has to pass all of them.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// The grouping, if there is one.
    pub fn grouping(&self) -> Option<&Grouping> {
        self.grouping.as_ref()
    }

    /// The window; `None` for the last readings.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// Restricts the query to entities with one of these values, in addition to earlier values of
    /// the same key.
    ///
    /// A key that the measured kind of entity does not have selects nothing: hosts have no
    /// [`Key::Container`]. In the text of a query such a filter is an error.
    #[must_use]
    pub fn matching(self, key: Key, values: impl IntoIterator<Item = Pattern>) -> Self {
        self.filtered(key, false, values)
    }

    /// Restricts the query to entities with none of these values, including entities without the
    /// key.
    ///
    /// ```
    /// use sflow_metrics::query::{Key, Pattern, Query};
    ///
    /// let query: Query = "max:load_one".parse()?;
    /// let query = query.excluding(Key::Host, [Pattern::glob("test*")]);
    /// assert_eq!(query.to_string(), "max:load_one{host!=test*}");
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    #[must_use]
    pub fn excluding(self, key: Key, values: impl IntoIterator<Item = Pattern>) -> Self {
        self.filtered(key, true, values)
    }

    fn filtered(
        mut self,
        key: Key,
        is_negated: bool,
        values: impl IntoIterator<Item = Pattern>,
    ) -> Self {
        self.add_filter(key, is_negated, values);
        self
    }

    fn add_filter(
        &mut self,
        key: Key,
        is_negated: bool,
        values: impl IntoIterator<Item = Pattern>,
    ) {
        let values = values.into_iter();
        let is_same = |filter: &&mut Filter| filter.key == key && filter.is_negated == is_negated;
        match self.filters.iter_mut().find(is_same) {
            Some(filter) => filter.values.extend(values),
            None => self.filters.push(Filter {
                key,
                is_negated,
                values: values.collect(),
            }),
        }
    }

    /// Groups the answer.
    #[must_use]
    pub fn grouped(mut self, grouping: Grouping) -> Self {
        self.grouping = Some(grouping);
        self
    }

    /// Sets the window.
    #[must_use]
    pub fn over(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }
}

/// A statistic over the values of entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    statistic: Statistic,
    entity: EntityKind,
    metrics: Vec<Metric>,
}

impl Expression {
    /// `metrics` has at least one metric, and all are metrics of the same kind of entity.
    fn new(statistic: Statistic, metrics: Vec<Metric>) -> Self {
        let entity = metrics.first().map(Metric::entity);
        Self {
            statistic,
            entity: entity.unwrap_or(EntityKind::Other),
            metrics,
        }
    }

    /// The statistic over entities.
    pub fn statistic(&self) -> Statistic {
        self.statistic
    }

    /// The metrics that are added up for each entity; at least one.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The kind of entity.
    pub fn entity(&self) -> EntityKind {
        self.entity
    }
}

/// A key and its accepted or excluded values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) key: Key,
    pub(super) is_negated: bool,
    pub(super) values: Vec<Pattern>,
}

impl Filter {
    /// The key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether matching entities are excluded.
    pub fn is_negated(&self) -> bool {
        self.is_negated
    }

    /// The values.
    pub fn values(&self) -> &[Pattern] {
        &self.values
    }
}

/// A time window and the function that is applied to the readings in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    length: Duration,
    function: WindowFn,
    is_tumbling: bool,
}

/// The function that is applied to the readings of an entity in a [`Window`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowFn {
    /// The mean weighted by time: for a counter, its total increase divided by the time.
    #[default]
    Mean,
    /// The smallest reading.
    Min,
    /// The largest reading.
    Max,
    /// The newest reading.
    Last,
    /// The percentile, weighted by time, of the means of the [slots](crate::Config::slot). At
    /// polling intervals longer than a slot these means are the readings.
    Percentile(Percent),
}

impl Window {
    /// A sliding window with the mean. It is up to one [slot](crate::Config::slot) longer than
    /// `length`.
    pub const fn new(length: Duration) -> Self {
        Self {
            length,
            function: WindowFn::Mean,
            is_tumbling: false,
        }
    }

    /// Sets the function.
    #[must_use]
    pub const fn with_function(self, function: WindowFn) -> Self {
        Self { function, ..self }
    }

    /// Uses the last complete window instead of one that ends now. Such windows are aligned with
    /// the origin of time.
    #[must_use]
    pub const fn tumbling(self) -> Self {
        Self {
            is_tumbling: true,
            ..self
        }
    }

    /// Whether this is the last complete window.
    pub const fn is_tumbling(self) -> bool {
        self.is_tumbling
    }

    /// The length.
    pub const fn length(self) -> Duration {
        self.length
    }

    /// The function.
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
        let known = known.map(|(_, function)| *function);
        known.or_else(|| Percent::named(name).map(Self::Percentile))
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        let names = Self::NAMES.iter().map(|(name, _)| *name);
        names.chain(["p95 and any other from p0 to p100"])
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
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

/// The text of the query.
#[cfg(feature = "serde")]
impl serde::Serialize for Query {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Query {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        write!(f, "{}:", self.statistic)?;
        separated(f, "+", self.metrics.iter().map(Metric::name))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        let equals = if self.is_negated { "!=" } else { "=" };
        write!(f, "{}{equals}", self.key)?;
        separated(f, "|", &self.values)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        write!(f, "{}s", self.length.as_secs_f64())?;
        let name = WindowFn::NAMES
            .iter()
            .find(|(_, function)| *function == self.function);
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
