//! The limits of `serve`, on the routes of this program.

#[path = "../../../serve/tests/clients/mod.rs"]
mod clients;

use super::*;
use crate::model::Model;

fn routes() -> Router {
    let model = Shared::new(Model::new("test", false, 1.0));
    router(Site::new(model, Question::new([]), Vec::new()))
}

#[tokio::test(start_paused = true)]
async fn excessive_requests_are_rejected_with_retry_after() {
    clients::excessive_requests_are_rejected_with_retry_after(&routes(), "/api/presets").await;
}

#[tokio::test(start_paused = true)]
async fn unfinished_requests_are_ended() {
    clients::unfinished_requests_are_ended(routes(), "/").await;
}

#[tokio::test(start_paused = true)]
async fn foreign_host_names_are_rejected() {
    clients::foreign_host_names_are_rejected(&routes(), "/").await;
}

#[tokio::test(start_paused = true)]
async fn request_before_first_datagram_may_be_repeated() {
    let response = clients::get(&routes(), "/api/flows", "localhost").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "2");
}
