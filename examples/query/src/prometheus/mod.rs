//! What a registry knows, for Prometheus and whoever else reads OpenMetrics.

mod answers;
mod exposition;
mod family;
mod health;
mod labels;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use sflow_collector::{OtherProtocol, Tally};
use sflow_metrics::{Registry, Timestamp, query::Query};

use exposition::Exposition;
use serve::HostCheck;

/// Where it is when nobody says where: where only this machine can look.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9343);

/// An answer that is still being sent is given to other clients for so long.
const SHARED_FOR: Duration = Duration::from_secs(10);

const DIRECTIONS: &str = "\
What sFlow agents say, in the format of OpenMetrics: GET /metrics

sflow_NAME            what `query --metrics` calls NAME, for each entity; counters end in _total
sflow_custom          what applications report under names of their own
sflow_answer          the answers, if a question was asked
sflow_stream_…        how much was heard, lost and refused
sflow_agent_…         the same of each agent
sflow_entities        how many there are, and how they do
";

/// What is taken in and what is asked for, and the time of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) now: Timestamp,
    /// Datagrams that were no sFlow version 5.
    pub(crate) malformed: u64,
    /// The protocols of these, as far as they are known.
    pub(crate) protocols: Tally<OtherProtocol>,
    /// Datagrams that the kernel had no room for, if it tells.
    pub(crate) kernel_drops: Option<u64>,
}

/// A world that several may look at, one at a time.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(registry: Registry) -> Self {
        Self(Arc::new(Mutex::new(World {
            registry,
            now: Timestamp::ZERO,
            malformed: 0,
            protocols: Tally::default(),
            kernel_drops: None,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to tell, and how much of it at most.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) address: SocketAddr,
    /// Only the metrics of this query, of the entities that it is about; and its answers.
    pub(crate) query: Option<Query>,
    pub(crate) most_series: usize,
}

/// An address to serve on, as people type it: a port, an address, or both.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = text.strip_prefix(':').unwrap_or(text);
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(address) = text.parse() {
        Ok(address)
    } else if let Ok(port) = port.parse() {
        Ok(SocketAddr::new(USUAL.ip(), port))
    } else if let Ok(address) = bare.parse() {
        Ok(SocketAddr::new(address, USUAL.port()))
    } else {
        Err(
            "give a port, an address, or both, as in 9343 or 0.0.0.0:9343; \
             questions and captures come before --prometheus",
        )
    }
}

/// Answers scrapes from now on, in a thread of its own that ends with the program; tells where.
pub(crate) fn serve(wish: Wish, shared: Shared) -> anyhow::Result<SocketAddr> {
    let address = wish.address;
    let listener = TcpListener::bind(address).map_err(|error| cannot_serve(address, error))?;
    listener.set_nonblocking(true)?;
    let listening = listener.local_addr()?;
    let mut metrics = prometheus_client::registry::Registry::default();
    metrics.register_collector(Box::new(Exposition { wish, shared }));
    let router = Router::new()
        .route("/metrics", get(scrape))
        .route("/", get(DIRECTIONS))
        .layer(map_response(last_of_its_connection))
        .with_state(Arc::new(Scrapes {
            metrics,
            sent: Mutex::default(),
        }));
    let router = serve::protect(router, HostCheck::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("prometheus".into())
        .spawn(move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                serve::serve(listener, router, std::future::pending()).await
            });
            if let Err(error) = served {
                crate::run::complain(&format_args!("metrics are no longer served: {error}"));
            }
        })?;
    Ok(listening)
}

fn cannot_serve(address: SocketAddr, error: io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "end the program that has it, or give",
        _ => "give",
    };
    let what = format!("cannot serve metrics on {address}: {advice} --prometheus another address");
    anyhow::Error::new(error).context(what)
}

/// Answers to scrapes. However many clients are slow to read, few answers are in memory: while
/// one is being sent, and is younger than [`SHARED_FOR`], others get the same one.
struct Scrapes {
    metrics: prometheus_client::registry::Registry,
    /// When the newest answer was made, and it as long as it is being sent.
    sent: Mutex<Option<(Instant, Weak<str>)>>,
}

/// The bytes of an answer that several clients may be reading.
struct Shares(Arc<str>);

impl AsRef<[u8]> for Shares {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Scrapes {
    fn answer(&self) -> Result<Arc<str>, std::fmt::Error> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, answer)) = &*sent
            && made.elapsed() < SHARED_FOR
            && let Some(answer) = answer.upgrade()
        {
            return Ok(answer);
        }
        let mut body = String::new();
        text::encode(&mut body, &self.metrics)?;
        let answer: Arc<str> = body.into();
        *sent = Some((Instant::now(), Arc::downgrade(&answer)));
        Ok(answer)
    }
}

async fn scrape(State(scrapes): State<Arc<Scrapes>>) -> Response {
    let Ok(answer) = scrapes.answer() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let body = Bytes::from_owner(Shares(answer));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        body,
    )
        .into_response()
}

/// Nobody holds a place between two scrapes.
async fn last_of_its_connection(mut response: Response) -> Response {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

#[cfg(test)]
mod tests;
