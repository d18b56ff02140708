//! The page, the API and the metrics of a running loop.
//!
//! | path | what |
//! | --- | --- |
//! | `/` | the page; it is updated every two seconds |
//! | `/service/{service}` | the page of one service: its containers and decisions |
//! | `/pool/{pool}` | the page of one pool of machines |
//! | `/chart/{service}.svg` | a service's chart |
//! | `/api/v1/…` | the API; `/api/v1/openapi.json` describes it |
//! | `/metrics` | metrics of the control loop, as OpenMetrics or in the text format of Prometheus |
//! | `/healthz` | 200 while the loop runs, else 503 |
//! | `/readyz` | 200 while all data for decisions is available, else 503 |
//!
//! Reading never changes anything. Writing and expensive reading require the token if one is
//! configured; without one, only clients on this machine may write.

mod access;
mod api;
mod diagnosis;
mod openmetrics;
mod pages;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use serve::exposition::Format;
use serve::{HostCheck, Problem, RateLimiter, Work};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use self::access::Access;
use crate::charts;
use crate::format::shortened;
use crate::handle::Handle;
use crate::policy::{Subject, SubjectKind};
use crate::shared::Shared;

/// The server's state: a running loop and its access rules.
#[derive(Clone)]
pub struct Site {
    handle: Handle,
    access: Arc<Access>,
    hosts: HostCheck,
    limiter: RateLimiter,
    /// Time of the last logged refusal.
    refused: Shared<Option<Instant>>,
    /// Number of responses by status.
    answers: Shared<BTreeMap<u16, u64>>,
    api: Arc<api::ApiState>,
    diagnosis: Shared<Option<diagnosis::Newest>>,
}

impl Site {
    /// A site for the loop of this handle. Only clients on this machine may write.
    pub fn new(handle: Handle) -> Self {
        Self {
            handle,
            access: Arc::default(),
            hosts: HostCheck::default(),
            limiter: RateLimiter::default(),
            refused: Shared::default(),
            answers: Shared::default(),
            api: Arc::default(),
            diagnosis: Shared::default(),
        }
    }

    /// Sets the requirements for write access.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        Self {
            hosts: HostCheck::new(&access.names),
            access: Arc::new(access),
            ..self
        }
    }
}

/// Serves the site on the given listener until `shutdown` is ready.
///
/// Requests in progress are completed, for at most one second. On a listener beyond loopback, every
/// client that can reach it can read everything.
///
/// # Errors
///
/// Errors of the listener.
pub async fn serve(
    listener: TcpListener,
    site: Site,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve::serve(listener, router(site), shutdown).await
}

/// A server in a separate thread.
#[derive(Debug)]
pub struct Server {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl Server {
    /// Serves the site in a separate thread, so that it responds independently of the control loop.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(listener: std::net::TcpListener, site: Site) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let shutdown = async move {
            stopped.await.ok();
        };
        let ended_with = |result| {
            end.send(result).ok();
        };
        serve::serve_in_thread("http", listener, router(site), shutdown, ended_with)?;
        Ok(Self { stop, ended })
    }

    /// Stops the server, like `shutdown` of [`serve()`].
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn stop(self) -> io::Result<()> {
        self.stop.send(()).ok();
        self.ended.await.unwrap_or(Ok(()))
    }
}

/// The OpenAPI document of the API, as JSON.
pub fn openapi() -> &'static str {
    api::document()
}

/// The routes, to be combined with others. Writing requires the peer's address as
/// [`ConnectInfo`](axum::extract::ConnectInfo).
pub fn router(site: Site) -> Router {
    let in_time = serve::limit_requests(
        Router::new()
            .route("/", get(show_page))
            .route("/service/{name}", get(show_service))
            .route("/pool/{name}", get(show_pool))
            .route("/chart/{file}", get(show_chart))
            .route("/script.js", get(show_script))
            .route("/metrics", get(show_metrics))
            .merge(api::router())
            .fallback(not_found)
            .method_not_allowed_fallback(not_allowed),
    );
    let routes = in_time.merge(api::patient_router());
    let liveness = serve::limit_requests(api::liveness_router());
    let routes = serve::limit_clients(routes, site.hosts.clone(), site.limiter.clone())
        .merge(serve::check_hosts(liveness, site.hosts.clone()));
    serve::restrict_browsers(routes)
        .layer(middleware::from_fn_with_state(site.clone(), count))
        .with_state(site)
}

/// Search on the page.
#[derive(Deserialize)]
struct Find {
    #[serde(default)]
    find: String,
}

async fn show_page(
    State(site): State<Site>,
    find: Result<Query<Find>, QueryRejection>,
) -> Response {
    // An invalid query string is ignored.
    let find = find.map_or_else(|_| String::new(), |Query(it)| it.find);
    pages::overview(&site, &shortened(&find, 80))
}

async fn show_service(State(site): State<Site>, Path(name): Path<String>) -> Response {
    show_subject(&site, &Subject::service(name))
}

async fn show_pool(State(site): State<Site>, Path(name): Path<String>) -> Response {
    show_subject(&site, &Subject::pool(name))
}

fn show_subject(site: &Site, subject: &Subject) -> Response {
    pages::of_subject(site, subject).unwrap_or_else(|| {
        let (kind, name) = (subject.kind.name(), shortened(&subject.name, 80));
        let message = format!("Unknown {kind} {name}; / lists the {kind}s.\n");
        (StatusCode::NOT_FOUND, message).into_response()
    })
}

async fn show_script() -> Response {
    let javascript = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (javascript, pages::SCRIPT).into_response()
}

async fn show_chart(
    State(site): State<Site>,
    Extension(work): Extension<Work>,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    work.run(move || draw_chart(&site, &file)).await
}

fn draw_chart(site: &Site, file: &str) -> Response {
    let status = site.handle.status().lock();
    let name = file.strip_suffix(".svg");
    let Some(service) = name.and_then(|name| status.view(name)) else {
        let file = shortened(file, 80);
        let message = format!("Unknown chart {file}; charts are named SERVICE.svg.\n");
        return (StatusCode::NOT_FOUND, message).into_response();
    };
    let decisions = status.decisions(&Subject::service(&service.name));
    let began = status.began();
    drop(status);
    let live = charts::Live {
        kind: SubjectKind::Service,
        service: &service,
        decisions: &decisions,
        began,
    };
    let svg = live.file(charts::WIDE);
    ([(CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}

async fn show_metrics(
    State(site): State<Site>,
    Extension(work): Extension<Work>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = Format::of_request(&headers, Format::OpenMetrics);
    let body = work
        .run(move || openmetrics::exposition(&site, format))
        .await?;
    let headers = [(CONTENT_TYPE, format.media_type()), (VARY, "accept")];
    let failed = |fmt::Error| StatusCode::INTERNAL_SERVER_ERROR;
    Ok(body
        .map(|body| (headers, body))
        .map_err(failed)
        .into_response())
}

async fn not_found(uri: Uri) -> Response {
    let path = shortened(uri.path(), 80);
    if path.starts_with("/api/") {
        return Problem::new(
            StatusCode::NOT_FOUND,
            &format!("Unknown path {path}."),
            "/api/v1/openapi.json lists the paths.",
        )
        .into_response();
    }
    let known = "/, /service/SERVICE, /pool/POOL, /chart/SERVICE.svg, /api/v1/openapi.json, /metrics, /healthz and /readyz";
    let message = format!("Unknown path {path}. Paths: {known}.\n");
    (StatusCode::NOT_FOUND, message).into_response()
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let path = shortened(uri.path(), 80);
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!(
            "{path} does not support {}.",
            shortened(method.as_str(), 20)
        ),
        "The header Allow of this response lists the supported methods.",
    )
}

async fn count(State(site): State<Site>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status().as_u16();
    *site.answers.lock().entry(status).or_default() += 1;
    response
}
