//! Modes of the loop and of services.

use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serve::Json;

use super::input::{Body, Named, Nothing, Params};
use super::services::unknown;
use crate::handle::{Refusal, Request};
use crate::http::Site;
use crate::http::access::Permit;
use crate::policy::Mode;
use serve::{Problem, quoted};

/// Duration of a mode that was set through the API.
pub(super) const LASTS: &str = "until elb is restarted or the configuration changes";

#[derive(Serialize)]
pub(super) struct Global {
    /// Mode of the loop.
    mode: Mode,
    lasts: &'static str,
}

#[derive(Serialize)]
pub(super) struct OfService {
    service: String,
    /// The service's own mode.
    mode: Mode,
    /// Effective mode: the more restrictive of the service's mode and the loop's mode.
    effective: Mode,
    lasts: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    mode: Mode,
}

pub(super) async fn show(State(site): State<Site>, _: Params<Nothing>) -> Json<Global> {
    Json(global(&site))
}

pub(super) async fn set(
    State(site): State<Site>,
    _: Permit,
    _: Params<Nothing>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Global>, Problem> {
    let request = Request::SetMode {
        service: None,
        mode: wanted.mode,
    };
    send(&site, request).await?;
    Ok(Json(global(&site)))
}

pub(super) async fn show_of_service(
    State(site): State<Site>,
    Named(name): Named,
    _: Params<Nothing>,
) -> Result<Json<OfService>, Problem> {
    of_service(&site, &name).map(Json)
}

pub(super) async fn set_of_service(
    State(site): State<Site>,
    _: Permit,
    Named(name): Named,
    _: Params<Nothing>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<OfService>, Problem> {
    let request = Request::SetMode {
        service: Some(name.clone()),
        mode: wanted.mode,
    };
    send(&site, request).await?;
    of_service(&site, &name).map(Json)
}

/// Sends a request to the loop and converts a refusal to an HTTP problem.
pub(super) async fn send(site: &Site, request: Request) -> Result<(), Problem> {
    let problem = match site.handle.send(request).await {
        Ok(()) => return Ok(()),
        Err(Refusal::UnknownService(name)) => unknown(&name),
        Err(Refusal::UnknownPool(name)) => super::pools::unknown(&name),
        Err(Refusal::Impossible(why)) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            &quoted(&why),
            "Nothing has changed. Correct the request and send it again.",
        ),
        Err(Refusal::Busy) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The loop is waiting for the orchestrator.",
            "Check whether the change was applied, or try again.",
        )
        .header(RETRY_AFTER, HeaderValue::from_static("5")),
        Err(Refusal::Ended) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The loop has ended.",
            "Restart elb.",
        ),
    };
    Err(problem)
}

fn global(site: &Site) -> Global {
    Global {
        mode: site.handle.status().lock().mode(),
        lasts: LASTS,
    }
}

fn of_service(site: &Site, name: &str) -> Result<OfService, Problem> {
    let status = site.handle.status().lock();
    let service = status.service(name).ok_or_else(|| unknown(name))?;
    Ok(OfService {
        service: name.to_owned(),
        mode: service.own_mode,
        effective: service.mode,
        lasts: LASTS,
    })
}
