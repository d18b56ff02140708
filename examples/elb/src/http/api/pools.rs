//! Node pools: status, history and mode.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serve::Json;

use super::input::{Body, Named, Nothing, Params, time};
use super::mode::{LASTS, send};
use super::services::HOUR;
use crate::handle::Request;
use crate::http::Site;
use crate::http::access::Permit;
use crate::policy::Mode;
use crate::view::Point;
use serve::{Problem, quoted};
use sflow_autoscale::node_pools::PoolEvent;
use sflow_autoscale::node_pools::PoolStatus;

#[derive(Serialize)]
pub(super) struct All {
    /// Mode of the loop.
    mode: Mode,
    pools: Vec<PoolStatus>,
}

pub(super) async fn list(State(site): State<Site>, _: Params<Nothing>) -> Json<All> {
    let status = site.handle.status().lock();
    Json(All {
        mode: status.mode(),
        pools: status.pools().to_vec(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    past: Option<String>,
}

#[derive(Serialize)]
pub(super) struct One {
    #[serde(flatten)]
    pool: PoolStatus,
    /// Events, oldest first.
    events: Vec<PoolEvent>,
    /// Seconds since the start of the loop.
    elapsed: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    past: Option<Vec<Point>>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Named(name): Named,
    Params(wanted): Params<Wanted>,
) -> Result<Json<One>, Problem> {
    let length = wanted.past.as_deref();
    let length = length.map(|text| time("past", text, HOUR)).transpose()?;
    let status = site.handle.status().lock();
    let pool = status.pool(&name).ok_or_else(|| unknown(&name))?;
    let elapsed = (status.now() - status.started()).as_secs_f64();
    let past = length.map(|length| {
        let from = elapsed - length.as_secs_f64();
        let mut past = status.pool_history(&name);
        past.retain(|point| point.at >= from);
        past
    });
    Ok(Json(One {
        pool: pool.clone(),
        events: status.events_of_pool(&name).cloned().collect(),
        elapsed,
        past,
    }))
}

#[derive(Serialize)]
pub(super) struct OfPool {
    pool: String,
    /// The pool's own mode.
    mode: Mode,
    /// Effective mode: the more restrictive of the pool's mode and the loop's mode.
    effective: Mode,
    lasts: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedMode {
    mode: Mode,
}

pub(super) async fn show_mode(
    State(site): State<Site>,
    Named(name): Named,
    _: Params<Nothing>,
) -> Result<Json<OfPool>, Problem> {
    of_pool(&site, &name).map(Json)
}

pub(super) async fn set_mode(
    State(site): State<Site>,
    _: Permit,
    Named(name): Named,
    _: Params<Nothing>,
    Body(wanted): Body<WantedMode>,
) -> Result<Json<OfPool>, Problem> {
    let request = Request::SetPoolMode {
        pool: name.clone(),
        mode: wanted.mode,
    };
    send(&site, request).await?;
    of_pool(&site, &name).map(Json)
}

fn of_pool(site: &Site, name: &str) -> Result<OfPool, Problem> {
    let status = site.handle.status().lock();
    let pool = status.pool(name).ok_or_else(|| unknown(name))?;
    Ok(OfPool {
        pool: name.to_owned(),
        mode: pool.own_mode,
        effective: pool.mode,
        lasts: LASTS,
    })
}

pub(super) fn unknown(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        &format!("Unknown pool {:?}.", quoted(name)),
        "/api/v1/pools lists the pools.",
    )
}
