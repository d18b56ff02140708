//! Failures of requests to an engine.

use thiserror::Error;

use crate::orchestrator::OrchestratorError;

/// Why a request failed, or why its effect is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Failure {
    /// No answer.
    #[error("{endpoint}: {why}")]
    NoAnswer { endpoint: String, why: String },
    /// The engine refused the request.
    #[error("{endpoint}: status {status}: {message}")]
    Refusal {
        endpoint: String,
        status: u16,
        message: String,
    },
    /// The answer is invalid.
    #[error("{endpoint}: invalid answer: {why}")]
    InvalidAnswer { endpoint: String, why: String },
    /// No manager could answer.
    #[error("{0}")]
    NoManager(String),
}

/// Messages of managers without a leader. They have status 500.
const UNDECIDED: [&str; 5] = [
    "does not have a leader",
    "lost leader status",
    "code = DeadlineExceeded",
    "code = Unavailable",
    "context deadline exceeded",
];

impl Failure {
    /// Whether the failure is specific to the manager, so that another manager may succeed.
    pub(super) fn is_specific_to_manager(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::NoManager(_) => true,
            Self::Refusal { status: 503, .. } => true,
            Self::Refusal { message, .. } => UNDECIDED.iter().any(|word| message.contains(word)),
            Self::InvalidAnswer { .. } => false,
        }
    }

    /// Whether the requested object does not exist.
    pub(crate) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Refusal { status: 404, .. })
    }

    /// Whether the object was changed or created by another client. For a change the engine has no
    /// separate status.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refusal { status: 409, message, .. } if message.contains("already exists"))
            || matches!(self, Self::Refusal { message, .. } if message.contains("update out of sequence"))
    }
}

impl From<Failure> for OrchestratorError {
    fn from(failure: Failure) -> Self {
        if failure.is_conflict() {
            Self::Conflict
        } else if failure.is_specific_to_manager() {
            Self::Unavailable(failure.to_string())
        } else {
            Self::Refused(failure.to_string())
        }
    }
}
