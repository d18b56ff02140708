//! Metrics of the registries over HTTP, in the text formats of OpenMetrics and Prometheus.

mod answers;
mod exposition;
mod family;
mod health;
mod labels;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use sflow_metrics::query::Query;
use untrusted::report;

use exposition::Exposition;
use serve::exposition::Format;

use crate::telemetry::Shared;

/// The default address, which only this machine can reach.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9343);

/// The time for which other clients get a response that is still being sent.
const SHARED_FOR: Duration = Duration::from_secs(10);

const INDEX: &str = "\
Metrics from sFlow agents for Prometheus: GET /metrics

sflow_NAME            the metric NAME of `query --metrics` per entity, with the unit; counters end in _total
sflow_custom          custom metrics of applications
sflow_answer          results, if a query was given
sflow_stream_…        datagrams and samples received, lost and rejected
sflow_agent_…         the same per agent
sflow_entities        number of entities by kind and lifecycle
";

/// Address and content of the metrics.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    /// Limits the metrics to those of the query and the entities to those that it selects, and adds
    /// its results.
    pub(crate) query: Option<Query>,
    pub(crate) max_series: usize,
}

/// Parses an address to serve on: a port, an address, or both.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    serve::listen_address(text, DEFAULT_ADDRESS).ok_or(
        "give a port, an address, or both, as in 9343 or 0.0.0.0:9343; \
         queries and captures come before --prometheus",
    )
}

/// Serves scrapes in a thread that ends with the program. Returns the address.
pub(crate) fn serve(settings: Settings, shared: Shared) -> anyhow::Result<SocketAddr> {
    let address = settings.address;
    let listener = TcpListener::bind(address).map_err(|error| cannot_serve(address, error))?;
    let listening = listener.local_addr()?;
    let ended = |result: io::Result<()>| {
        if let Err(error) = result {
            report!("metrics are no longer served: {error}");
        }
    };
    let router = router(settings, shared);
    serve::serve_in_thread(
        "prometheus",
        listener,
        router,
        std::future::pending(),
        ended,
    )?;
    Ok(listening)
}

fn router(settings: Settings, shared: Shared) -> Router {
    let router = Router::new()
        .route("/metrics", get(scrape))
        .route("/", get(INDEX))
        .layer(map_response(close_connection))
        .with_state(Arc::new(Scrapes {
            settings,
            shared,
            open_metrics: Mutex::default(),
            text: Mutex::default(),
        }));
    serve::protect(router)
}

fn cannot_serve(address: SocketAddr, error: io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "end the program that uses it, or give",
        _ => "give",
    };
    let what = format!("cannot serve metrics on {address}: {advice} --prometheus another address");
    anyhow::Error::new(error).context(what)
}

/// Responses to scrapes. Slow clients do not multiply them in memory: while a response is being sent
/// and is younger than [`SHARED_FOR`], other clients that accept its format get the same one.
struct Scrapes {
    settings: Settings,
    shared: Shared,
    open_metrics: Mutex<Newest>,
    text: Mutex<Newest>,
}

/// The newest response, which exists while it is being sent, and the time it was created.
type Newest = Option<(Instant, Weak<str>)>;

/// The body of a response, shared by several clients.
struct SharedBody(Arc<str>);

impl AsRef<[u8]> for SharedBody {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Scrapes {
    fn response(&self, format: Format) -> Result<Arc<str>, std::fmt::Error> {
        let newest = match format {
            Format::OpenMetrics => &self.open_metrics,
            Format::Text => &self.text,
        };
        let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((created, body)) = &*newest
            && created.elapsed() < SHARED_FOR
            && let Some(body) = body.upgrade()
        {
            return Ok(body);
        }
        let exposition = Exposition {
            format,
            settings: self.settings.clone(),
            shared: self.shared.clone(),
        };
        let body: Arc<str> = encode(exposition)?.into();
        *newest = Some((Instant::now(), Arc::downgrade(&body)));
        Ok(body)
    }
}

fn encode(exposition: Exposition) -> Result<String, std::fmt::Error> {
    let format = exposition.format;
    let mut metrics = prometheus_client::registry::Registry::default();
    metrics.register_collector(Box::new(exposition));
    let mut body = String::new();
    text::encode_registry(&mut body, &metrics)?;
    if format == Format::OpenMetrics {
        text::encode_eof(&mut body)?;
    }
    Ok(body)
}

async fn scrape(State(scrapes): State<Arc<Scrapes>>, headers: HeaderMap) -> Response {
    let format = Format::of_request(&headers, Format::Text);
    let Ok(body) = scrapes.response(format) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = Bytes::from_owner(SharedBody(body));
    let headers = [
        (header::CONTENT_TYPE, format.media_type()),
        (header::VARY, "accept"),
    ];
    (headers, body).into_response()
}

/// Closes the connection, so that idle clients do not use up the allowed connections.
async fn close_connection(mut response: Response) -> Response {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

#[cfg(test)]
mod limits;
#[cfg(test)]
mod tests;
