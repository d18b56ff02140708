//! Refusals, and missing and invalid answers.

use elb::orchestrator::{Orchestrator, OrchestratorError};

use crate::engine::{Reply, Script, apache, docker, every_field, names};

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

/// Refusals of updates.
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
async fn each_refusal_is_classified() {
    for (status, message, means) in REFUSALS {
        let engine = Script::tcp(vec![
            Reply::json(&every_field("apache", 1)),
            Reply::refusal(status, message),
        ])
        .await;
        let error = docker(&[&engine]).scale(&apache(), 3).await.unwrap_err();
        assert_eq!(meaning(&error), Some(means), "{status} {message}");
        let text = error.to_string();
        match means {
            Means::Conflict => {}
            Means::NotFound => assert_eq!(text, "service apache does not exist"),
            Means::Unavailable | Means::Refused => {
                assert!(
                    text.contains(&format!("status {status}: {message}")),
                    "{text}"
                );
                assert!(text.contains(&engine.endpoint), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn missing_and_invalid_answers_are_classified() {
    let page = format!("<html>{}</html>", "x".repeat(100_000));
    for (reply, means, text) in [
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
            "invalid answer",
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
        assert!(error.to_string().contains(text), "{reply:?}: {error}");
        assert!(error.to_string().len() < 1_000, "a refusal is cut");
    }
}

#[tokio::test]
async fn missing_service_is_named() {
    let engine = Script::tcp(vec![Reply::refusal(404, "service id-apache not found")]).await;
    let refusal = docker(&[&engine]).scale(&apache(), 3).await;
    assert_eq!(
        refusal,
        Err(OrchestratorError::NotFound("apache".to_owned()))
    );
}
