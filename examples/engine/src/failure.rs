use thiserror::Error;

/// Why a request failed, or why its effect is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// No answer.
    #[error("{endpoint}: {why}")]
    NoAnswer {
        /// The endpoint.
        endpoint: String,
        /// The problem.
        why: String,
    },
    /// The engine refused the request.
    #[error("{endpoint}: status {status}: {message}")]
    Refusal {
        /// The endpoint.
        endpoint: String,
        /// HTTP status.
        status: u16,
        /// Message of the engine, of at most 400 characters.
        message: String,
    },
    /// The answer is invalid.
    #[error("{endpoint}: invalid answer: {why}")]
    InvalidAnswer {
        /// The endpoint.
        endpoint: String,
        /// The problem.
        why: String,
    },
}

impl Failure {
    /// Whether the requested object does not exist.
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Refusal { status: 404, .. })
    }
}
