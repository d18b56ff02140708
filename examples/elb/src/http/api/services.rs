//! Services: status and history.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serve::Json;

use super::input::{Named, Nothing, Params, time};
use crate::http::Site;
use crate::policy::Mode;
use crate::status::ServiceStatus;
use crate::view::Point;
use serve::{Problem, quoted};
use sflow_autoscale::observe::ContainerView;

/// Maximum length of the history.
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Serialize)]
pub(super) struct All {
    /// Mode of the loop.
    mode: Mode,
    services: Vec<ServiceStatus>,
}

pub(super) async fn list(State(site): State<Site>, _: Params<Nothing>) -> Json<All> {
    let status = site.handle.status().lock();
    Json(All {
        mode: status.mode(),
        services: status.services().to_vec(),
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
    service: ServiceStatus,
    /// Seconds since the start of the loop.
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
    let status = site.handle.status().lock();
    let service = status.service(&name).ok_or_else(|| unknown(&name))?;
    let elapsed = (status.now() - status.started()).as_secs_f64();
    let past = length.map(|length| {
        let from = elapsed - length.as_secs_f64();
        let mut past = status.service_history(&name);
        past.retain(|point| point.at >= from);
        past
    });
    Ok(Json(One {
        service: service.clone(),
        elapsed,
        past,
        containers,
    }))
}

pub(super) fn unknown(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        &format!("Unknown service {:?}.", quoted(name)),
        "/api/v1/services lists the services.",
    )
}
