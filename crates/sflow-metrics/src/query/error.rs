use core::fmt;

use super::{Key, Statistic, WindowFn, separated};

/// Why a text is no [`Query`](crate::Query)(crate::Query), and where.
///
/// ```
/// let error = "avg:vir_cpu_core".parse::<sflow_metrics::query::Query>().unwrap_err();
/// assert_eq!(error.position(), 4);
/// assert_eq!(
///     error.to_string(),
///     "no metric is called `vir_cpu_core`; is it `vir_cpu_cores`?\n  \
///        avg:vir_cpu_core\n      ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}\n  {query}\n  {pointer}^", pointer = Spaces(.query, *.position))]
pub struct Error {
    pub(super) query: String,
    pub(super) position: usize,
    pub(super) kind: ErrorKind,
}

impl Error {
    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Where, in bytes from the start of the text.
    pub fn position(&self) -> usize {
        self.position
    }
}

/// What is wrong with the text of a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something else should stand there.
    #[error("expected {0}")]
    Expected(&'static str),
    /// No statistic has this name.
    #[error("no statistic is called `{0}`; there are {known}", known = List(Statistic::names))]
    Statistic(String),
    /// No metric has this name; perhaps the second was meant.
    #[error("no metric is called `{0}`{end}", end = Suggestion(.1.as_deref()))]
    Metric(String, Option<String>),
    /// The metrics that are added up belong to different kinds of entities.
    #[error("`{0}` is measured of another kind of entity than what stands before it")]
    Mixed(String),
    /// No key has this name.
    #[error("no key is called `{0}`; there are {known}", known = List(Key::names))]
    Key(String),
    /// It is no length of time, or a length of zero.
    #[error("`{0}` is no length of time such as 30s, 2.5m or 1h")]
    Length(String),
    /// Nothing of that name can be taken of a window.
    #[error("a window has no `{0}`; it has {known}", known = List(WindowFn::names))]
    WindowFn(String),
}

/// As many spaces as there are characters before the position.
pub(crate) struct Spaces<'q>(pub(crate) &'q str, pub(crate) usize);

impl fmt::Display for Spaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.0.get(..self.1).unwrap_or(self.0);
        write!(f, "{:width$}", "", width = before.chars().count())
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
            Some(nearest) => write!(f, "; is it `{nearest}`?"),
            None => f.write_str("; `Metric::all` lists them"),
        }
    }
}
