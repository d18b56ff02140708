//! How pools of machines stand, and what is done for them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serve::Json;

use super::input::{Body, Named, Nothing, Params, time};
use super::mode::{LASTS, tell};
use super::services::HOUR;
use crate::handle::Request;
use crate::policy::Mode;
use crate::view::Point;
use crate::web::Site;
use crate::web::access::Permit;
use serve::{Problem, quoted};
use sflow_autoscale::node_pools::PoolEvent;
use sflow_autoscale::node_pools::PoolStatus;

#[derive(Serialize)]
pub(super) struct All {
    /// What the loop may do at most.
    mode: Mode,
    pools: Vec<PoolStatus>,
}

pub(super) async fn list(State(site): State<Site>, _: Params<Nothing>) -> Json<All> {
    let board = site.handle.board().lock();
    Json(All {
        mode: board.mode(),
        pools: board.pools().to_vec(),
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
    standing: PoolStatus,
    /// What has happened, oldest first.
    events: Vec<PoolEvent>,
    /// Seconds since the loop began.
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
    let board = site.handle.board().lock();
    let standing = board.pool(&name).ok_or_else(|| unknown(&name))?;
    let elapsed = (board.now() - board.started()).as_secs_f64();
    let past = length.map(|length| {
        let from = elapsed - length.as_secs_f64();
        let mut past = board.past_of_pool(&name);
        past.retain(|point| point.at >= from);
        past
    });
    Ok(Json(One {
        standing: standing.clone(),
        events: board.events_of_pool(&name).cloned().collect(),
        elapsed,
        past,
    }))
}

#[derive(Serialize)]
pub(super) struct OfPool {
    pool: String,
    /// Its own.
    mode: Mode,
    /// What is done: its own, or the loop's where that allows less.
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
    tell(&site, request).await?;
    of_pool(&site, &name).map(Json)
}

fn of_pool(site: &Site, name: &str) -> Result<OfPool, Problem> {
    let board = site.handle.board().lock();
    let standing = board.pool(name).ok_or_else(|| unknown(name))?;
    Ok(OfPool {
        pool: name.to_owned(),
        mode: standing.own_mode,
        effective: standing.mode,
        lasts: LASTS,
    })
}

pub(super) fn unknown(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        &format!("No pool {:?} is under control.", quoted(name)),
        "See /api/v1/pools for those that are; the configuration names them.",
    )
}
