use core::fmt;

use super::nearest::nearest;
use super::{Key, Statistic, WindowFn};
use crate::display::separated;
use crate::entity::EntityKind;

/// A syntax error in the text of a [`Query`](super::Query), [`Key`] or
/// [`Metric`](crate::Metric), with its position.
///
/// The message has three lines: the problem, the text, and a mark below the position.
///
/// ```
/// let error = "avg:vir_cpu_core".parse::<sflow_metrics::query::Query>().unwrap_err();
/// assert_eq!(error.position(), 4);
/// assert_eq!(
///     error.to_string(),
///     "unknown metric `vir_cpu_core`; did you mean `vir_cpu_cores`?\n  \
///        avg:vir_cpu_core\n      ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}\n  {query}\n  {pointer}^", pointer = Spaces(.query, *.position))]
pub struct Error {
    query: String,
    position: usize,
    kind: ErrorKind,
}

impl Error {
    pub(super) fn new(text: &str, position: usize, kind: ErrorKind) -> Self {
        Self {
            query: text.replace(char::is_control, " "),
            position,
            kind,
        }
    }

    /// The kind of error.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The position in bytes from the start of the text.
    pub fn position(&self) -> usize {
        self.position
    }
}

/// The kind of a syntax error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text does not continue as expected.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Unknown statistic.
    #[error("unknown statistic `{0}`{end}", end = suggested(.0, SYNONYMS, "statistics", Statistic::names))]
    UnknownStatistic(String),
    /// Unknown metric, and the most similar known one.
    #[error("unknown metric `{0}`{end}", end = Suggestion(.1.as_deref()))]
    UnknownMetric(String, Option<String>),
    /// Metrics of different kinds of entities cannot be added.
    #[error("`{0}` is a metric of another kind of entity than the metrics before it")]
    MixedEntities(String),
    /// Unknown key.
    #[error("unknown key `{0}`{end}", end = suggested(.0, &[], "keys", Key::names))]
    UnknownKey(String),
    /// A filter selects entities of a kind that does not have the metric, so it would select nothing.
    #[error(
        "`{key}` selects {keyed}s only, and `{metric}` is a metric of {measured}s: filter by a key that {measured}s have, such as `host`, or use a metric of {keyed}s"
    )]
    FilterOfOtherKind {
        /// The key of the filter.
        key: Key,
        /// The kind of entities with this key.
        keyed: EntityKind,
        /// The metric.
        metric: String,
        /// The kind of entities with this metric.
        measured: EntityKind,
    },
    /// Invalid or zero duration.
    #[error("invalid duration `{0}`; expected for example 30s, 2.5m or 1h")]
    InvalidDuration(String),
    /// Unknown function of a window.
    #[error("unknown window function `{0}`{end}", end = suggested(.0, &[("avg", "mean")], "functions", WindowFn::names))]
    UnknownWindowFn(String),
}

/// One space for each character before the position.
pub(crate) struct Spaces<'q>(pub(crate) &'q str, pub(crate) usize);

impl fmt::Display for Spaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.0.get(..self.1).unwrap_or(self.0);
        write!(f, "{:width$}", "", width = before.chars().count())
    }
}

/// Names that other query languages use for a statistic.
const SYNONYMS: &[(&str, &str)] = &[
    ("mean", "avg"),
    ("average", "avg"),
    ("total", "sum"),
    ("rate", "sum"),
    ("last", "any"),
    ("stddev", "sdev"),
    ("stdev", "sdev"),
    ("variance", "var"),
];

/// The most similar known name, or all known names if none is similar.
fn suggested<I: Iterator<Item = &'static str>>(
    name: &str,
    synonyms: &[(&str, &'static str)],
    what: &str,
    names: fn() -> I,
) -> String {
    let name = name.to_ascii_lowercase();
    let synonym = synonyms.iter().find(|(other, _)| *other == name);
    let synonym = synonym.map(|(_, known)| *known);
    match synonym.or_else(|| nearest(&name, names())) {
        Some(known) => Suggestion(Some(known)).to_string(),
        None => format!("; known {what}: {}", List(names)),
    }
}

struct List<I>(fn() -> I);

impl<I: Iterator<Item = &'static str>> fmt::Display for List<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, ", ", (self.0)())
    }
}

struct Suggestion<'s>(Option<&'s str>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}
