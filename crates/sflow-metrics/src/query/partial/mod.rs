//! Partial answers of several registries, and their merging.

#[cfg(feature = "serde")]
mod written;

use std::collections::BTreeMap;

use super::{Gathering, Group, Groups, Query, Summary};
use crate::timestamp::Timestamp;
#[cfg(feature = "serde")]
use written::Written;

/// The contribution of one registry to a query over several registries that ingest the datagrams
/// of different agents.
///
/// [`merge`](Self::merge) the partials of all registries, then read [`groups`](Self::groups) or
/// [`summaries`](Self::summaries). Merging is commutative and associative except for rounding, and
/// [`Partial::empty`] is its identity. Medians, quartiles and percentiles are exact up to 10,000 values
/// in a group, which need eight bytes each. More values become a sketch with a relative error of 1 %,
/// whose size depends on their range: some 30 bytes for each 2 % of it, 20 KiB for values from 1 to
/// 10⁶, at most about 2 MiB. [`MAX_VALUES`](Self::MAX_VALUES) limits the sum over all groups. All
/// other statistics need a few numbers.
///
/// With feature `serde`, partials can be serialised. The format has a [`VERSION`](Self::VERSION),
/// and deserialisation rejects inconsistent values.
///
/// ```
/// use sflow_metrics::{Config, Registry, Timestamp, query::{Partial, Query}};
///
/// let query: Query = "p95:vir_cpu_utilization by container=(*).*.*".parse()?;
/// let workers = [Registry::new(Config::default()), Registry::new(Config::default())];
/// let now = Timestamp::from_secs(1_700_000_000);
///
/// let mut all = Partial::empty(&query);
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

/// The owner of a value, as other registries can identify it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Owner {
    /// The name. It comes from the network: escape it before printing.
    pub name: String,
    /// The agent that reports it.
    pub agent: String,
    /// The data source.
    pub data_source: Option<String>,
}

/// Why two partials cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They belong to different queries.
    #[error("cannot merge a partial of query `{theirs}` into a partial of `{ours}`")]
    OtherQuery {
        /// The query of the partial that was to be extended.
        ours: String,
        /// The query of the other partial.
        theirs: String,
    },
    /// The result would contain too many values.
    #[error("{values} values exceed the limit of {max}: narrow the filters, or use `avg`, `max` or another statistic that needs no list of values", max = Partial::MAX_VALUES)]
    TooManyValues {
        /// Number of values and buckets of sketches.
        values: usize,
    },
    /// The result would contain too many groups.
    #[error("{groups} groups exceed the limit of {max}: use a coarser grouping", max = Partial::MAX_GROUPS)]
    TooManyGroups {
        /// Number of groups.
        groups: usize,
    },
}

impl Partial {
    /// The version of the serialised form.
    pub const VERSION: u32 = 2;
    /// Maximum number of values, and of buckets of sketches, for medians, quartiles and percentiles
    /// of all groups. They need at most 32 MB.
    pub const MAX_VALUES: usize = 1_000_000;
    /// Maximum number of groups.
    pub const MAX_GROUPS: usize = 100_000;

    /// The contribution of a registry without entities.
    pub fn empty(query: &Query) -> Self {
        Self {
            query: query.clone(),
            groups: BTreeMap::new(),
            ungrouped: 0,
            left_out: 0,
        }
    }

    /// From the gatherings of groups.
    pub(crate) fn of(
        query: &Query,
        groups: impl Iterator<Item = (String, Vec<Gathering<Owner>>)>,
        ungrouped: u64,
        left_out: u64,
    ) -> Self {
        let mut partial = Self {
            ungrouped,
            left_out,
            ..Self::empty(query)
        };
        for (name, parts) in groups {
            partial.add(name, parts);
        }
        partial
    }

    /// The query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Adds the contribution of another registry.
    ///
    /// # Errors
    ///
    /// If the other partial belongs to another query or the result exceeds a limit. Nothing is added
    /// then.
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

    /// The answer over all groups: for each expression a summary, and the owner of the value for
    /// `min`, `max` and `any`.
    pub fn summaries(&self, now: Timestamp) -> Vec<(Summary, Option<Owner>)> {
        let mut all = vec![Gathering::default(); self.query.expressions.len()];
        for group in self.groups.values() {
            merge(&self.query, &mut all, group.clone());
        }
        self.finish(&all, now)
            .map(|(summary, owner)| (summary, owner.cloned()))
            .collect()
    }

    /// The answer for each group, sorted by name. [`Summary::winner`] is `None`, because ids are
    /// valid in one registry only; see [`owners`](Self::owners).
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

    /// The owners of the values of a group, one for each expression: for `min`, `max` and `any`.
    pub fn owners(&self, group: &str) -> Vec<Option<Owner>> {
        let parts = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        self.finish(parts, Timestamp::ZERO)
            .map(|(_, owner)| owner.cloned())
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

/// Merges the gatherings of each expression.
fn merge(query: &Query, ours: &mut [Gathering<Owner>], theirs: Vec<Gathering<Owner>>) {
    let pairs = ours.iter_mut().zip(theirs);
    for ((ours, theirs), expression) in pairs.zip(&query.expressions) {
        ours.merge(expression.statistic, theirs);
    }
}
