//! What it means when an engine does not do what it was asked.

use thiserror::Error;

use crate::orchestrator::OrchestratorError;

/// Why a request has not had its effect, or none that is known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Failure {
    /// Nothing came back.
    #[error("{endpoint}: {why}")]
    Silent {
        /// Who was asked.
        endpoint: String,
        /// What happened instead.
        why: String,
    },
    /// No.
    #[error("{endpoint}: status {status}: {message}")]
    Refusal {
        /// Who was asked.
        endpoint: String,
        /// HTTP's status.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// Something that is not what the interface promises.
    #[error("{endpoint}: an answer that cannot be read: {why}")]
    Unreadable {
        /// Who was asked.
        endpoint: String,
        /// Where it differs.
        why: String,
    },
    /// All managers were asked, and none could answer.
    #[error("{0}")]
    NoManager(String),
}

/// Words of managers that cannot decide now: the leader is gone, and none is elected yet or can
/// be. All of them come with status 500.
const UNDECIDED: [&str; 5] = [
    "does not have a leader",
    "lost leader status",
    "code = DeadlineExceeded",
    "code = Unavailable",
    "context deadline exceeded",
];

impl Failure {
    /// Whether the fault is with the manager that was asked, so that another may do better.
    pub(super) fn is_of_the_manager(&self) -> bool {
        match self {
            Self::Silent { .. } | Self::NoManager(_) => true,
            Self::Refusal { status: 503, .. } => true,
            Self::Refusal { message, .. } => UNDECIDED.iter().any(|word| message.contains(word)),
            Self::Unreadable { .. } => false,
        }
    }

    /// Whether what was asked for does not exist.
    pub(super) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Refusal { status: 404, .. })
    }

    /// Whether somebody else has changed the service; the engine has no status of its own for it.
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Refusal { message, .. } if message.contains("update out of sequence"))
    }
}

impl From<Failure> for OrchestratorError {
    fn from(failure: Failure) -> Self {
        if failure.is_conflict() {
            Self::Conflict
        } else if failure.is_of_the_manager() {
            Self::Unavailable(failure.to_string())
        } else {
            Self::Refused(failure.to_string())
        }
    }
}
