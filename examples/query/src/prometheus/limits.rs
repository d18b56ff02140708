//! The limits of `serve`, on the routes of this program.

#[path = "../../../serve/tests/clients/mod.rs"]
mod clients;

use super::*;

fn routes() -> Router {
    let settings = Settings {
        address: DEFAULT_ADDRESS,
        query: None,
        max_series: 100,
    };
    router(
        settings,
        Shared::new(vec![sflow_metrics::Registry::default()]),
    )
}

#[tokio::test(start_paused = true)]
async fn excessive_scrapes_are_rejected_with_retry_after() {
    clients::excessive_requests_are_rejected_with_retry_after(&routes(), "/metrics").await;
}

#[tokio::test(start_paused = true)]
async fn unfinished_scrapes_are_ended() {
    clients::unfinished_requests_are_ended(routes(), "/metrics").await;
}

#[tokio::test(start_paused = true)]
async fn foreign_host_names_are_rejected() {
    clients::foreign_host_names_are_rejected(&routes(), "/metrics").await;
}
