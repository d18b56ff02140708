use std::fmt::Display;

use thiserror::Error;

/// Why a cluster cannot be simulated, or a change cannot be applied to it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The cluster has no hosts.
    #[error("a cluster needs at least one host")]
    NoHosts,
    /// Two hosts have the same name or address, or two services have the same name.
    #[error("{kind} {name:?}: another {kind} has the same name or address")]
    Duplicate {
        /// `host` or `service`.
        kind: &'static str,
        /// Name of the second one.
        name: String,
    },
    /// No host, service or scenario has this name.
    #[error("unknown {kind} {name:?}; known: {known}")]
    Unknown {
        /// `host`, `service` or `scenario`.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// A value is outside its range.
    #[error("{field} is {value}; expected {expected}")]
    OutOfRange {
        /// Name of the field, such as `agents.polling`.
        field: &'static str,
        /// The value that was given.
        value: String,
        /// The values that are accepted.
        expected: &'static str,
    },
    /// A policy uses an unknown metric.
    #[cfg(feature = "experiments")]
    #[error(transparent)]
    Metric(#[from] sflow_metrics::query::Error),
}

impl Error {
    pub(crate) fn unknown<'a>(
        kind: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self::Unknown {
            kind,
            name: name.to_owned(),
            known: known.collect::<Vec<_>>().join(", "),
        }
    }

    pub(crate) fn out_of_range(
        field: &'static str,
        value: impl Display,
        expected: &'static str,
    ) -> Self {
        Self::OutOfRange {
            field,
            value: format!("{value}"),
            expected,
        }
    }
}

/// Fails if `name` is not among the known names.
pub(crate) fn check_known<'a>(
    kind: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    if known.clone().any(|known| known == name) {
        return Ok(());
    }
    Err(Error::unknown(kind, name, known))
}
