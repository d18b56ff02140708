//! Failures of requests to an engine.

use engine::Failure as Request;
use thiserror::Error;

use crate::orchestrator::OrchestratorError;

/// Why a request to a swarm failed, or why its effect is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Failure {
    /// The request to one manager failed.
    #[error(transparent)]
    Request(#[from] Request),
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
            Self::NoManager(_) | Self::Request(Request::NoAnswer { .. }) => true,
            Self::Request(Request::Refusal {
                status, message, ..
            }) => *status == 503 || UNDECIDED.iter().any(|word| message.contains(word)),
            Self::Request(Request::InvalidAnswer { .. }) => false,
        }
    }

    /// Whether the requested object does not exist.
    pub(super) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Request(failure) if failure.is_not_found())
    }

    /// Whether the object was changed or created by another client. For a change the engine has no
    /// separate status.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Request(Request::Refusal {
            status, message, ..
        }) = self
        else {
            return false;
        };
        *status == 409 && message.contains("already exists")
            || message.contains("update out of sequence")
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
