//! The limits, with the routes of this test.

mod clients;

use axum::Router;
use axum::routing::get;

fn routes() -> Router {
    serve::protect(Router::new().route("/", get("here")))
}

#[tokio::test(start_paused = true)]
async fn excessive_requests_are_rejected_with_retry_after() {
    clients::excessive_requests_are_rejected_with_retry_after(&routes(), "/").await;
}

#[tokio::test(start_paused = true)]
async fn foreign_host_names_are_rejected() {
    clients::foreign_host_names_are_rejected(&routes(), "/").await;
}

#[tokio::test(start_paused = true)]
async fn unfinished_requests_are_ended() {
    clients::unfinished_requests_are_ended(routes(), "/").await;
}
