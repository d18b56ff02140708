//! The serialised form of partials.

use core::ops::Range;
use std::collections::BTreeMap;

use super::{Count, Counts, Flows, Overall, Partial, Sorted, Timestamp, Weights};
use crate::flow::definition::Definition;
use crate::flow::value::Raw;
use crate::hex::Hex;

/// The serialised form. Flows are identified by their encoded keys.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    version: u32,
    definition: String,
    at: Option<Timestamp>,
    window: Option<(Timestamp, Timestamp)>,
    overall: Overall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sums: Option<BTreeMap<Hex, Weights>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<Counts<BTreeMap<Hex, Count>>>,
}

/// Why a serialised partial is rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum Invalid {
    #[error("unsupported version {0} of a partial, expected {ours}: run the same release everywhere", ours = Partial::VERSION)]
    Version(u32),
    #[error("invalid definition in a partial: {0}")]
    Definition(#[from] crate::flow::Error),
    #[error("flow `{0}` of a partial does not have the keys of the definition")]
    Keys(Hex),
    #[error("inconsistent numbers in a partial")]
    Numbers,
    #[error("a partial exceeds the limit of {0} flows")]
    TooMuch(usize),
}

impl From<Partial> for Written {
    fn from(partial: Partial) -> Self {
        let (sums, counts) = match partial.flows {
            Flows::Sums(flows) => (Some(hex(flows)), None),
            Flows::Counts(counts) => {
                let counts = Counts {
                    hash_key: counts.hash_key,
                    all: counts.all,
                    flows: hex(counts.flows),
                };
                (None, Some(counts))
            }
        };
        Self {
            version: Partial::VERSION,
            definition: partial.definition.to_string(),
            at: partial.at,
            window: partial.window.map(|window| (window.start, window.end)),
            overall: partial.overall,
            sums,
            counts,
        }
    }
}

impl TryFrom<Written> for Partial {
    type Error = Invalid;

    fn try_from(written: Written) -> Result<Self, Invalid> {
        if written.version != Self::VERSION {
            return Err(Invalid::Version(written.version));
        }
        let definition: Definition = written.definition.parse()?;
        let empty = Self::empty(&definition);
        let flows = match (&empty.flows, written.sums, written.counts) {
            (Flows::Sums(_), Some(sums), None) => {
                check_keys(&definition, sums.keys(), empty.limit())?;
                if !sums.values().all(is_consistent) {
                    return Err(Invalid::Numbers);
                }
                Flows::Sums(bytes(sums))
            }
            (Flows::Counts(_), None, Some(counts)) => {
                check_keys(&definition, counts.flows.keys(), empty.limit())?;
                let is_empty = counts.all.is_empty() && counts.flows.is_empty();
                if counts.hash_key.is_none() && !is_empty {
                    return Err(Invalid::Numbers);
                }
                Flows::Counts(Counts {
                    hash_key: counts.hash_key,
                    all: counts.all,
                    flows: bytes(counts.flows),
                })
            }
            _ => return Err(Invalid::Numbers),
        };
        let window = written.window;
        let is_valid = are_amounts(&written.overall)
            && window.is_none_or(|(start, end)| start <= end)
            && window.is_some() == (definition.window().is_some() && written.at.is_some())
            && (written.at.is_some() || is_empty(&written.overall, &flows));
        if !is_valid {
            return Err(Invalid::Numbers);
        }
        Ok(Self {
            definition,
            at: written.at,
            window: window.map(|(start, end)| Range { start, end }),
            overall: written.overall,
            flows,
        })
    }
}

fn hex<V>(flows: Sorted<V>) -> BTreeMap<Hex, V> {
    flows
        .into_iter()
        .map(|(key, value)| (Hex(key), value))
        .collect()
}

fn bytes<V>(flows: BTreeMap<Hex, V>) -> Sorted<V> {
    flows
        .into_iter()
        .map(|(Hex(key), value)| (key, value))
        .collect()
}

/// Whether all keys are encoded values of the keys of the definition.
fn check_keys<'k>(
    definition: &Definition,
    keys: impl ExactSizeIterator<Item = &'k Hex>,
    limit: usize,
) -> Result<(), Invalid> {
    if keys.len() > limit {
        return Err(Invalid::TooMuch(limit));
    }
    let mut encoded = Vec::new();
    for key in keys {
        encoded.clear();
        let mut rest = &*key.0;
        // Without keys all packets have the same value.
        for _ in 0..definition.keys().len().max(1) {
            let value = Raw::decode(&mut rest).unwrap_or(Raw::Absent);
            value.encode(&mut encoded, usize::MAX);
        }
        if *encoded != *key.0 {
            return Err(Invalid::Keys(key.clone()));
        }
    }
    Ok(())
}

/// The sums of any number of smaller amounts, and the squares of these, are finite.
fn is_amount(amount: f64) -> bool {
    (0.0..1e100).contains(&amount)
}

fn is_consistent(weights: &Weights) -> bool {
    let Weights {
        weight,
        error,
        stated,
        variance,
        ..
    } = *weights;
    [weight, error, stated].into_iter().all(is_amount)
        && (0.0..1e200).contains(&variance)
        // Numbers may be rounded when they are read.
        && error <= weight * (1.0 + 1e-9)
}

fn are_amounts(overall: &Overall) -> bool {
    let Overall {
        weight,
        stated,
        unreported,
        unseen,
        variance,
        ..
    } = *overall;
    [weight, stated, unreported, unseen]
        .into_iter()
        .all(is_amount)
        && (0.0..1e200).contains(&variance)
}

fn is_empty(overall: &Overall, flows: &Flows) -> bool {
    let has_flows = match flows {
        Flows::Sums(flows) => !flows.is_empty(),
        Flows::Counts(counts) => *counts != Counts::default(),
    };
    !has_flows && *overall == Overall::default()
}
