//! What the loop may do, for all services and for each.

use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serve::Json;

use super::input::{Body, Named, Nothing, Params};
use super::services::unknown;
use crate::handle::{Refusal, Request};
use crate::policy::Mode;
use crate::web::Site;
use crate::web::access::Permit;
use serve::{Problem, quoted};

/// What becomes of a mode that was set here.
pub(super) const LASTS: &str = "until elb is started again or gets another configuration";

#[derive(Serialize)]
pub(super) struct Global {
    /// What may be done at most.
    mode: Mode,
    lasts: &'static str,
}

#[derive(Serialize)]
pub(super) struct OfService {
    service: String,
    /// Its own.
    mode: Mode,
    /// What is done: its own, or the loop's where that allows less.
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
    tell(&site, request).await?;
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
    tell(&site, request).await?;
    of_service(&site, &name).map(Json)
}

/// Tells the loop something, and says in HTTP why it did not.
pub(super) async fn tell(site: &Site, request: Request) -> Result<(), Problem> {
    let problem = match site.handle.tell(request).await {
        Ok(()) => return Ok(()),
        Err(Refusal::UnknownService(name)) => unknown(&name),
        Err(Refusal::UnknownPool(name)) => super::pools::unknown(&name),
        Err(Refusal::Impossible(why)) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            &quoted(&why),
            "Nothing has changed. Put it right and send it again.",
        ),
        Err(Refusal::Busy) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The loop is busy waiting for the orchestrator.",
            "Look whether it was done, or ask again.",
        )
        .header(RETRY_AFTER, HeaderValue::from_static("5")),
        Err(Refusal::Ended) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The loop has ended.",
            "Start elb again.",
        ),
    };
    Err(problem)
}

fn global(site: &Site) -> Global {
    Global {
        mode: site.handle.board().lock().mode(),
        lasts: LASTS,
    }
}

fn of_service(site: &Site, name: &str) -> Result<OfService, Problem> {
    let board = site.handle.board().lock();
    let standing = board.standing(name).ok_or_else(|| unknown(name))?;
    Ok(OfService {
        service: name.to_owned(),
        mode: standing.own_mode,
        effective: standing.mode,
        lasts: LASTS,
    })
}
