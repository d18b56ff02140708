//! The serialised form of partials.

use super::{BTreeMap, Gathering, Owner, Partial, Query, Timestamp};
use crate::query::{Statistic, is_valid};

/// The serialised form.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    version: u32,
    query: String,
    groups: BTreeMap<String, Vec<Gathering<Owner>>>,
    ungrouped: u64,
    left_out: u64,
}

/// Why a serialised partial is rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum Invalid {
    #[error("unsupported version {0} of a partial, expected {ours}: run the same release everywhere", ours = Partial::VERSION)]
    Version(u32),
    #[error("invalid query in a partial: {0}")]
    Query(#[from] crate::query::Error),
    #[error("group `{0}` of a partial: expected one entry per expression")]
    Expressions(String),
    #[error("group `{0}` of a partial: inconsistent numbers")]
    Numbers(String),
    #[error("a partial exceeds the limit on groups or values")]
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
    type Error = Invalid;

    fn try_from(written: Written) -> Result<Self, Invalid> {
        if written.version != Self::VERSION {
            return Err(Invalid::Version(written.version));
        }
        let query: Query = written.query.parse()?;
        let mut partial = Self::empty(&query);
        for (name, parts) in written.groups {
            if parts.len() != query.expressions.len() {
                return Err(Invalid::Expressions(name));
            }
            let mut pairs = parts.iter().zip(&query.expressions);
            if !pairs.all(|(part, expression)| is_consistent(part, expression.statistic)) {
                return Err(Invalid::Numbers(name));
            }
            partial.groups.insert(name, parts);
        }
        partial.ungrouped = written.ungrouped;
        partial.left_out = written.left_out;
        let is_too_much =
            partial.groups.len() > Self::MAX_GROUPS || partial.values() > Self::MAX_VALUES;
        if is_too_much {
            return Err(Invalid::TooMuch);
        }
        Ok(partial)
    }
}

/// Whether the numbers can result from values with this statistic.
fn is_consistent(part: &Gathering<Owner>, statistic: Statistic) -> bool {
    const MOST: u64 = 1 << 48;
    // More than any sum of this many values.
    const MAX_SUM: f64 = 1e120;
    let has_winner = matches!(statistic, Statistic::Min | Statistic::Max | Statistic::Any);
    let (count, has_any) = (part.count, part.count > 0);
    let values = if statistic.needs_values() { count } else { 0 };
    let (mean, squares) = part.spread;
    let winner = part.winner.as_ref().map(|(_, value, _)| *value);
    let within = |at: Timestamp| {
        part.read
            .is_some_and(|(newest, oldest)| (oldest..=newest).contains(&at))
    };
    part.sum.abs() <= MAX_SUM
        && mean.abs() <= MAX_SUM
        && (0.0..=MAX_SUM * MAX_SUM).contains(&squares)
        && winner.is_none_or(is_valid)
        && part.read.is_some() == has_any
        && part.read.is_none_or(|(newest, oldest)| oldest <= newest)
        && part.winner.is_some() == (has_any && has_winner)
        && part.winner.as_ref().is_none_or(|(at, ..)| within(*at))
        && part.values.is_consistent(values)
        && count <= part.matched
        && part.warming <= part.matched
        && part.stale <= part.matched
        && part.unwatched <= part.matched
        && part.matched <= MOST
}
