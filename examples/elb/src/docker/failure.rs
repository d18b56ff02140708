//! What it means when an engine does not do what it was asked.

use thiserror::Error;

use crate::orchestrator::OrchestratorError;

/// Why a request has not had its effect, or none that is known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Failure {
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
/// be. They come with status 500.
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
    pub(crate) const fn is_not_found(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use crate::docker::script::{Reply, Script, apache, docker, every_field, names};
    use crate::orchestrator::{Orchestrator, OrchestratorError};

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Means {
        Conflict,
        NotFound,
        Unavailable,
        Refused,
    }

    fn meaning(error: &OrchestratorError) -> Option<Means> {
        match error {
            OrchestratorError::Conflict => Some(Means::Conflict),
            OrchestratorError::NotFound(_) => Some(Means::NotFound),
            OrchestratorError::NotScalable { .. } => None,
            OrchestratorError::Unavailable(_) => Some(Means::Unavailable),
            OrchestratorError::Refused(_) => Some(Means::Refused),
        }
    }

    /// What engines answer to an update that they do not make.
    const REFUSALS: [(u16, &str, Means); 11] = [
        (
            500,
            "rpc error: code = Unknown desc = update out of sequence",
            Means::Conflict,
        ),
        (404, "service id-apache not found", Means::NotFound),
        (
            503,
            "This node is not a swarm manager. Worker nodes can't be used.",
            Means::Unavailable,
        ),
        (
            500,
            "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that \
             too few managers are online. Make sure more than half of the managers are online.",
            Means::Unavailable,
        ),
        (
            500,
            "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            Means::Unavailable,
        ),
        (
            500,
            "rpc error: code = Unknown desc = raft: failed to process the request: node lost leader \
             status",
            Means::Unavailable,
        ),
        (
            400,
            "invalid service version '': strconv.ParseUint: parsing \"\"",
            Means::Refused,
        ),
        (400, "mismatched Runtime and *Spec fields", Means::Refused),
        (
            501,
            "rpc error: code = Unimplemented desc = service mode change is not allowed",
            Means::Refused,
        ),
        (
            400,
            "client version 1.99 is too new. Maximum supported API version is 1.41",
            Means::Refused,
        ),
        (500, "service does not have a previous spec", Means::Refused),
    ];

    #[tokio::test]
    async fn every_refusal_has_its_meaning() {
        for (status, message, means) in REFUSALS {
            let engine = Script::tcp(vec![
                Reply::json(&every_field("apache", 1)),
                Reply::refusal(status, message),
            ])
            .await;
            let error = docker(&[&engine]).scale(&apache(), 3).await.unwrap_err();
            assert_eq!(meaning(&error), Some(means), "{status} {message}");
            let words = error.to_string();
            match means {
                Means::Conflict => {}
                Means::NotFound => assert_eq!(words, "service apache does not exist"),
                Means::Unavailable | Means::Refused => {
                    assert!(
                        words.contains(&format!("status {status}: {message}")),
                        "{words}"
                    );
                    assert!(words.contains(&engine.endpoint), "{words}");
                }
            }
        }
    }

    #[tokio::test]
    async fn silence_and_rubbish_have_their_meaning_too() {
        let page = format!("<html>{}</html>", "x".repeat(100_000));
        for (reply, means, words) in [
            (Reply::Silence, Means::Unavailable, "no answer within 300ms"),
            (Reply::HangUp, Means::Unavailable, "closed"),
            (
                Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".to_owned()),
                Means::Unavailable,
                "message",
            ),
            (
                Reply::Raw("SSH-2.0-OpenSSH\r\n\r\n".to_owned()),
                Means::Unavailable,
                "HTTP",
            ),
            (
                Reply::Answer(200, "<html>".to_owned()),
                Means::Refused,
                "cannot be read",
            ),
            (
                Reply::Answer(200, r#"[{"ID":"x"}]"#.to_owned()),
                Means::Refused,
                "missing field",
            ),
            (
                Reply::Answer(502, page),
                Means::Refused,
                "status 502: <html>",
            ),
            (
                Reply::Answer(404, "page not found".to_owned()),
                Means::Refused,
                "page not found",
            ),
        ] {
            let engine = Script::tcp(vec![reply.clone()]).await;
            let error = docker(&[&engine])
                .services(&names(&["apache"]))
                .await
                .unwrap_err();
            assert_eq!(meaning(&error), Some(means), "{reply:?}: {error}");
            assert!(error.to_string().contains(words), "{reply:?}: {error}");
            assert!(error.to_string().len() < 1_000, "a refusal is cut");
        }
    }

    #[tokio::test]
    async fn the_service_that_is_gone_is_named() {
        let engine = Script::tcp(vec![Reply::refusal(404, "service id-apache not found")]).await;
        let refusal = docker(&[&engine]).scale(&apache(), 3).await;
        assert_eq!(
            refusal,
            Err(OrchestratorError::NotFound("apache".to_owned()))
        );
    }
}
