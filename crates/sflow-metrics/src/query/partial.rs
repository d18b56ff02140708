//! Answers in parts, for several workers and one who puts them together.

use std::collections::BTreeMap;

use super::gather::Gathering;
use super::{Group, Groups, Query, Summary};
use crate::timestamp::Timestamp;

/// What one worker has to say to a query: to be [merged](Self::merge) with what others have who
/// hear other agents, and [finished](Self::groups) by whoever has all of it.
///
/// Parts may be merged in any order and grouping, with the same answer (but for the last digits of
/// sums, as with all floating-point numbers); [`Partial::nothing`] changes nothing. Medians,
/// quartiles and percentiles are exact: their parts carry eight bytes for each value, up to
/// [`MAX_VALUES`](Self::MAX_VALUES), and all others a few numbers.
///
/// With the feature `serde` parts are written and read, with their [`VERSION`](Self::VERSION);
/// what is read is checked before it is believed.
///
/// ```
/// use sflow_metrics::{Config, Registry, Timestamp, query::{Partial, Query}};
///
/// let query: Query = "p95:vir_cpu_utilization by vir_host_name=(*).*.*".parse()?;
/// let workers = [Registry::new(Config::default()), Registry::new(Config::default())];
/// let now = Timestamp::from_secs(1_700_000_000);
///
/// let mut all = Partial::nothing(&query);
/// for worker in &workers {
///     all.merge(worker.partial(now, &query))?;
/// }
/// assert!(all.groups(now).groups.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "Written", try_from = "Written"))]
pub struct Partial {
    query: Query,
    groups: BTreeMap<String, Vec<Gathering<Owner>>>,
    ungrouped: u64,
    left_out: u64,
}

/// Whose value it is, in words that other workers understand.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Owner {
    /// Its name, of strangers: escape it before you print it.
    pub name: String,
    /// The agent that reports it.
    pub agent: String,
    /// The data source of the agent that it is.
    pub data_source: Option<String>,
}

/// Why two parts cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They answer different questions.
    #[error(
        "`{theirs}` cannot be merged into `{ours}`: a part answers the query that it was made for"
    )]
    OtherQuery {
        /// The query of what was merged into.
        ours: String,
        /// The query of what was merged.
        theirs: String,
    },
    /// There would be too much to keep.
    #[error("there would be {values} values; a part holds {max}: group less, or ask for `avg`, `max` or the like", max = Partial::MAX_VALUES)]
    TooManyValues {
        /// How many there would be.
        values: usize,
    },
    /// There would be too many groups.
    #[error("there would be {groups} groups; a part holds {max}: group by something coarser", max = Partial::MAX_GROUPS)]
    TooManyGroups {
        /// How many there would be.
        groups: usize,
    },
}

impl Partial {
    /// The version of the written form.
    pub const VERSION: u32 = 1;
    /// Values at most that a part may carry for medians and the like, of all groups together.
    pub const MAX_VALUES: usize = 1_000_000;
    /// Groups at most.
    pub const MAX_GROUPS: usize = 100_000;

    /// What somebody says who has heard nobody.
    pub fn nothing(query: &Query) -> Self {
        Self {
            query: query.clone(),
            groups: BTreeMap::new(),
            ungrouped: 0,
            left_out: 0,
        }
    }

    /// What was gathered, by group.
    pub(crate) fn of(
        query: &Query,
        groups: impl Iterator<Item = (String, Vec<Gathering<Owner>>)>,
        ungrouped: u64,
        left_out: u64,
    ) -> Self {
        let mut partial = Self {
            ungrouped,
            left_out,
            ..Self::nothing(query)
        };
        for (name, parts) in groups {
            partial.add(name, parts);
        }
        partial
    }

    /// The question.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Adds what another worker has said.
    ///
    /// # Errors
    ///
    /// If the other part belongs to another query, or there is too much; then nothing is added.
    pub fn merge(&mut self, other: Self) -> Result<(), MergeError> {
        if self.query != other.query {
            return Err(MergeError::OtherQuery {
                ours: self.query.to_string(),
                theirs: other.query.to_string(),
            });
        }
        let values = self.values() + other.values();
        if values > Self::MAX_VALUES {
            return Err(MergeError::TooManyValues { values });
        }
        let new = other
            .groups
            .keys()
            .filter(|name| !self.groups.contains_key(*name));
        let groups = self.groups.len() + new.count();
        if groups > Self::MAX_GROUPS {
            return Err(MergeError::TooManyGroups { groups });
        }
        self.ungrouped = self.ungrouped.saturating_add(other.ungrouped);
        self.left_out = self.left_out.saturating_add(other.left_out);
        for (name, theirs) in other.groups {
            self.add(name, theirs);
        }
        Ok(())
    }

    /// The answer: one summary for each expression, over all groups.
    pub fn summaries(&self, now: Timestamp) -> Vec<(Summary, Option<Owner>)> {
        let mut all = vec![Gathering::default(); self.query.expressions.len()];
        for group in self.groups.values() {
            merge(&self.query, &mut all, group.clone());
        }
        self.finish(&all, now)
            .map(|(summary, holder)| (summary, holder.cloned()))
            .collect()
    }

    /// The answer for each group, in the order of their names. Numbers of entities mean nothing
    /// to other workers, so nobody is named as a winner: [`holders`](Self::holders) does.
    pub fn groups(&self, now: Timestamp) -> Groups {
        let group = |(name, parts): (&String, &Vec<_>)| Group {
            name: name.as_str().into(),
            summaries: self
                .finish(parts, now)
                .map(|(summary, _)| summary)
                .collect(),
        };
        Groups {
            groups: self.groups.iter().map(group).collect(),
            ungrouped: self.ungrouped,
            left_out: self.left_out,
        }
    }

    /// Whose value the answer of a group is, for each expression: of `min`, `max` and `any`.
    pub fn owners(&self, group: &str) -> Vec<Option<Owner>> {
        let parts = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        self.finish(parts, Timestamp::ZERO)
            .map(|(_, holder)| holder.cloned())
            .collect()
    }

    fn finish<'p>(
        &'p self,
        parts: &'p [Gathering<Owner>],
        now: Timestamp,
    ) -> impl Iterator<Item = (Summary, Option<&'p Owner>)> {
        let pairs = self.query.expressions.iter().zip(parts);
        pairs.map(move |(expression, part)| Summary::of(part, expression.statistic, now))
    }

    fn add(&mut self, name: String, theirs: Vec<Gathering<Owner>>) {
        match self.groups.get_mut(&name) {
            Some(ours) => merge(&self.query, ours, theirs),
            None => {
                self.groups.insert(name, theirs);
            }
        }
    }

    fn values(&self) -> usize {
        let parts = self.groups.values().flatten();
        parts.map(|part| part.values.len()).sum()
    }
}

/// Adds each part to that of the same expression.
fn merge(query: &Query, ours: &mut [Gathering<Owner>], theirs: Vec<Gathering<Owner>>) {
    let pairs = ours.iter_mut().zip(theirs);
    for ((ours, theirs), expression) in pairs.zip(&query.expressions) {
        ours.merge(expression.statistic, theirs);
    }
}

#[cfg(feature = "serde")]
mod written {
    use super::{BTreeMap, Gathering, Owner, Partial, Query, Timestamp};
    use crate::query::Statistic;

    /// The written form.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Written {
        version: u32,
        query: String,
        groups: BTreeMap<String, Vec<Gathering<Owner>>>,
        ungrouped: u64,
        left_out: u64,
    }

    /// Why a written part is not believed.
    #[derive(Debug, thiserror::Error)]
    pub(super) enum NotBelieved {
        #[error("a part of version {0}; this reads version {ours}: let all workers run the same release", ours = Partial::VERSION)]
        Version(u32),
        #[error("the query of the part cannot be read: {0}")]
        Query(#[from] super::super::Error),
        #[error("group `{0}` of the part has not one entry for each expression of its query")]
        Expressions(String),
        #[error("the numbers of group `{0}` of the part contradict each other")]
        Numbers(String),
        #[error("the part holds more groups or values than one may")]
        TooMuch,
    }

    impl From<Partial> for Written {
        fn from(partial: Partial) -> Self {
            Self {
                version: Partial::VERSION,
                query: partial.query.to_string(),
                groups: partial.groups,
                ungrouped: partial.ungrouped,
                left_out: partial.left_out,
            }
        }
    }

    impl TryFrom<Written> for Partial {
        type Error = NotBelieved;

        fn try_from(written: Written) -> Result<Self, NotBelieved> {
            if written.version != Self::VERSION {
                return Err(NotBelieved::Version(written.version));
            }
            let query: Query = written.query.parse()?;
            let mut partial = Self::nothing(&query);
            for (name, parts) in written.groups {
                if parts.len() != query.expressions.len() {
                    return Err(NotBelieved::Expressions(name));
                }
                let mut pairs = parts.iter().zip(&query.expressions);
                if !pairs.all(|(part, expression)| is_consistent(part, expression.statistic)) {
                    return Err(NotBelieved::Numbers(name));
                }
                partial.groups.insert(name, parts);
            }
            partial.ungrouped = written.ungrouped;
            partial.left_out = written.left_out;
            let is_too_much =
                partial.groups.len() > Self::MAX_GROUPS || partial.values() > Self::MAX_VALUES;
            if is_too_much {
                return Err(NotBelieved::TooMuch);
            }
            Ok(partial)
        }
    }

    /// Whether somebody can have gathered this for such a statistic.
    fn is_consistent(part: &Gathering<Owner>, statistic: Statistic) -> bool {
        const MOST: u64 = 1 << 48;
        let has_winner = matches!(statistic, Statistic::Min | Statistic::Max | Statistic::Any);
        let (count, has_any) = (part.count, part.count > 0);
        let values = if statistic.needs_values() { count } else { 0 };
        let (mean, squares) = part.spread;
        let winner = part.winner.as_ref().map(|(_, value, _)| *value);
        let numbers = [part.sum, mean, squares].into_iter().chain(winner);
        let within = |at: Timestamp| {
            part.read
                .is_some_and(|(newest, oldest)| (oldest..=newest).contains(&at))
        };
        numbers
            .chain(part.values.iter().copied())
            .all(f64::is_finite)
            && part.read.is_some() == has_any
            && part.read.is_none_or(|(newest, oldest)| oldest <= newest)
            && part.winner.is_some() == (has_any && has_winner)
            && part.winner.as_ref().is_none_or(|(at, ..)| within(*at))
            && part.values.len() as u64 == values
            && squares >= 0.0
            && count <= part.matched
            && part.warming <= part.matched
            && part.stale <= part.matched
            && part.matched <= MOST
    }
}

#[cfg(feature = "serde")]
use written::Written;
