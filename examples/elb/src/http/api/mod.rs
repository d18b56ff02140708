//! The HTTP API under `/api/v1`. The OpenAPI document follows from the handlers and their types.

mod agents;
mod configuration;
mod document;
mod entities;
mod health;
mod history;
mod input;
mod query;
mod secret;
mod subjects;

use std::hash::RandomState;
use std::sync::LazyLock;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use tokio::sync::{Mutex, Semaphore};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use serve::{Json, Problem, Work};

use self::input::{Nothing, Params, accepts_json};
use super::Site;
use crate::status::LeaderView;
use crate::view::Snapshot;

/// State of the API in addition to that of the loop.
#[derive(Debug)]
pub(super) struct ApiState {
    /// Held from the comparison of versions of the configuration until a change was applied.
    configuring: Mutex<()>,
    /// Hashes configurations to versions that do not reveal their content.
    versions: RandomState,
    /// Limits the configurations that are received or validated concurrently, because each needs
    /// memory.
    validating: Semaphore,
    /// Limits the clients that wait for a decision; further ones are answered immediately.
    waiting: Semaphore,
}

impl Default for ApiState {
    fn default() -> Self {
        Self {
            configuring: Mutex::default(),
            versions: RandomState::default(),
            validating: Semaphore::new(8),
            waiting: Semaphore::new(64),
        }
    }
}

/// The OpenAPI document, as JSON.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let routes = [json_routes(), patient_routes(), own_form_routes()];
    let document = OpenApiRouter::with_openapi(document::Document::openapi());
    let all = routes.into_iter().fold(document, OpenApiRouter::merge);
    document::text(&all.into_openapi())
});

/// JSON responses with the usual time limit.
fn json_routes() -> OpenApiRouter<Site> {
    OpenApiRouter::default()
        .routes(routes!(agents::list))
        .routes(routes!(configuration::validate))
        .routes(routes!(entities::list))
        .routes(routes!(health::show))
        .routes(routes!(health::show_readiness))
        .routes(routes!(history::events))
        .routes(routes!(query::answer))
        .routes(routes!(show_document))
        .routes(routes!(show_leader))
        .routes(routes!(show_snapshot))
        .routes(routes!(subjects::mode, subjects::set_mode))
        .routes(routes!(subjects::pool))
        .routes(routes!(subjects::pool_mode, subjects::set_pool_mode))
        .routes(routes!(subjects::pools))
        .routes(routes!(subjects::service))
        .routes(routes!(subjects::service_mode, subjects::set_service_mode))
        .routes(routes!(subjects::services))
        .layer(middleware::from_fn(accepts_json))
}

/// Responses that may be delayed.
fn patient_routes() -> OpenApiRouter<Site> {
    OpenApiRouter::default()
        .routes(routes!(history::decisions))
        .layer(middleware::from_fn(accepts_json))
}

/// Routes with their own content negotiation.
fn own_form_routes() -> OpenApiRouter<Site> {
    OpenApiRouter::default().routes(routes!(configuration::show, configuration::replace))
}

/// Routes with the usual time limit.
pub(super) fn router() -> Router<Site> {
    let routes = json_routes().merge(own_form_routes());
    Router::from(routes).route("/readyz", get(health::show_readiness_as_text))
}

/// The liveness probe. It costs little and is not limited by the rate of a client: behind a proxy
/// the probe may share its address with all clients, and a failed probe ends this program.
pub(super) fn liveness_router() -> Router<Site> {
    Router::new()
        .route("/healthz", get(health::show_as_text))
        .method_not_allowed_fallback(super::not_allowed)
}

/// Routes that may be delayed.
pub(super) fn patient_router() -> Router<Site> {
    Router::from(patient_routes()).method_not_allowed_fallback(super::not_allowed)
}

/// The OpenAPI document.
pub(super) fn document() -> &'static str {
    &DOCUMENT
}

/// Data of the page
#[utoipa::path(
    get,
    path = "/api/v1/snapshot",
    operation_id = "snapshot",
    responses((status = 200, description = "Success.", body = Snapshot), (status = 408))
)]
async fn show_snapshot(
    State(site): State<Site>,
    Extension(work): Extension<Work>,
    _: Params<Nothing>,
) -> Result<Response, Problem> {
    // Including the serialisation, which takes most of the time.
    work.run(move || Json(site.handle.snapshot(usize::MAX)).into_response())
        .await
}

/// Leadership of this instance
///
/// A standby answers requests that change something with status 409.
#[utoipa::path(
    get,
    path = "/api/v1/leader",
    operation_id = "leader",
    responses((status = 200, description = "Success.", body = LeaderView))
)]
async fn show_leader(State(site): State<Site>, _: Params<Nothing>) -> Json<LeaderView> {
    Json(site.handle.status().lock().leader_view())
}

/// This document
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "document",
    responses((status = 200, description = "Success.", body = Object))
)]
async fn show_document(_: Params<Nothing>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], document())
}
