//! Services and node pools: status, history and mode.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serve::{Json, Problem, quoted};
use utoipa::ToSchema;

use super::input::{Body, Named, Nothing, Params, time};
use crate::handle::{Refusal, Request};
use crate::history::Source;
use crate::http::Site;
use crate::http::access::Permit;
use crate::policy::{Mode, Subject, SubjectKind};
use crate::status::{LoopStatus, ServiceStatus};
use crate::view::Point;
use sflow_autoscale::node_pools::{PoolEvent, PoolStatus};
use sflow_autoscale::observe::ContainerView;

/// Maximum length of the history.
const HOUR: Duration = Duration::from_secs(3_600);
/// Duration of a mode that was set through the API.
const LASTS: &str = "until elb is restarted or the configuration changes; if instances elect a leader, \
                     also until another one leads, except off for all";

/// Status of all services.
#[derive(Serialize, ToSchema)]
pub(super) struct Services {
    /// Mode of the loop.
    mode: Mode,
    services: Vec<ServiceStatus>,
}

/// Status of all node pools.
#[derive(Serialize, ToSchema)]
pub(super) struct Pools {
    /// Mode of the loop.
    mode: Mode,
    pools: Vec<PoolStatus>,
}

/// Status and history of a service.
#[derive(Serialize, ToSchema)]
pub(super) struct Service {
    #[serde(flatten)]
    status: ServiceStatus,
    #[serde(flatten)]
    history: Past,
    containers: Vec<ContainerView>,
}

/// Status, history and events of a node pool.
#[derive(Serialize, ToSchema)]
pub(super) struct Pool {
    #[serde(flatten)]
    status: PoolStatus,
    #[serde(flatten)]
    history: Past,
    /// Events, oldest first.
    events: Vec<PoolEvent>,
}

/// History of a service or pool.
#[derive(Serialize, ToSchema)]
pub(super) struct Past {
    /// Seconds from the start of the loop to its last round.
    elapsed: f64,
    /// The requested part of the history, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    past: Option<Vec<Point>>,
}

/// Mode of the loop.
#[derive(Serialize, ToSchema)]
pub(super) struct LoopMode {
    mode: Mode,
    /// How long a mode that was set through the API is kept.
    lasts: &'static str,
}

/// Mode of a service or pool.
#[derive(Serialize, ToSchema)]
pub(super) struct SubjectMode {
    #[serde(flatten)]
    subject: Name,
    /// Its own mode.
    mode: Mode,
    /// Effective mode: the more restrictive of its own mode and the mode of the loop.
    effective: Mode,
    /// How long a mode that was set through the API is kept.
    lasts: &'static str,
}

/// Name of a service or pool.
#[derive(Serialize, ToSchema)]
#[schema(as = SubjectName)]
#[serde(rename_all = "snake_case")]
enum Name {
    Service(String),
    Pool(String),
}

/// The new mode.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMode {
    mode: Mode,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Length {
    /// Length of the returned history, at most one hour: 90s, 10m.
    #[param(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)?$")]
    past: Option<String>,
}

impl Length {
    /// The requested history of a subject that exists.
    fn read(&self, status: &LoopStatus, subject: &Subject) -> Result<Past, Problem> {
        let length = self.past.as_deref();
        let length = length.map(|text| time("past", text, HOUR)).transpose()?;
        let elapsed = (status.now() - status.started()).as_secs_f64();
        let past = length.map(|length| {
            let from = elapsed - length.as_secs_f64();
            let mut past = status.points(subject);
            past.retain(|point| point.at >= from);
            past
        });
        Ok(Past { elapsed, past })
    }
}

/// Status of all services
#[utoipa::path(
    get,
    path = "/api/v1/services",
    responses((status = 200, description = "Success.", body = Services))
)]
pub(super) async fn services(State(site): State<Site>, _: Params<Nothing>) -> Json<Services> {
    let status = site.handle.status().lock();
    Json(Services {
        mode: status.mode(),
        services: status.services().to_vec(),
    })
}

/// Status of all node pools
#[utoipa::path(
    get,
    path = "/api/v1/pools",
    responses((status = 200, description = "Success.", body = Pools))
)]
pub(super) async fn pools(State(site): State<Site>, _: Params<Nothing>) -> Json<Pools> {
    let status = site.handle.status().lock();
    Json(Pools {
        mode: status.mode(),
        pools: status.pools().to_vec(),
    })
}

/// Status and history of a service
#[utoipa::path(
    get,
    path = "/api/v1/services/{name}",
    params(Named, Length),
    responses((status = 200, description = "Success.", body = Service))
)]
pub(super) async fn service(
    State(site): State<Site>,
    Named(name): Named,
    Params(length): Params<Length>,
) -> Result<Json<Service>, Problem> {
    let containers = site.handle.containers(&name);
    let status = site.handle.status().lock();
    let subject = Subject::service(name);
    let history = length.read(&status, &subject)?;
    let service = status.service(&subject.name);
    Ok(Json(Service {
        status: service.ok_or_else(|| unknown(&subject))?.clone(),
        history,
        containers,
    }))
}

/// Status, history and events of a node pool
#[utoipa::path(
    get,
    path = "/api/v1/pools/{name}",
    params(Named, Length),
    responses((status = 200, description = "Success.", body = Pool))
)]
pub(super) async fn pool(
    State(site): State<Site>,
    Named(name): Named,
    Params(length): Params<Length>,
) -> Result<Json<Pool>, Problem> {
    let status = site.handle.status().lock();
    let subject = Subject::pool(name);
    let history = length.read(&status, &subject)?;
    let pool = status.pool(&subject.name);
    Ok(Json(Pool {
        status: pool.ok_or_else(|| unknown(&subject))?.clone(),
        history,
        events: status.events_of_pool(&subject.name).cloned().collect(),
    }))
}

/// Mode of the loop
#[utoipa::path(
    get,
    path = "/api/v1/mode",
    responses((status = 200, description = "Success.", body = LoopMode))
)]
pub(super) async fn mode(State(site): State<Site>, _: Params<Nothing>) -> Json<LoopMode> {
    Json(LoopMode {
        mode: site.handle.status().lock().mode(),
        lasts: LASTS,
    })
}

/// Set the mode of the loop
///
/// The mode is kept until elb is restarted or the configuration changes. The mode of each service
/// still applies if it is more restrictive.
#[utoipa::path(
    put,
    path = "/api/v1/mode",
    operation_id = "setMode",
    request_body = NewMode,
    responses((status = 200, description = "Success.", body = LoopMode)),
    security(("token" = []), ("thisMachine" = []))
)]
pub(super) async fn set_mode(
    state: State<Site>,
    permit: Permit,
    params: Params<Nothing>,
    Body(new): Body<NewMode>,
) -> Result<Json<LoopMode>, Problem> {
    let (subject, mode, source) = (None, new.mode, permit.source());
    let request = Request::SetMode {
        subject,
        mode,
        source,
    };
    send(&state, request).await?;
    Ok(self::mode(state, params).await)
}

/// Mode of a service
#[utoipa::path(
    get,
    path = "/api/v1/services/{name}/mode",
    operation_id = "serviceMode",
    params(Named),
    responses((status = 200, description = "Success.", body = SubjectMode))
)]
pub(super) async fn service_mode(
    State(site): State<Site>,
    Named(name): Named,
    _: Params<Nothing>,
) -> Result<Json<SubjectMode>, Problem> {
    mode_of(&site, &Subject::service(name))
}

/// Set the mode of a service
///
/// The mode is kept until elb is restarted or the configuration changes.
#[utoipa::path(
    put,
    path = "/api/v1/services/{name}/mode",
    operation_id = "setServiceMode",
    params(Named),
    request_body = NewMode,
    responses((status = 200, description = "Success.", body = SubjectMode)),
    security(("token" = []), ("thisMachine" = []))
)]
pub(super) async fn set_service_mode(
    State(site): State<Site>,
    permit: Permit,
    Named(name): Named,
    _: Params<Nothing>,
    Body(new): Body<NewMode>,
) -> Result<Json<SubjectMode>, Problem> {
    set_mode_of(&site, Subject::service(name), new.mode, permit.source()).await
}

/// Mode of a node pool
#[utoipa::path(
    get,
    path = "/api/v1/pools/{name}/mode",
    operation_id = "poolMode",
    params(Named),
    responses((status = 200, description = "Success.", body = SubjectMode))
)]
pub(super) async fn pool_mode(
    State(site): State<Site>,
    Named(name): Named,
    _: Params<Nothing>,
) -> Result<Json<SubjectMode>, Problem> {
    mode_of(&site, &Subject::pool(name))
}

/// Set the mode of a node pool
///
/// The mode is kept until elb is restarted or the configuration changes. A pool without a hook
/// cannot act. Orders and drained machines remain unchanged when the mode becomes more restrictive.
#[utoipa::path(
    put,
    path = "/api/v1/pools/{name}/mode",
    operation_id = "setPoolMode",
    params(Named),
    request_body = NewMode,
    responses((status = 200, description = "Success.", body = SubjectMode)),
    security(("token" = []), ("thisMachine" = []))
)]
pub(super) async fn set_pool_mode(
    State(site): State<Site>,
    permit: Permit,
    Named(name): Named,
    _: Params<Nothing>,
    Body(new): Body<NewMode>,
) -> Result<Json<SubjectMode>, Problem> {
    set_mode_of(&site, Subject::pool(name), new.mode, permit.source()).await
}

async fn set_mode_of(
    site: &Site,
    subject: Subject,
    mode: Mode,
    source: Source,
) -> Result<Json<SubjectMode>, Problem> {
    let request = Request::SetMode {
        subject: Some(subject.clone()),
        mode,
        source,
    };
    send(site, request).await?;
    mode_of(site, &subject)
}

fn mode_of(site: &Site, subject: &Subject) -> Result<Json<SubjectMode>, Problem> {
    let status = site.handle.status().lock();
    let (mode, effective) = status.mode_of(subject).ok_or_else(|| unknown(subject))?;
    let name = subject.name.clone();
    Ok(Json(SubjectMode {
        subject: match subject.kind {
            SubjectKind::Service => Name::Service(name),
            SubjectKind::Pool => Name::Pool(name),
        },
        mode,
        effective,
        lasts: LASTS,
    }))
}

pub(super) fn unknown(subject: &Subject) -> Problem {
    let kind = subject.kind.name();
    let detail = format!("Unknown {kind} {:?}.", quoted(&subject.name));
    let advice = format!("/api/v1/{kind}s lists the {kind}s.");
    Problem::new(StatusCode::NOT_FOUND, &detail, &advice)
}

/// Sends a request to the loop and converts a refusal to an HTTP problem.
pub(super) async fn send(site: &Site, request: Request) -> Result<(), Problem> {
    let problem = match site.handle.send(request).await {
        Ok(()) => return Ok(()),
        Err(Refusal::Unknown(subject)) => unknown(&subject),
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
