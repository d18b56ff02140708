//! How services stand.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serve::Json;

use super::input::{Named, Nothing, Params, time};
use crate::board::Standing;
use crate::policy::Mode;
use crate::view::Point;
use crate::web::Site;
use serve::{Problem, quoted};
use sflow_autoscale::observe::ContainerView;

/// The longest past that is kept.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Serialize)]
pub(super) struct All {
    /// What the loop may do at most.
    mode: Mode,
    services: Vec<Standing>,
}

pub(super) async fn list(State(site): State<Site>, _: Params<Nothing>) -> Json<All> {
    let board = site.handle.board().lock();
    Json(All {
        mode: board.mode(),
        services: board.standings().to_vec(),
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
    standing: Standing,
    /// Seconds since the loop began.
    elapsed: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    past: Option<Vec<Point>>,
    containers: Vec<ContainerView>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Named(name): Named,
    Params(wanted): Params<Wanted>,
) -> Result<Json<One>, Problem> {
    let length = wanted.past.as_deref();
    let length = length.map(|text| time("past", text, HOUR)).transpose()?;
    let containers = site.handle.containers(&name);
    let board = site.handle.board().lock();
    let standing = board.standing(&name).ok_or_else(|| unknown(&name))?;
    let elapsed = (board.now() - board.started()).as_secs_f64();
    let past = length.map(|length| {
        let from = elapsed - length.as_secs_f64();
        let mut past = board.past(&name);
        past.retain(|point| point.at >= from);
        past
    });
    Ok(Json(One {
        standing: standing.clone(),
        elapsed,
        past,
        containers,
    }))
}

pub(super) fn unknown(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        &format!("No service {:?} is under control.", quoted(name)),
        "See /api/v1/services for those that are; the configuration names them.",
    )
}
