//! The HTTP API under `/api/v1`.

mod accept;
mod agents;
mod configuration;
mod decisions;
mod entities;
mod events;
mod health;
mod input;
mod mode;
mod pools;
mod query;
mod secret;
mod services;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use serve::{Json, Problem, Work};

use self::input::{Nothing, Params};
use super::Site;

/// State of the API in addition to the loop.
#[derive(Debug, Default)]
pub(super) struct Own {
    configuration: configuration::Own,
    waiting: decisions::Waiting,
}

/// A path and its methods.
type Route = (&'static str, fn() -> MethodRouter<Site>);

/// JSON responses with the usual time limit.
const ROUTES: &[Route] = &[
    ("/api/v1/agents", || get(agents::list)),
    ("/api/v1/config/validate", || post(configuration::validate)),
    ("/api/v1/entities", || get(entities::list)),
    ("/api/v1/events", || get(events::list)),
    ("/api/v1/health", || get(health::show)),
    ("/api/v1/mode", || get(mode::show).put(mode::set)),
    ("/api/v1/openapi.json", || get(show_document)),
    ("/api/v1/pools", || get(pools::list)),
    ("/api/v1/pools/{name}", || get(pools::show)),
    ("/api/v1/pools/{name}/mode", || {
        get(pools::show_mode).put(pools::set_mode)
    }),
    ("/api/v1/query", || get(query::answer)),
    ("/api/v1/ready", || get(health::show_readiness)),
    ("/api/v1/services", || get(services::list)),
    ("/api/v1/services/{name}", || get(services::show)),
    ("/api/v1/services/{name}/mode", || {
        get(mode::show_of_service).put(mode::set_of_service)
    }),
    ("/api/v1/snapshot", || get(show_snapshot)),
];

/// Responses that may be delayed.
const PATIENT: &[Route] = &[("/api/v1/decisions", || get(decisions::list))];

/// Routes with their own content negotiation.
const OWN_FORM: &[Route] = &[("/api/v1/config", || {
    get(configuration::show).put(configuration::replace)
})];

/// All paths.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    let all = [ROUTES, PATIENT, OWN_FORM].into_iter().flatten();
    all.map(|(path, _)| *path)
}

/// Routes with the usual time limit.
pub(super) fn router() -> Router<Site> {
    at(ROUTES)
        .layer(middleware::from_fn(accept::json))
        .merge(at(OWN_FORM))
        .route("/healthz", get(health::show_as_text))
        .route("/readyz", get(health::show_readiness_as_text))
}

/// Routes that may be delayed.
pub(super) fn patient_router() -> Router<Site> {
    at(PATIENT)
        .layer(middleware::from_fn(accept::json))
        .method_not_allowed_fallback(super::not_allowed)
}

fn at(routes: &[Route]) -> Router<Site> {
    routes
        .iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods())
        })
}

async fn show_snapshot(
    State(site): State<Site>,
    Extension(work): Extension<Work>,
    _: Params<Nothing>,
) -> Result<Response, Problem> {
    // Including the serialisation, which takes most of the time.
    work.run(move || Json(site.snapshot()).into_response())
        .await
}

async fn show_document(_: Params<Nothing>) -> impl IntoResponse {
    const DOCUMENT: &str = include_str!("../openapi.json");
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
